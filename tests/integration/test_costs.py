"""What a part and an image cost, none of which may creep up unseen: counts, and ratios within one run.

`make baseline` writes what is found, where it is meant to cost more.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, cast

import pytest

from tests.bench.guard import MORE_CALLS, SLOWER, counted_calls, ratios, regressions, store_section, stored
from tests.bench.null import NullEngine
from tests.integration.conftest import Bench
from vae_core.jobs.spec import SampleSpec
from vae_core.storage.base import Store
from worker.engines import Engines

_FEW, _MANY = 32, 96
_PARTS = 6


class CountingStore:
    """A store whose calls are counted by their names."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if callable(found):
            self.counts[name] += 1
        return found


@pytest.fixture
def costs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Of a part whose model costs nothing, for each item and for the part itself."""
    monkeypatch.setattr(Engines, "get", lambda self, sha256: NullEngine(sha256))
    bench.announce_parts_worker()
    counts = {size: _of_a_part(bench, size) for size in (_FEW, _MANY)}
    found = {}
    for what, few in counts[_FEW].items():
        for_an_item = (counts[_MANY][what] - few) / (_MANY - _FEW)
        found[f"{what} for an item"] = for_an_item
        found[f"{what} for a part"] = few - _FEW * for_an_item
    return found


def _of_a_part(bench: Bench, size: int) -> dict[str, float]:
    """The median over parts in the middle of a job, which neither begin it nor end it."""
    counting = CountingStore(bench.store)
    worker = bench.with_store(cast(Store, counting))
    job_id = f"j{size}"
    worker.submit(job_id, SampleSpec(n=_PARTS * size, seed=1, part_size=size))
    worker.planner.plan(job_id)
    found: list[dict[str, float]] = []
    calls: Counter[str] = Counter()
    with counted_calls(calls):
        for part in range(_PARTS):
            began = (calls.total(), counting.counts.total(), _commands(bench))
            worker.parts.handle(job_id, part)
            ended = (calls.total(), counting.counts.total(), _commands(bench))
            differences = [after - before for before, after in zip(began, ended, strict=True)]
            found.append(dict(zip(("calls", "store calls", "Redis commands"), differences, strict=True)))
    middle = found[2:-1]
    return {what: sorted(part[what] for part in middle)[len(middle) // 2] for what in middle[0]}


def _commands(bench: Bench) -> int:
    """That Redis has done, without those that ask for this number."""
    told = bench.redis.info("commandstats")
    return sum(int(stats["calls"]) for name, stats in told.items() if name != "cmdstat_info")


def _hold(section: str, found: dict[str, float], allowed: float) -> None:
    """Against the baseline, or as the new one."""
    if os.environ.get("WRITE_BASELINE"):
        store_section(section, found)
    assert regressions(found, stored(section), allowed) == []


def test_part_costs_no_more_than_it_did(costs: dict[str, float]) -> None:
    _hold("counts", costs, MORE_CALLS)


def test_image_costs_no_more_than_it_did_beside_a_yardstick() -> None:
    _hold("ratios", ratios(), SLOWER)


def test_regression_is_told_when_something_costs_more() -> None:
    was = {"png": 1.0, "ssim": 2.0}
    assert regressions({"png": 1.09, "ssim": 2.0}, was, 1.1) == []
    [line] = regressions({"png": 1.11, "ssim": 0.1}, was, 1.1)
    assert line.startswith("png: 1.11, which was 1: at most 1.1 times")
    assert regressions({"webp": 1.0}, was, 1.1) == ["webp is not in the baseline: `make baseline` writes it"]
