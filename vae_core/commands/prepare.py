"""`vaecore prepare`: from a heap of pictures to a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.commands.params import PATH, processors

if TYPE_CHECKING:
    from vae_core.preparation.assembly import Prepared


@click.command("prepare")
@click.argument("source")
@click.argument("out", type=PATH)
@click.option("--size", type=int, default=128, show_default=True, help="Side of the square pictures, in pixels.")
@click.option(
    "--fit", default="pad", show_default=True, help="pad with white, squash, or crop the centre of what is not square."
)
@click.option(
    "--duplicates",
    "distance",
    type=int,
    default=14,
    show_default=True,
    help="Bits of 256 by which two pictures that look the same may differ, 0 to 40.",
)
@click.option("--validation", type=float, default=0.1, show_default=True, help="Share to choose settings on.")
@click.option("--test", type=float, default=0.1, show_default=True, help="Share to judge the result on.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
@click.option("--processes", type=int, default=None, help="Default: one per processor.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as one JSON object on stdout.")
@click.pass_obj
def prepare_command(
    environ: Mapping[str, str],
    source: str,
    out: Path,
    size: int,
    fit: str,
    distance: int,
    validation: float,
    test: float,
    overwrite: bool,
    processes: int | None,
    as_json: bool,
) -> None:
    """Make one data set OUT, a .zip, of all pictures of SOURCE: a folder, a zip, or s3://bucket/prefix/.

    Each picture is turned upright, laid on white, fitted to a square, and put into train, validation or test by its
    content alone. What cannot be read and what looks like another picture is left out, and listed: in report.json in
    OUT, and beside it with a sheet to look at.
    """
    from tqdm import tqdm

    from vae_core.jobs.checks import check_int
    from vae_core.preparation.assembly import prepare
    from vae_core.preparation.opening import Address
    from vae_core.preparation.recipe import Recipe
    from vae_core.preparation.splits import Shares
    from vae_core.settings import read_settings

    if processes is not None:
        check_int("--processes", processes, 1, 1024)
    recipe = Recipe(size=size, fit=fit, distance=distance, shares=Shares(validation, test))
    address = Address(source, read_settings(environ))
    with tqdm(unit="picture", disable=None, leave=False) as bar:  # None: only on a terminal

        def tick(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        prepared = prepare(address, out, recipe, overwrite=overwrite, processes=processes or processors(), tick=tick)
    for line in _lines(prepared):
        click.echo(line, err=True)
    if as_json:
        click.echo(prepared.report.to_json(), nl=False)


def _lines(prepared: Prepared) -> list[str]:
    return [*prepared.report.lines(), f"written: {', '.join(str(path) for path in prepared.output)}"]
