"""The soak: small jobs of all kinds without a pause, `python -m tests.load.soak --minutes 30`, or `make soak`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import redis

from tests.fleet import wait_for
from tests.load.crew import Crew
from tests.load.duty import Duty
from tests.load.journals import read_journals
from tests.load.orders import Order
from tests.load.processes import Watch, processes_of
from tests.load.site import FILE, RCLONE, Site, site
from tests.load.soak_report import as_data, lines
from tests.load.soak_verdict import Outcome, judge
from vae_core.jobs.layout import JOBS, OPEN

STORES = (FILE, RCLONE)
SAMPLE_S = 5.0
_SAMPLES = 60  # at least, however short the run
_MOST_OPEN = 3
_KEEP = 20
_LOOK_S = 0.1
_FIRST_ROUND_S = 120.0
_DRAIN_S = 120.0
_CLOSED_S = 30.0


def run_soak(kind: str, minutes: float, folder: Path) -> Outcome:
    """Everything from the first process to the last. folder: exists; logs stay in it.

    With the folder store all is as on a laptop, with the Redis that the worker brings; with a bucket Redis is a server
    of its own. The clock starts once a job of each kind has ended. Of the ended jobs a few are kept; the others are
    removed as `vaejob rm` does it.
    """
    with site(kind, folder, embedded=kind == FILE) as at:
        at.start_machines(1)
        duty = Duty(number=0, orders=at.orders, most_open=_MOST_OPEN, look_s=_LOOK_S, drain_s=_DRAIN_S, keep=_KEEP)
        crew = Crew(at, [duty])
        try:
            crew.begin()
            wait_for("the end of a job of each kind", lambda: _first_round(crew, at.orders), _FIRST_ROUND_S)
            watch = Watch(processes_of(at.machines[0], at.redis_pid, crew.pids[0]))
            began = time.monotonic()
            keys = _soak(at, crew, watch, began + 60 * minutes)
            ended = time.monotonic()
            crew.stop()
        finally:
            crew.end()
        outcome = judge(kind, crew, at.orders, watch, (began, ended), keys)
        outcome.problems.extend(_left_over(at, crew))
        # Asked to stop as it is after days of work.
        if status := at.machines[0].stop():
            outcome.problems.append(f"the machine ended with status {status}")
        errors = read_journals([at.machines[0].log_file]).errors
        outcome.problems.extend(f"in the worker's log: {line}" for line in errors)
    return outcome


def _first_round(crew: Crew, orders: Sequence[Order]) -> bool:
    crew.check()
    crew.look()
    return {one.order for one in crew.ended} >= {order.name for order in orders}


def _soak(at: Site, crew: Crew, watch: Watch, until: float) -> Sequence[int]:
    """Samples until then; the number of keys in Redis at each sample."""
    pause_s = min(SAMPLE_S, (until - time.monotonic()) / _SAMPLES)
    keys = []
    with redis.Redis.from_url(at.redis_url) as client:
        while time.monotonic() < until:
            crew.check()
            crew.look()
            watch.look()
            keys.append(int(client.dbsize()))
            time.sleep(pause_s)
    return keys


def _left_over(at: Site, crew: Crew) -> Iterator[str]:
    """What is still marked open although all jobs have ended, and what is left of jobs that were removed."""
    deadline = time.monotonic() + _CLOSED_S
    while (left := [one.key for one in at.store.list(OPEN)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    if left:
        yield f"still open: {', '.join(left)}"
    if back := crew.removed & set(at.store.list_folders(JOBS)):
        yield f"removed, and there again: {', '.join(sorted(back))}"


@click.command(context_settings={"show_default": True})
@click.option("--minutes", type=click.FloatRange(0.1), default=30.0, help="How long, once all is under way.")
@click.option("--store", type=click.Choice(STORES), default=FILE)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
@click.option("--keep", is_flag=True, help="Keep the logs of a run that has passed, too.")
def main(minutes: float, store: str, json_file: Path | None, keep: bool) -> None:
    """Keep a machine at work on small jobs, and see that it stays as small and as fast as it was."""
    folder = Path(tempfile.mkdtemp(prefix=f"soak-{store}-"))
    click.echo(f"logs are in {folder} unless all is well", err=True)
    outcome = run_soak(store, minutes, folder)
    click.echo("\n".join(lines(outcome)))
    if json_file is not None:
        json_file.write_text(json.dumps(as_data(outcome), indent=2) + "\n")
    if outcome.passed and not keep:
        shutil.rmtree(folder)
    sys.exit(0 if outcome.passed else 1)


if __name__ == "__main__":
    main()
