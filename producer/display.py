"""How progress looks: a bar on a terminal, lines in a pipe. All of it goes to stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from producer.output import clean, counted, note
from producer.status import JobStatus

LINE_EVERY_S = 2.0
OnEach = Callable[[], object]
_COLUMNS = 80
_ROWS = 24


class Display(Protocol):
    """Shows a job's progress."""

    def update(self, status: JobStatus) -> None:
        """The job stands like this now."""

    def note(self, text: str) -> None:
        """Something the user should know, in one line."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines:
    """A line when something has changed, at most one every two seconds. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[str, int, int | None] | None = None
        self._next_at = 0.0
        self._began: tuple[float, int] | None = None

    def update(self, status: JobStatus) -> None:
        now = self._clock()
        shown = (status.state, status.done, status.errors)
        new_state = self._last is None or self._last[0] != status.state
        if status.state != "running":
            self._began = None  # a pause is no time that was worked
        elif self._began is None:
            self._began = (now, status.done)
        if shown == self._last or not (new_state or now >= self._next_at):
            return
        self._last, self._next_at = shown, now + LINE_EVERY_S
        note(f"{status.job_id} {progress_text(status)}{self._pace(status, now)}")

    def note(self, text: str) -> None:
        note(text)

    def close(self) -> None:
        pass

    def _pace(self, status: JobStatus, now: float) -> str:
        if status.state != "running" or self._began is None or status.items is None:
            return ""
        seconds, done = now - self._began[0], status.done - self._began[1]
        if seconds <= 0 or done <= 0:
            return ""
        rate = done / seconds
        return f", {rate:.3g} images/s, {(status.items - status.done) / rate:.0f} s left"


class Bar:
    """A progress bar with rate and time left, drawn by tqdm. Its own bar is made with the first status."""

    def __init__(self) -> None:
        self._bar: Any = None

    def update(self, status: JobStatus) -> None:
        if self._bar is None:
            # What was done before we looked is `initial`, so that the rate is that of what we see.
            self._bar = make_bar(unit=" images", initial=status.done, mininterval=0)
        self._bar.total = status.items
        self._bar.ncols = terminal_columns()
        self._bar.set_description(status.state, refresh=False)
        if status.errors:
            self._bar.set_postfix_str(counted(status.errors, "error"), refresh=False)
        self._bar.update(status.done - self._bar.n)
        self._bar.refresh()

    def note(self, text: str) -> None:
        if self._bar is None:
            note(text)
        else:
            self._bar.write(clean(text), file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def make_bar(**options: Any) -> Any:
    """A tqdm bar on stderr, as wide as the terminal; `options` are tqdm's own."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # it would start a thread
    # A pseudo-terminal may give its size as 0 x 0, and tqdm then draws nothing.
    return tqdm(file=sys.stderr, ncols=terminal_columns(), nrows=_ROWS, **options)


@contextmanager
def counting(total: int | None, what: str, noun: str, clock: Callable[[], float] = time.monotonic) -> Iterator[OnEach]:
    """Shows how many are done: a bar on a terminal, in a pipe a line every two seconds. Call what it gives for each.

    total: None where it is not known. what: reads like `verifying`. clock: monotonic seconds.
    """
    if sys.stderr.isatty():
        with make_bar(total=total, desc=what, unit=f" {noun}s") as bar:
            yield bar.update
        return
    done, next_at = 0, clock() + LINE_EVERY_S

    def one_more() -> None:
        nonlocal done, next_at
        done += 1
        if clock() >= next_at:
            next_at = clock() + LINE_EVERY_S
            note(f"{what}: {counted(done, noun)}" if total is None else f"{what}: {done:,} of {counted(total, noun)}")

    yield one_more


def terminal_columns() -> int:
    """Width of the terminal that stderr is, or 80 where none is known."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def display_for_terminal() -> Display:
    """A bar where stderr is a terminal, otherwise lines."""
    return Bar() if sys.stderr.isatty() else Lines()


def progress_text(status: JobStatus) -> str:
    """`running: 128 of 500 images (25 %), 3 errors`."""
    if status.items is None:
        return status.state
    share = f" ({status.done * 100 // status.items} %)" if status.items else ""
    errors = f", {counted(status.errors, 'error')}" if status.errors else ""
    return f"{status.state}: {status.done:,} of {status.items:,} images{share}{errors}"
