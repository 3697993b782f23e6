"""What a schedule's ledger of very many inputs costs: `python -m tests.bench.ledgers`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click

from tests.bench.folding import MORE, Figures
from tests.bench.report import Figure, Report, machine

_FOLD_S, _MOST_MB, _STORE_MB = 30.0, 300.0, 32.0  # of a million


def measure(count: int) -> Figures:
    """In a process of its own: torch, which the report asks for the machine's name, would hide what it takes."""
    command = [sys.executable, "-m", "tests.bench.folding", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Figures(**json.loads(done.stdout))


@click.command(context_settings={"show_default": True})
@click.option("--keys", "count", type=click.IntRange(1), default=1_000_000, help="Inputs that are done.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(count: int, json_file: Path | None) -> None:
    """Fold and look up. The status is 1 when it takes longer, or more memory, than is wanted of a million."""
    report = Report(click.echo)
    for what, value in machine().items():
        click.echo(f"{what}: {value}")
    found = measure(count)
    assert found.known == count + MORE, f"{found.known} of {count + MORE} inputs are known"
    report.head(f"a ledger of {count:,} inputs")
    report.add(Figure("fold them in", found.fold_s, "s", most=_FOLD_S))
    report.add(Figure(f"fold {MORE:,} more in", found.fold_more_s, "s", most=_FOLD_S))
    report.add(Figure("look all of them up", found.look_up_s, "s"))
    report.add(Figure("in the store", found.store_mb, "MB", most=_STORE_MB))
    report.add(Figure("peak memory", found.peak_mb, "MB", most=_MOST_MB))
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_data(), indent=2) + "\n")
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
