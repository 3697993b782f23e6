"""The chaos suite: `python -m tests.chaos --faults 200 --seed 1 --store file`, or `make chaos`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import click

from tests.chaos.campaign import Outcome, run_campaign
from tests.chaos.faults import ALL_KINDS, kinds_for
from tests.chaos.grounds import STORES
from tests.chaos.report import as_data, lines


@click.command(context_settings={"show_default": True})
@click.option("--faults", type=click.IntRange(1), default=200, help="How many, on each store.")
@click.option("--seed", type=int, default=1, help="Of the schedule: the same seed, the same faults in the same order.")
@click.option("--store", type=click.Choice([*STORES, "all"]), default="file")
@click.option("--kind", "kinds", type=click.Choice(list(ALL_KINDS)), multiple=True, help="Faults of this kind alone.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
@click.option("--keep", is_flag=True, help="Keep logs and stores of a run that has passed, too.")
@click.option("--quiet", is_flag=True, help="Tell nothing before the end.")
def main(
    faults: int, seed: int, store: str, kinds: tuple[str, ...], json_file: Path | None, keep: bool, quiet: bool
) -> None:
    """Do faults to real processes at work, and check that every item comes out once, with the same bytes."""
    outcomes: list[Outcome] = []
    for one in STORES if store == "all" else (store,):
        if strange := set(kinds) - set(kinds_for(one)):
            raise click.UsageError(f"--kind {min(strange)} is none for --store {one}: {', '.join(kinds_for(one))}")
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{one}-"))
        outcome = run_campaign(one, seed, faults, folder, kinds=kinds, aloud=not quiet)
        outcomes.append(outcome)
        click.echo("\n".join(lines(outcome)))
        if not outcome.passed:
            click.echo(f"  again: {_again(faults, seed, one, kinds)}\n  logs: {folder}")
        elif not keep:
            shutil.rmtree(folder)
    if json_file is not None:
        json_file.write_text(json.dumps([as_data(outcome) for outcome in outcomes], indent=2) + "\n")
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


def _again(faults: int, seed: int, store: str, kinds: tuple[str, ...]) -> str:
    if not kinds:
        return f"make chaos FAULTS={faults} SEED={seed} STORE={store}"
    chosen = " ".join(f"--kind {kind}" for kind in kinds)
    return f"python -m tests.chaos --faults {faults} --seed {seed} --store {store} {chosen}"


if __name__ == "__main__":
    main()
