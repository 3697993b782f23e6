"""The crowd: many submitters at once, `python -m tests.load.crowd --minutes 5`, or `make crowd`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click
import redis

from tests.load.crew import Crew
from tests.load.crowd_checks import accepted_orders, left_lying, store_problems, submission_problems
from tests.load.crowd_report import Outcome, as_data, lines
from tests.load.duty import Duty
from tests.load.ends import end_problems
from tests.load.journals import read_journals
from tests.load.orders import another_spec
from tests.load.site import FILE, MOTO, STORES, Site, site

MACHINES = 2
SUBMITTERS = 8
_MOST_OPEN = 2
_COMMAND_EVERY = SUBMITTERS  # in the first round one of them calls it, in the next another
_MEET_EVERY_S = 8.0
_MEETINGS = 4  # at least, however short the run
_LOOK_S = 0.25
_MOTO_LOOK_S = 1.0  # it answers some hundred requests a second
_DRAIN_S = 300.0


def run_crowd(kind: str, minutes: float, folder: Path, *, submitters: int = SUBMITTERS) -> Outcome:
    """Everything from the first process to the last. folder: exists; logs stay in it.

    Each submitter keeps a few of its jobs open, so that all of them can end in the end.
    """
    with site(kind, folder, VAEJOB_THREADS="1") as at:
        crew = Crew(at, [_duty(at, kind, minutes, number) for number in range(submitters)])
        try:
            at.start_machines(MACHINES)
            at.warm_up()
            began = crew.begin()
            while (now := time.monotonic()) < began + 60 * minutes:
                crew.check()
                crew.look()
                time.sleep(min(0.5, began + 60 * minutes - now))
            stopped = time.monotonic()
            crew.stop()
        finally:
            crew.end()
        orders = [*at.orders, *(another_spec(order) for order in at.orders)]
        problems = [
            *crew.problems,
            *submission_problems(crew.asked),
            *end_problems(crew.ended, orders),
            *left_lying(at),
        ]
        left = _left_in_redis(at)
        for number, machine in enumerate(at.machines):
            if status := machine.stop():  # so that its log is complete
                problems.append(f"machine {number} ended with status {status}")
        journals = read_journals(machine.log_file for machine in at.machines)
        problems.extend(store_problems(at.store, accepted_orders(crew.asked, orders), journals))
        problems.extend(f"in a worker's log: {line}" for line in journals.errors)
    return Outcome(
        store=kind,
        machines=MACHINES,
        submitters=submitters,
        began=began,
        stopped=stopped,
        look_s=_look_s(kind),
        asked=crew.asked,
        ended=crew.ended,
        left=left,
        warnings=journals.warnings,
        problems=problems,
    )


def _duty(at: Site, kind: str, minutes: float, number: int) -> Duty:
    folder = at.fleet.folder / "meetings"
    folder.mkdir(exist_ok=True)
    return Duty(
        number=number,
        orders=at.orders,
        most_open=_MOST_OPEN,
        look_s=_look_s(kind),
        drain_s=_DRAIN_S,
        command_every=_COMMAND_EVERY,
        meet_every_s=min(_MEET_EVERY_S, 60 * minutes / (_MEETINGS + 1)),
        meeting_folder=str(folder),
    )


def _look_s(kind: str) -> float:
    return _MOTO_LOOK_S if kind == MOTO else _LOOK_S


def _left_in_redis(at: Site) -> Mapping[str, int]:
    """How many keys there are, by the word that says what they are about."""
    with redis.Redis.from_url(at.redis_url, decode_responses=True) as client:
        names = (key.removeprefix(f"{at.channels.prefix}:").partition(":")[0] for key in client.scan_iter(count=1000))
        return Counter(names)


@click.command(context_settings={"show_default": True})
@click.option("--minutes", type=click.FloatRange(0.1), default=5.0, help="How long jobs are submitted.")
@click.option("--store", type=click.Choice(STORES), default=FILE)
@click.option("--submitters", type=click.IntRange(2, 64), default=SUBMITTERS, help="Processes, an even number.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
@click.option("--keep", is_flag=True, help="Keep logs and store of a run that has passed, too.")
def main(minutes: float, store: str, submitters: int, json_file: Path | None, keep: bool) -> None:
    """Have many submitters at two workers at once, and see that every accepted job ends, and is done once."""
    if submitters % 2:
        raise click.BadParameter(f"--submitters {submitters} is odd: an even number is expected, as they meet in pairs")
    folder = Path(tempfile.mkdtemp(prefix=f"crowd-{store}-"))
    click.echo(f"logs are in {folder} unless all is well", err=True)
    outcome = run_crowd(store, minutes, folder, submitters=submitters)
    click.echo("\n".join(lines(outcome)))
    if json_file is not None:
        json_file.write_text(json.dumps(as_data(outcome), indent=2) + "\n")
    if outcome.passed and not keep:
        shutil.rmtree(folder)
    sys.exit(0 if outcome.passed else 1)


if __name__ == "__main__":
    main()
