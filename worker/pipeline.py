"""Fetch, model and write at once: the next batches are read and the last ones written while one is on the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from itertools import chain, islice
from typing import Any, TypeVar

from vae_core.jobs.records import ItemError

Fetched = TypeVar("Fetched")
Made = TypeVar("Made")
Written = TypeVar("Written")

BATCHES_AHEAD = 2
BATCHES_BEHIND = 2


def run_batches(
    indices: Sequence[int],
    *,
    batch_size: int,
    executor: Executor,
    fetch: Callable[[int], Fetched | ItemError],
    model: Callable[[Sequence[Fetched]], Sequence[Made]],
    write: Callable[[Made], Written],
    between_batches: Callable[[], None],
) -> Iterator[list[Written | ItemError]]:
    """Runs every index through the three stages; yields what became of each batch, in order.

    `fetch` and `write` run on the executor, for at most two batches ahead and two behind; `model` runs here. An item
    whose fetch gives an ItemError is passed on as that, and leaves its batch. What a stage raises is raised here, once
    everything that was begun has come to rest: no write goes on behind the caller's back.
    """
    batches = (indices[start : start + batch_size] for start in range(0, len(indices), batch_size))
    reading: deque[list[Future[Fetched | ItemError]]] = deque()
    writing: deque[list[ItemError | Future[Written]]] = deque()

    def read_ahead() -> None:
        for batch in islice(batches, BATCHES_AHEAD + 1 - len(reading)):
            reading.append([executor.submit(fetch, index) for index in batch])

    try:
        read_ahead()
        while reading or writing:
            if reading:
                between_batches()
                fetched = [future.result() for future in reading[0]]
                reading.popleft()
                read_ahead()
                made = iter(model([item for item in fetched if not isinstance(item, ItemError)]))
                writing.append([])
                for item in fetched:
                    done = item if isinstance(item, ItemError) else executor.submit(write, next(made))
                    writing[-1].append(done)
            if len(writing) > BATCHES_BEHIND or not reading:
                yield [item if isinstance(item, ItemError) else item.result() for item in writing[0]]
                writing.popleft()
    finally:
        _come_to_rest([*chain(*reading), *(item for item in chain(*writing) if not isinstance(item, ItemError))])


def _come_to_rest(futures: Sequence[Future[Any]]) -> None:
    """Cancels what has not begun, and waits for the rest; an error of theirs, if any, is already on its way up."""
    for future in futures:
        future.cancel()
    wait(futures)
