"""`vaecore evaluate`: how good a checkpoint is."""

from __future__ import annotations

from pathlib import Path

import click

from vae_core.commands.params import PATH, check_out_folder


@click.command("evaluate")
@click.argument("checkpoint", type=PATH)
@click.argument("data", type=PATH)
@click.option(
    "--reference", "references", type=PATH, multiple=True, help="Another checkpoint, beside it in all tables."
)
@click.option("--train-data", type=PATH, help="Training images that are not in DATA; all of DATA is then tested on.")
@click.option("--photos", type=PATH, help="Folder of photographs, never trained on, to reconstruct.")
@click.option("--out", type=PATH, default="evaluation", show_default=True, help="Folder for the two files.")
@click.option("--samples", type=int, help="Samples of each model, at most and by default as many as test images.")
@click.option("--limit", type=int, default=1000, show_default=True, help="Test images at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same figures.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on stdout, not as tables.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def evaluate_command(
    checkpoint: Path,
    data: Path,
    references: tuple[Path, ...],
    train_data: Path | None,
    photos: Path | None,
    out: Path,
    samples: int | None,
    limit: int,
    seed: int,
    as_json: bool,
    device: str,
) -> None:
    """Measure CHECKPOINT on the test images of DATA, each figure beside its controls.

    DATA is what `vaecore train` takes. Writes OUT/evaluation.json and the page OUT/evaluation.html.
    """
    import logging
    import sys

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)

    from vae_core.evaluation.bench import Request
    from vae_core.evaluation.evaluator import evaluate
    from vae_core.evaluation.output import PAGE_NAME, write_evaluation
    from vae_core.evaluation.table import as_text
    from vae_core.evaluation.tables import all_tables, checks_table, notes
    from vae_core.model.devices import find_device

    check_out_folder(out)  # before what takes minutes
    request = Request(checkpoint, data, references, train_data, photos, limit, samples, seed)
    found, gallery = evaluate(request, find_device(device))
    write_evaluation(out, found, gallery)
    if as_json:
        click.echo(found.to_json(), nl=False)
    else:
        texts = [as_text(table) for table in (*all_tables(found), checks_table(found))]
        click.echo("\n\n".join([*texts, *notes(found)]))
    click.echo(f"written: {out / PAGE_NAME}", err=True)
