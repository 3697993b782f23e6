"""The threads that do a part."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from vae_core.jobs.spec import InterpolateSpec, JobSpec, ReconstructSpec, SampleSpec
from worker.pools import ThreadPools, io_pool

FOLDER, BUCKET = "file:///var/store", "s3://cars/results"
SAMPLE, WALK = SampleSpec(n=1, seed=1), InterpolateSpec(points=("seed:1/0", "s3://cars/a.jpg"))
LOCAL, REMOTE = ReconstructSpec(source="file:///var/cars"), ReconstructSpec(source="s3://cars/new/")
LISTED = ReconstructSpec(source=None, keys_sha256="0" * 64)


class FakeEngine:
    def __init__(self, device_type: str, streams: int) -> None:
        self.device_type = device_type
        self.streams = streams
        self.pool = ThreadPoolExecutor(streams)


@pytest.mark.parametrize(
    ("device_type", "streams", "store", "spec", "expected"),
    [
        ("cpu", 2, FOLDER, SAMPLE, 1),
        ("cpu", 2, FOLDER, WALK, 1),
        ("cpu", 2, FOLDER, LOCAL, 2),
        ("cpu", 1, FOLDER, SAMPLE, 1),
        ("cpu", 6, FOLDER, SAMPLE, 3),
        ("cpu", 64, FOLDER, LOCAL, 8),
        ("cpu", 2, FOLDER, REMOTE, 8),
        ("cpu", 2, FOLDER, LISTED, 8),
        ("cpu", 2, BUCKET, SAMPLE, 8),
        ("cpu", 2, BUCKET, LOCAL, 8),
        ("cuda", 1, FOLDER, SAMPLE, 8),
    ],
)
def test_no_more_threads_fetch_and_write_than_find_something_to_wait_for(
    device_type: str, streams: int, store: str, spec: JobSpec, expected: int
) -> None:
    engine = FakeEngine(device_type, streams)
    pools = ThreadPools(8, store)
    found = pools.of_part(spec, engine)  # type: ignore[arg-type]
    assert isinstance(found.io, ThreadPoolExecutor)
    assert found.io._max_workers == expected
    assert (found.model, found.streams, found.io_threads) == (engine.pool, streams, expected)
    assert pools.of_part(spec, engine).io is found.io  # type: ignore[arg-type]


def _policy() -> int:
    return os.sched_getscheduler(0)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="such threads are Linux's")
def test_io_threads_alone_wait_for_their_turn_when_they_wake_up() -> None:
    with io_pool(2) as pool:
        assert pool.submit(_policy).result() == os.SCHED_BATCH
    assert _policy() == os.SCHED_OTHER


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="such threads are Linux's")
def test_io_threads_work_when_the_system_forbids_what_they_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", forbid)
    with io_pool(1) as pool:
        assert pool.submit(_policy).result() == os.SCHED_OTHER
