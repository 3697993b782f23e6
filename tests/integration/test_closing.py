"""Parts whose ends are done beside the beginnings of the next: what the device fails at then, and what else may."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from tests.integration.conftest import Bench
from tests.integration.test_attempts import SAMPLE, died, run_out_of_memory
from tests.integration.test_job_life import outputs
from vae_core.errors import DeviceFailed
from vae_core.jobs.layout import JobKeys
from vae_core.model.engine import Engine
from worker.closing import Closer
from worker.engines import Engines
from worker.part_writer import PartWriter
from worker.parts import PartHandler
from worker.runner import PartRun


class CountingCloser(Closer):
    """Counts what it was given."""

    handed_over = 0

    def hand_over(self, rest: Callable[[], None], waiting: Callable[[], None] = lambda: None) -> None:
        super().hand_over(rest, waiting)
        self.handed_over += 1


@pytest.fixture
def closer(bench: Bench) -> Closer:
    """What the bench ends its parts with from now on."""
    closer = CountingCloser()
    engines = Engines(bench.settings, bench.store, "cpu")
    bench.parts = PartHandler(
        bench.settings, bench.store, bench.hints, bench.sender, engines, lambda: bench.stopping, closer=closer
    )
    return closer


def plan(bench: Bench, *job_ids: str) -> None:
    for job_id in job_ids:
        bench.submit(job_id, SAMPLE)
        bench.planner.plan(job_id)


def run_to_end(bench: Bench, *job_ids: str) -> None:
    while not all(bench.store.stat(JobKeys(job_id).end) for job_id in job_ids):
        bench.run_until_quiet()
        bench.parts.settle()


def test_bytes_are_the_same_when_parts_end_beside_the_next(bench: Bench, closer: CountingCloser) -> None:
    plan(bench, "j")
    run_to_end(bench, "j")
    assert closer.handed_over == 7
    assert bench.end("j").state == "succeeded"
    beside = outputs(bench, "j")
    alone = bench.with_settings()  # without a closer
    plan(alone, "i")
    alone.run_until_quiet()
    assert outputs(bench, "i") == beside


def test_next_part_begins_before_the_last_is_committed(
    bench: Bench, closer: CountingCloser, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    begin, finish = PartRun.begin, PartRun.finish

    def noted_begin(run: PartRun) -> None:
        begin(run)
        order.append("begun")

    def late_finish(run: PartRun) -> object:
        while order.count("begun") < 2:
            time.sleep(0.01)
        order.append("finished")
        return finish(run)

    monkeypatch.setattr(PartRun, "begin", noted_begin)
    monkeypatch.setattr(PartRun, "finish", late_finish)
    plan(bench, "j")
    bench.parts.handle("j", 0)
    bench.parts.handle("j", 1)
    bench.parts.settle()
    assert order == ["begun", "begun", "finished", "finished"]
    assert len(bench.keys("jobs/j/parts/")) == 2


def test_both_parts_go_back_uncounted_when_the_device_fails_at_the_end_of_one(
    bench: Bench, closer: CountingCloser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(self: Engine, z: np.ndarray) -> np.ndarray:
        raise DeviceFailed("the device failed: CUDA error")

    plan(bench, "j")
    monkeypatch.setattr(Engine, "decode", decode)
    bench.parts.handle("j", 0)
    with pytest.raises(DeviceFailed, match="CUDA error"):
        bench.parts.handle("j", 1)
    bench.parts.settle()
    assert closer.handed_over == 1
    assert bench.keys("jobs/j/attempts/") == bench.keys("jobs/j/parts/") == []
    assert bench.redis.keys(bench.hints.channels.lease("j", "*")) == []
    monkeypatch.undo()
    bench.reconciler.reconcile()
    run_to_end(bench, "j")
    assert bench.end("j").state == "succeeded"


def test_part_is_done_again_in_smaller_batches_when_its_last_did_not_fit(
    bench: Bench, closer: CountingCloser, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(bench, "j")
    run_out_of_memory(monkeypatch, above=8)
    run_to_end(bench, "j")
    assert (bench.end("j").state, bench.end("j").done) == ("succeeded", 50)
    records = [json.loads(bench.store.read(f"jobs/j/parts/{key}").data) for key in bench.keys("jobs/j/parts/")]
    assert {record["halved_from"] for record in records} == {32}
    assert all("8x32x32" in record["kind"] for record in records)  # not halved once more by a part that overlapped
    assert bench.keys("jobs/j/attempts/") == []


def test_attempt_counts_and_others_go_on_when_the_end_of_a_part_fails(
    bench: Bench, closer: CountingCloser, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sheet, failures = PartWriter.write_sheet, list[int]()

    def fail_once(writer: PartWriter) -> None:
        if not failures:
            failures.append(1)
            raise RuntimeError("a fault of this machine")
        write_sheet(writer)

    monkeypatch.setattr(PartWriter, "write_sheet", fail_once)
    plan(bench, "j")
    bench.parts.handle("j", 0)
    bench.parts.handle("j", 1)
    bench.parts.settle()
    [note] = bench.keys("jobs/j/attempts/")
    assert b"a fault of this machine" in bench.store.read(f"jobs/j/attempts/{note}").data
    assert len(bench.keys("jobs/j/parts/")) == 1
    bench.reconciler.reconcile()
    run_to_end(bench, "j")
    assert bench.end("j").state == "succeeded"


def test_part_that_killed_its_processes_is_ended_before_the_next_begins(bench: Bench, closer: CountingCloser) -> None:
    plan(bench, "j")
    died(bench, 2, 3)
    run_to_end(bench, "j")
    assert closer.handed_over == 6  # of 7 parts
    assert bench.end("j").state == "succeeded"
