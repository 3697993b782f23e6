"""`vaecore animate`: a run's sheets as a film."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.commands.params import PATH, check_out_file

if TYPE_CHECKING:
    from vae_core.training.animation import Kind


@click.command("animate")
@click.argument("run", type=PATH)
@click.option("--out", type=PATH, required=True, help="The file to write: .webp, or .mp4.")
@click.option(
    "--of",
    "kind",
    type=click.Choice(["samples", "reconstructions"]),
    default="samples",
    show_default=True,
    help="Which sheets: always the same latents, or the same pictures.",
)
@click.option("--fps", type=float, default=4.0, show_default=True, help="Sheets a second.")
@click.option("--hold", "hold_s", type=float, default=2.0, show_default=True, help="Seconds that the last one stays.")
def animate_command(run: Path, out: Path, kind: Kind, fps: float, hold_s: float) -> None:
    """Show how the sheets of the training in the folder RUN changed while it learnt."""
    from vae_core.training.animation import find_sheets, write_animation

    check_out_file(out)
    sheets = find_sheets(run, kind)
    write_animation(sheets, out, fps=fps, hold_s=hold_s)
    click.echo(f"{len(sheets)} sheets of {kind}, up to image-step {sheets[-1].image_steps:,}: {out}", err=True)
