"""The three stages of a part's work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

from vae_core.jobs.records import ItemError
from worker.pipeline import BATCHES_AHEAD, BATCHES_BEHIND, Batches
from worker.pools import Pools


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def run(executor: Executor, count: int, batch_size: int = 4, streams: int = 1, **stages: object) -> list[object]:
    """All results, in order; a stage that is not given passes its items through."""
    with ThreadPoolExecutor(streams) as model_pool:
        return [
            item
            for batch in batches(Pools(executor, model_pool, streams), count, batch_size, **stages)
            for item in batch
        ]


def batches(pools: Pools, count: int, batch_size: int = 4, **stages: object) -> Batches[int, int, int]:
    defaults = {
        "fetch": lambda index: index,
        "model": lambda fetched: list(fetched),
        "write": lambda made: made,
        "between_batches": lambda: None,
    }
    return Batches(range(count), batch_size=batch_size, pools=pools, **{**defaults, **stages})  # type: ignore[arg-type]


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 40])
def test_every_item_comes_out_once_and_in_order_when_batches_are_full_or_not(
    executor: Executor, count: int, streams: int
) -> None:
    assert run(executor, count, streams=streams) == list(range(count))


def test_items_come_out_in_order_when_later_batches_are_made_first(executor: Executor) -> None:
    def model(fetched: Sequence[int]) -> list[int]:
        time.sleep(0.05 if fetched[0] % 8 == 0 else 0)
        return list(fetched)

    assert run(executor, 40, streams=2, model=model) == list(range(40))


def test_as_many_batches_are_made_at_once_as_there_are_streams(executor: Executor) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def model(fetched: Sequence[int]) -> list[int]:
        meeting.wait()
        return list(fetched)

    assert run(executor, 36, streams=3, model=model) == list(range(36))


@pytest.mark.parametrize("count", [0, 3, 40])
def test_rest_can_be_read_by_another_thread_when_all_batches_are_begun(executor: Executor, count: int) -> None:
    release = threading.Event()

    def write(item: int) -> int:
        if item == count - 1:
            release.wait(10)
        return item

    with ThreadPoolExecutor(1) as model_pool, ThreadPoolExecutor(1) as other:
        found = batches(Pools(executor, model_pool), count, write=write)
        first: list[int] = []
        while not found.all_begun:
            first.extend(next(found))  # type: ignore[arg-type]
        rest = other.submit(lambda: [item for batch in found for item in batch])
        release.set()
        assert first + rest.result(10) == list(range(count))


def test_model_may_begin_another_pipeline_while_last_batches_of_one_are_on_it(executor: Executor) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def model(fetched: Sequence[int]) -> list[int]:
        meeting.wait()
        return list(fetched)

    with ThreadPoolExecutor(2) as model_pool:
        one, other = (batches(Pools(executor, model_pool, 2), 4, model=model) for _ in range(2))
        assert next(one) == []  # it is begun, and cannot be done before the other has begun
        assert one.all_begun
        assert list(other) == [[], [0, 1, 2, 3]]
        assert list(one) == [[0, 1, 2, 3]]


def test_item_leaves_its_batch_when_its_fetch_gives_an_error(executor: Executor) -> None:
    error = ItemError(index=2, code="empty", message="the file is empty")
    sizes: list[int] = []

    def model(fetched: Sequence[int]) -> list[int]:
        sizes.append(len(fetched))
        return [item * 10 for item in fetched]

    results = run(executor, 6, fetch=lambda index: error if index == 2 else index, model=model)
    assert results == [0, 10, error, 30, 40, 50]
    assert sizes == [3, 2]


@pytest.mark.parametrize("stage", ["fetch", "model", "write"])
def test_no_work_goes_on_when_a_stage_has_raised(stage: str) -> None:
    running = 0
    lock = threading.Lock()
    release = threading.Event()

    def work(item: Any) -> Any:
        nonlocal running
        if item in (5, [20, 21, 22, 23]):
            release.set()
            raise OSError("the store is away")
        with lock:
            running += 1
        release.wait(5)
        with lock:
            running -= 1
        return item

    with ThreadPoolExecutor(16) as wide, pytest.raises(OSError, match="the store is away"):
        run(wide, 40, streams=2, **{stage: work})
    assert running == 0


def test_rest_of_a_share_is_left_when_another_share_has_raised() -> None:
    fetched: list[int] = []
    begun = threading.Event()

    def fetch(index: int) -> int:
        if index == 0:
            assert begun.wait(10)
            raise OSError("the store is away")
        fetched.append(index)
        begun.set()
        deadline = time.monotonic() + 10
        while not found._ended and time.monotonic() < deadline:
            time.sleep(0.001)
        return index

    with ThreadPoolExecutor(2) as io, ThreadPoolExecutor(1) as model_pool:
        found = batches(Pools(io, model_pool, io_threads=2), 8, batch_size=8, fetch=fetch)
        with pytest.raises(OSError, match="the store is away"):
            next(found)
    assert fetched == [4]


def test_next_batch_does_not_begin_when_the_guard_says_stop(executor: Executor) -> None:
    modelled: list[int] = []
    asked = 0

    def guard() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise InterruptedError

    def model(fetched: Sequence[int]) -> list[int]:
        modelled.extend(fetched)
        return list(fetched)

    with pytest.raises(InterruptedError):
        run(executor, 40, model=model, between_batches=guard)
    assert modelled == list(range(len(modelled)))
    assert len(modelled) <= 8


def test_reading_ahead_is_bounded_when_the_model_is_slow(executor: Executor) -> None:
    fetched: set[int] = set()
    most_ahead = 0
    done = 0

    def fetch(index: int) -> int:
        fetched.add(index)
        return index

    def model(batch: Sequence[int]) -> list[int]:
        nonlocal most_ahead, done
        done += len(batch)
        most_ahead = max(most_ahead, len(fetched) - done)
        return list(batch)

    run(executor, 80, fetch=fetch, model=model)
    assert most_ahead <= 4 * (BATCHES_AHEAD + 3)


def test_writing_behind_is_bounded_when_writes_are_slow() -> None:
    modelled = 0
    written = 0
    most_behind = 0

    def model(batch: Sequence[int]) -> list[int]:
        nonlocal modelled, most_behind
        modelled += len(batch)
        most_behind = max(most_behind, modelled - written)
        return list(batch)

    def write(item: int) -> int:
        nonlocal written
        written += 1
        return item

    with ThreadPoolExecutor(1) as slow:
        run(slow, 80, model=model, write=write)
    assert most_behind <= 4 * (BATCHES_BEHIND + 4)
