"""`vaeworker`, whose schedules take the time from a file: `python -m tests.chaos.moved_clock control`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

MOVED_CLOCK = "tests.chaos.moved_clock"
CLOCK = "MOVED_CLOCK"  # names the file: ISO 8601


def set_clock(path: Path, now: datetime) -> None:
    """All who look at the file see the time before or this one."""
    draft = path.with_suffix(".new")
    draft.write_text(now.astimezone(UTC).isoformat())
    draft.replace(path)


def main() -> None:
    from worker import control_role
    from worker.cli import main as vaeworker
    from worker.scheduling import Scheduler

    path = Path(os.environ[CLOCK])
    control_role.Scheduler = partial(Scheduler, clock=lambda: datetime.fromisoformat(path.read_text()))  # type: ignore[misc, assignment]
    vaeworker()


if __name__ == "__main__":
    main()
