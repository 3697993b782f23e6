"""Fetch, model and write at once: the next batches are read and the last ones written while some are on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, wait
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from vae_core.jobs.records import ItemError
from worker.pools import Pools

Fetched = TypeVar("Fetched")
Made = TypeVar("Made")
Written = TypeVar("Written")
Given = TypeVar("Given")
Got = TypeVar("Got")

BATCHES_AHEAD = 2
BATCHES_BEHIND = 2


class Batches(Generic[Fetched, Made, Written]):
    """What becomes of each batch, in order: an iterator, to be read to its end or closed.

    `fetch` and `write` run on threads of `pools.io`, for at most two batches more than are on the device, either way,
    each with its share of a batch in one go, as handing over items one by one takes longer than to write some of them;
    `model` on those of `pools.model`. An item whose fetch gives an ItemError is passed on as that, and leaves its
    batch. What a stage raises is raised here, once everything that was begun has come to rest: no write goes on behind
    the caller's back.

    all_begun: whether the last of them has been given to the model; looked at after each step. With the step at which
    it comes about an empty batch is yielded, so that nobody has to wait to see it. Then another thread may read the
    rest, and the model's threads may be given batches of another pipeline.
    """

    def __init__(
        self,
        indices: Sequence[int],
        *,
        batch_size: int,
        pools: Pools,
        fetch: Callable[[int], Fetched | ItemError],
        model: Callable[[Sequence[Fetched]], Sequence[Made]],
        write: Callable[[Made], Written],
        between_batches: Callable[[], None],
    ) -> None:
        self._unread = (indices[start : start + batch_size] for start in range(0, len(indices), batch_size))
        self._pools = pools
        self._fetch = fetch
        self._model = model
        self._write = write
        self._between_batches = between_batches
        self._reading: deque[list[Future[list[Fetched | ItemError]]]] = deque()
        self._making: deque[tuple[list[Fetched | ItemError], Future[Sequence[Made]]]] = deque()
        self._writing: deque[tuple[list[Fetched | ItemError], list[Future[list[Written]]]]] = deque()
        self._ended = False
        self._steps = self._run()
        self.all_begun = len(indices) == 0

    def __iter__(self) -> Iterator[list[Written | ItemError]]:
        return self

    def __next__(self) -> list[Written | ItemError]:
        return next(self._steps)

    def close(self) -> None:
        """Begins nothing more, and waits for what was begun."""
        self._steps.close()

    def _run(self) -> Generator[list[Written | ItemError], None, None]:
        try:
            self._read_ahead()
            self._begin_batches()
            while self._making:
                if not self._reading and not self.all_begun:
                    self.all_begun = True
                    yield []
                self._write_next()
                if len(self._writing) > BATCHES_BEHIND:
                    yield self._written()
                self._begin_batches()
            while self._writing:
                yield self._written()
        finally:
            self._come_to_rest()

    def _begin_batches(self) -> None:
        """As many as there are streams, and one that waits, so that no stream has to wait for this thread."""
        while self._reading and len(self._making) <= self._pools.streams:
            self._between_batches()
            self._make_next()
            self._read_ahead()

    def _read_ahead(self) -> None:
        for batch in islice(self._unread, BATCHES_AHEAD + 1 - len(self._reading)):
            self._reading.append(self._shared(self._fetch, batch))

    def _make_next(self) -> None:
        fetched = _joined(self._reading[0])
        self._reading.popleft()
        good = [item for item in fetched if not isinstance(item, ItemError)]
        self._making.append((fetched, self._pools.model.submit(self._model, good)))

    def _write_next(self) -> None:
        fetched, future = self._making[0]
        made = future.result()
        self._making.popleft()
        self._writing.append((fetched, self._shared(self._write, made)))

    def _written(self) -> list[Written | ItemError]:
        fetched, futures = self._writing[0]
        written = iter(_joined(futures))
        self._writing.popleft()
        return [item if isinstance(item, ItemError) else next(written) for item in fetched]

    def _shared(self, work: Callable[[Given], Got], items: Sequence[Given]) -> list[Future[list[Got]]]:
        """The items, in order, in a run for each thread of `pools.io`."""
        size = max(1, math.ceil(len(items) / self._pools.io_threads))
        runs = (items[start : start + size] for start in range(0, len(items), size))
        return [self._pools.io.submit(self._each, work, run) for run in runs]

    def _each(self, work: Callable[[Given], Got], items: Sequence[Given]) -> list[Got]:
        return [work(item) for item in items if not self._ended]  # once it has, nobody asks for the rest

    def _come_to_rest(self) -> None:
        """Cancels what has not begun, and waits for the rest; an error of theirs, if any, is already on its way up."""
        self._ended = True
        making = (future for _, future in self._making)
        writing = chain.from_iterable(futures for _, futures in self._writing)
        futures: list[Future[Any]] = [*chain(*self._reading), *making, *writing]
        for future in futures:
            future.cancel()
        wait(futures)


def _joined(futures: Sequence[Future[list[Got]]]) -> list[Got]:
    return [item for future in futures for item in future.result()]
