"""Fetch, model and write at once: the next batches are read and the last ones written while one is on the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

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
    begun: list[Future[object]] = []
    try:
        yield from _stages(indices, batch_size, executor, fetch, model, write, between_batches, begun)
    finally:
        for future in begun:
            future.cancel()
        for future in begun:
            if not future.cancelled():
                future.exception()  # waits; the first error is already on its way up


def _stages(  # one loop: splitting it would hide the order of the three stages
    indices: Sequence[int],
    batch_size: int,
    executor: Executor,
    fetch: Callable[[int], Fetched | ItemError],
    model: Callable[[Sequence[Fetched]], Sequence[Made]],
    write: Callable[[Made], Written],
    between_batches: Callable[[], None],
    begun: list[Future[object]],
) -> Iterator[list[Written | ItemError]]:
    batches = (indices[start : start + batch_size] for start in range(0, len(indices), batch_size))
    reading: deque[list[Future[Fetched | ItemError]]] = deque()
    writing: deque[list[ItemError | Future[Written]]] = deque()

    def submit(function: Callable[..., object], *arguments: object) -> Future[object]:
        future = executor.submit(function, *arguments)
        begun.append(future)
        return future

    def read_ahead() -> None:
        for batch in islice(batches, BATCHES_AHEAD + 1 - len(reading)):
            reading.append([submit(fetch, index) for index in batch])  # type: ignore[misc]

    read_ahead()
    while reading or writing:
        if reading:
            between_batches()
            fetched = [future.result() for future in reading.popleft()]
            read_ahead()
            made = iter(model([item for item in fetched if not isinstance(item, ItemError)]))
            writing.append([item if isinstance(item, ItemError) else submit(write, next(made)) for item in fetched])  # type: ignore[misc]
        if len(writing) > BATCHES_BEHIND or not reading:
            yield [item if isinstance(item, ItemError) else item.result() for item in writing.popleft()]
            begun[:] = [future for future in begun if not future.done()]
