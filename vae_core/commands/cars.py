"""`vaecore cars`: draw a data set."""

from __future__ import annotations

from pathlib import Path

import click

from vae_core.commands.params import PATH, processors


@click.command("cars")
@click.argument("out", type=PATH)
@click.option("--n", "count", type=int, required=True, help="How many cars.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed draws the same cars.")
@click.option("--size", type=int, default=128, show_default=True, help="Side of an image, in pixels.")
@click.option("--processes", type=int, default=None, help="Default: one per processor.")
def cars_command(out: Path, count: int, seed: int, size: int, processes: int | None) -> None:
    """Draw cars as PNG files, and cars.csv with their parameters, into the folder OUT.

    Cars that are there already are kept, so that the same command goes on after an interruption.
    """
    from tqdm import tqdm

    from vae_core.jobs.checks import check_int
    from vae_core.training.cars.dataset import MAX_COUNT, write_cars
    from vae_core.training.cars.draw import MAX_KEY, MAX_SIZE, MIN_SIZE

    check_int("--n", count, 1, MAX_COUNT)
    check_int("--seed", seed, 0, MAX_KEY)
    check_int("--size", size, MIN_SIZE, MAX_SIZE)
    if processes is not None:
        check_int("--processes", processes, 1, 1024)
    with tqdm(total=count, unit="car", disable=None, leave=False) as bar:  # None: only on a terminal

        def report(done: int, total: int) -> None:
            """Those that were there count as done at once, but not into the rate."""
            if bar.n == 0 and done > 1:
                bar.initial = done
            bar.update(done - bar.n)

        written = write_cars(out, seed, count, size, processes or processors(), report)
    click.echo(f"{written} cars written to {out}, {count - written} were there", err=True)
