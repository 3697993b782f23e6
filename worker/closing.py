"""The end of a part beside the beginning of the next: while its last images are made and written, others begin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

_LOOK_EVERY_S = 1.0


class Closer:
    """Does what is left of one piece of work on a thread of its own. One at a time: the next has to wait for it.

    What a piece of work raises is raised once, by the first call after it. Calls come from one thread.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="closer")
        self._last: Future[None] | None = None

    def hand_over(self, rest: Callable[[], None], waiting: Callable[[], None] = lambda: None) -> None:
        """Returns as soon as the work handed over before is done. waiting: called every second until then."""
        self.settle(waiting)
        self._last = self._executor.submit(rest)

    def check(self) -> None:
        """Returns at once; raises what the last piece of work did, if that is over."""
        if self._last is not None and self._last.done():
            self.settle()

    def settle(self, waiting: Callable[[], None] = lambda: None) -> None:
        """Returns once nothing is left to do. waiting: called every second until then."""
        last, self._last = self._last, None
        if last is None:
            return
        while wait([last], timeout=_LOOK_EVERY_S).not_done:
            waiting()
        last.result()
