"""Many objects of a store handled at once on a few threads, with the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_IN_HAND = 4  # that wait or are done already, for each one that runs


def in_order(work: Callable[[Thing], Result], things: Iterable[Thing], threads: int) -> Iterator[Result]:
    """`work` of each thing, in the order of the things, of which no more are taken than can soon be worked on.

    threads: calls at once. What `work` raises is raised here, and then nothing more is begun.
    """
    queue = iter(things)
    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[Result]] = deque()
    try:
        for thing in queue:
            pending.append(pool.submit(work, thing))
            if len(pending) >= threads * _IN_HAND:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
