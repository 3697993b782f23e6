"""The three stages of a part's work."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from vae_core.jobs.records import ItemError
from worker.pipeline import BATCHES_AHEAD, BATCHES_BEHIND, run_batches


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def run(executor: Executor, count: int, batch_size: int = 4, **stages: object) -> list[object]:
    """All results, in order; a stage that is not given passes its items through."""
    defaults = {
        "fetch": lambda index: index,
        "model": lambda fetched: list(fetched),
        "write": lambda made: made,
        "between_batches": lambda: None,
    }
    batches = run_batches(range(count), batch_size=batch_size, executor=executor, **{**defaults, **stages})  # type: ignore[arg-type]
    return [item for batch in batches for item in batch]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 40])
def test_every_item_comes_out_once_and_in_order_when_batches_are_full_or_not(executor: Executor, count: int) -> None:
    assert run(executor, count) == list(range(count))


def test_item_leaves_its_batch_when_its_fetch_gives_an_error(executor: Executor) -> None:
    error = ItemError(index=2, code="empty", message="the file is empty")
    sizes: list[int] = []

    def model(fetched: Sequence[int]) -> list[int]:
        sizes.append(len(fetched))
        return [item * 10 for item in fetched]

    results = run(executor, 6, fetch=lambda index: error if index == 2 else index, model=model)
    assert results == [0, 10, error, 30, 40, 50]
    assert sizes == [3, 2]


@pytest.mark.parametrize("stage", ["fetch", "write"])
def test_no_work_goes_on_when_a_stage_has_raised(stage: str) -> None:
    running = 0
    lock = threading.Lock()
    release = threading.Event()

    def work(item: int) -> int:
        nonlocal running
        if item == 5:
            release.set()
            raise OSError("the store is away")
        with lock:
            running += 1
        release.wait(5)
        with lock:
            running -= 1
        return item

    with ThreadPoolExecutor(16) as wide, pytest.raises(OSError, match="the store is away"):
        run(wide, 40, **{stage: work})
    assert running == 0


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
    assert modelled == list(range(8))


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
    assert most_ahead <= 4 * (BATCHES_AHEAD + 1)


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
    assert most_behind <= 4 * (BATCHES_BEHIND + 2)
