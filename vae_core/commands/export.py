"""`vaecore export`: a checkpoint for runtimes other than ours."""

from __future__ import annotations

from pathlib import Path

import click

from vae_core.commands.params import PATH


@click.command("export")
@click.argument("checkpoint", type=PATH)
@click.option(
    "--to",
    "format_name",
    type=click.Choice(["onnx", "pt2", "torchscript"]),
    default="onnx",
    show_default=True,
    help="onnx runs without torch; pt2 is torch.export's; torchscript is deprecated since torch 2.14.",
)
@click.option("--out", type=PATH, help="Folder to write; CHECKPOINT's name with -onnx, ... in this folder if left out.")
@click.option("--tolerance", type=float, default=1e-4, show_default=True, help="Largest difference that is allowed.")
def export_command(checkpoint: Path, format_name: str, out: Path | None, tolerance: float) -> None:
    """Write the encoder, the decoder and both in one of the file CHECKPOINT, for any batch size.

    Each is compared with the checkpoint, at batches of 1, 2 and 5; where one differs by more than the tolerance,
    nothing is written and the exit code is 1.
    """
    from vae_core.export.exporter import export_checkpoint

    folder = out or Path(f"{checkpoint.stem}-{format_name}")
    info = export_checkpoint(checkpoint, folder, format_name, tolerance)
    for name, function in info.functions.items():
        path = folder / function.file
        size = path.stat().st_size / 1e6
        results = ", ".join(function.outputs)
        click.echo(
            f"{name:<12}  {size:6.2f} MB  {function.input} -> {results}; differs by {function.largest_difference:.1e}",
            err=True,
        )
    click.echo(folder)
