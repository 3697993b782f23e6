"""Fetch, model and write at once: the next batches are read and the last ones written while some are on the device."""

from __future__ import annotations

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

BATCHES_AHEAD = 2
BATCHES_BEHIND = 2


class Batches(Generic[Fetched, Made, Written]):
    """What becomes of each batch, in order: an iterator, to be read to its end or closed.

    `fetch` and `write` run on threads of `pools.io`, for at most two batches more than are on the device, either way;
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
        self._reading: deque[list[Future[Fetched | ItemError]]] = deque()
        self._making: deque[tuple[list[Fetched | ItemError], Future[Sequence[Made]]]] = deque()
        self._writing: deque[list[ItemError | Future[Written]]] = deque()
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
            self._reading.append([self._pools.io.submit(self._fetch, index) for index in batch])

    def _make_next(self) -> None:
        fetched = [future.result() for future in self._reading[0]]
        self._reading.popleft()
        good = [item for item in fetched if not isinstance(item, ItemError)]
        self._making.append((fetched, self._pools.model.submit(self._model, good)))

    def _write_next(self) -> None:
        fetched, future = self._making[0]
        made = iter(future.result())
        self._making.popleft()
        self._writing.append([])
        for item in fetched:
            done = item if isinstance(item, ItemError) else self._pools.io.submit(self._write, next(made))
            self._writing[-1].append(done)

    def _written(self) -> list[Written | ItemError]:
        done = [item if isinstance(item, ItemError) else item.result() for item in self._writing[0]]
        self._writing.popleft()
        return done

    def _come_to_rest(self) -> None:
        """Cancels what has not begun, and waits for the rest; an error of theirs, if any, is already on its way up."""
        writing = (item for item in chain(*self._writing) if not isinstance(item, ItemError))
        futures: list[Future[Any]] = [*chain(*self._reading), *(future for _, future in self._making), *writing]
        for future in futures:
            future.cancel()
        wait(futures)
