"""The end of a part beside the beginning of the next: while its last images are written, the device goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Closer:
    """Does what is left of one piece of work on a thread of its own. One at a time: the next has to wait for it."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="closer")
        self._last: Future[None] | None = None

    def hand_over(self, rest: Callable[[], None]) -> None:
        """Returns as soon as the work handed over before is done. rest: sees to its own errors."""
        self.settle()
        self._last = self._executor.submit(rest)

    def settle(self) -> None:
        """Returns once nothing is left to do. Raises what the work did not see to itself."""
        last, self._last = self._last, None
        if last is not None:
            last.result()
