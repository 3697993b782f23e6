"""A job's life step by step: plan, parts, finish, and what the reconciler mends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.checkpoints import write_tiny_checkpoint
from tests.integration.conftest import Bench
from tests.pictures import write_bad_pictures, write_cars
from vae_core.errors import InvalidValue, NoSuchJob
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import ReconstructSpec, SampleSpec
from vae_core.model.checkpoint import file_sha256
from vae_core.storage.folder import FolderStore
from worker.lease import Lease

SAMPLE = SampleSpec(n=50, seed=7, part_size=8)


def outputs(bench: Bench, job_id: str) -> dict[str, bytes]:
    """All bytes that must not depend on how the work was done."""
    root = JobKeys(job_id).root
    names = ("manifest.jsonl", "errors.jsonl", "grid.png")
    wanted = [key for key in bench.keys(root) if key in names or key.startswith("images/")]
    return {key: bench.store.read(root + key).data for key in wanted}


def test_job_runs_to_its_end_when_it_is_planned(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.run_until_quiet()
    assert bench.end("j").state == "succeeded"
    assert bench.keys("jobs/j/parts/") == [f"{part:05d}.json" for part in range(7)]
    assert bench.keys("jobs/j/attempts/") == bench.keys("open/") == []
    assert bench.keys("jobs/j/images/") == [f"{index:08d}.png" for index in range(50)]
    assert bench.redis.keys(f"{bench.hints.channels.prefix}:*:j*") == []


def test_only_a_window_of_parts_is_on_the_queue_when_the_job_is_long(bench: Bench) -> None:
    bench.submit("j", SampleSpec(n=1000, seed=1, part_size=1))
    bench.planner.plan("j")
    assert bench.sent() == [("part", ["j", 0]), ("part", ["j", 1])]  # no worker is up: the spare ones alone
    bench.planner.plan("j")
    assert bench.sent() == []


def test_plan_is_never_made_anew_when_settings_have_changed_since(bench: Bench) -> None:
    bench.submit("j", SampleSpec(n=50, seed=7))
    bench.planner.plan("j")
    plan = bench.store.read(JobKeys("j").plan)
    bench.with_settings(part_size=3).planner.plan("j")
    assert bench.store.read(JobKeys("j").plan) == plan


def test_job_stays_with_its_checkpoint_when_the_worker_has_another_by_then(bench: Bench, tmp_path: Path) -> None:
    bench.submit("one", SAMPLE)
    bench.planner.plan("one")
    bench.run_until_quiet()
    bench.submit("two", SAMPLE)
    bench.planner.plan("two")
    other = tmp_path / "other.safetensors"
    write_tiny_checkpoint(other, seed=9)
    changed = {field: getattr(bench.settings, field) for field in bench.settings.__struct_fields__}
    later = Bench(
        type(bench.settings)(**{**changed, "checkpoint": other}), bench.store, bench.hints, bench.redis, bench.app
    )
    later.run_until_quiet()
    assert outputs(bench, "one") == outputs(bench, "two")
    later.submit("three", SAMPLE)
    later.planner.plan("three")
    later.run_until_quiet()
    assert json.loads(bench.store.read("jobs/three/plan.json").data)["checkpoint_sha256"] == file_sha256(other)
    assert outputs(bench, "one")["manifest.jsonl"] != outputs(bench, "three")["manifest.jsonl"]


def test_bytes_are_the_same_when_parts_are_done_twice_and_backwards(bench: Bench) -> None:
    bench.submit("straight", SAMPLE)
    bench.planner.plan("straight")
    bench.run_until_quiet()
    bench.submit("crooked", SampleSpec(n=50, seed=7, part_size=11))
    bench.planner.plan("crooked")
    for part in (4, 4, 3, 2, 1, 0, 0):
        bench.parts.handle("crooked", part)
    bench.run_until_quiet()
    assert outputs(bench, "straight") == outputs(bench, "crooked")


def test_part_is_left_alone_when_another_holds_its_lease(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    with Lease(bench.hints, "j", "00000", 30, part=0) as lease:
        assert lease.acquire()
        bench.parts.handle("j", 0)
        assert bench.keys("jobs/j/parts/") == bench.keys("jobs/j/attempts/") == []
    bench.parts.handle("j", 0)
    assert bench.keys("jobs/j/parts/") == ["00000.json"]


def test_part_goes_back_uncounted_when_the_worker_is_stopping(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.sent()
    bench.stopping = True
    bench.parts.handle("j", 1)
    assert bench.keys("jobs/j/attempts/") == bench.keys("jobs/j/parts/") == []
    assert ("part", ["j", 1]) in bench.sent()


def test_message_is_refused_when_it_names_what_is_not_planned(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    with pytest.raises(InvalidValue, match="part 0 of job j is in no plan"):
        bench.parts.handle("j", 0)
    bench.planner.plan("j")
    with pytest.raises(InvalidValue, match="part 7 of job j is in no plan"):
        bench.parts.handle("j", 7)
    with pytest.raises(NoSuchJob, match="nowhere"):
        bench.parts.handle("nowhere", 0)


def test_damaged_part_is_done_again_when_outputs_changed_before_the_finish(bench: Bench) -> None:
    bench.submit("whole", SAMPLE)
    bench.planner.plan("whole")
    bench.run_until_quiet()
    bench.submit("hurt", SAMPLE)
    bench.planner.plan("hurt")
    for part in range(7):
        bench.parts.handle("hurt", part)
    assert ("finish", ["hurt"]) in bench.sent()
    bench.store.write("jobs/hurt/images/00000003.png", b"rot")
    bench.store.delete(["jobs/hurt/images/00000030.png"])
    bench.finisher.finish("hurt")
    assert bench.keys("jobs/hurt/parts/") == [f"{part:05d}.json" for part in (1, 2, 4, 5, 6)]
    bench.run_until_quiet()
    assert outputs(bench, "whole") == outputs(bench, "hurt")


def test_finish_writes_the_same_bytes_when_it_is_done_twice(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.run_until_quiet()
    root = JobKeys("j").root
    before = {key: bench.store.read(root + key).data for key in bench.keys(root)}
    bench.store.delete([JobKeys("j").end, JobKeys("j").success, JobKeys("j").page, JobKeys("j").grid])
    bench.finisher.finish("j")
    assert {key: bench.store.read(root + key).data for key in bench.keys(root)} == before


def test_job_fails_with_the_reason_when_its_source_is_unusable(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases = {
        "empty": (f"file://{tmp_path}/empty", "empty_source"),
        "missing": (f"file://{tmp_path}/missing", "store_refused"),
        "forbidden": ("file:///etc", "source_not_allowed"),
    }
    for job_id, (source, code) in cases.items():
        bench.submit(job_id, ReconstructSpec(source=source))
        bench.planner.plan(job_id)
        end = bench.end(job_id)
        assert (end.state, end.failure.code if end.failure else "") == ("failed", code)
        assert bench.keys(f"jobs/{job_id}/") == ["end.json", "job.json"]
    assert bench.keys("open/") == []


def test_job_fails_soon_when_more_items_fail_than_allowed(bench: Bench, tmp_path: Path) -> None:
    write_bad_pictures(tmp_path / "in")
    write_cars(tmp_path / "in" / "z", 6)
    for job_id, rate, state in (("strict", 0.3, "failed"), ("lenient", 0.4, "succeeded")):
        spec = ReconstructSpec(source=f"file://{tmp_path}/in", part_size=1, max_failure_rate=rate)
        bench.submit(job_id, spec)
        bench.planner.plan(job_id)
        bench.run_until_quiet()
        assert bench.end(job_id).state == state
    assert len(bench.keys("jobs/strict/parts/")) < 9
    assert "--max-failure-rate 0.3" in bench.end("strict").failure.message  # type: ignore[union-attr]


def test_input_is_listed_as_changed_when_it_was_written_again_after_planning(bench: Bench, tmp_path: Path) -> None:
    write_cars(tmp_path / "in", 3)
    bench.submit("j", ReconstructSpec(source=f"file://{tmp_path}/in"))
    bench.planner.plan("j")
    write_cars(tmp_path / "other", 1)
    (tmp_path / "other" / "car-000.png").replace(tmp_path / "in" / "car-001.png")
    (tmp_path / "in" / "car-002.png").unlink()
    bench.run_until_quiet()
    lines = [json.loads(line) for line in bench.store.read(JobKeys("j").errors).data.splitlines()]
    assert [(line["source"], line["code"]) for line in lines] == [
        ("car-001.png", "changed"),
        ("car-002.png", "object_missing"),
    ]
    assert bench.end("j").state == "succeeded"


def test_cancelled_job_ends_with_what_is_done_when_it_is_in_the_middle(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.parts.handle("j", 0)
    bench.store.write(JobKeys("j").cancel, b"")
    bench.run_until_quiet()
    end = bench.end("j")
    assert (end.state, end.items, end.done) == ("cancelled", 50, 8)
    assert len(bench.store.read(JobKeys("j").manifest).data.splitlines()) == 8


class CancelledOnceBegun(FolderStore):
    """The same folder, in which the job's cancellation is asked for as soon as an attempt at it has begun."""

    def write(self, key: str, data: bytes, *, content_type: str | None = None) -> str:
        if "/attempts/" in key:
            super().write(JobKeys("j").cancel, b"")
        return super().write(key, data, content_type=content_type)

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.store.url.removeprefix("file://"))


def test_part_stops_between_batches_when_the_flag_is_up(bench: Bench) -> None:
    bench.submit("j", SampleSpec(n=200, seed=7))
    bench.planner.plan("j")
    bench.sent()
    bench.redis.set(bench.hints.channels.cancelled("j"), "1")
    begun = bench.with_store(CancelledOnceBegun(bench))
    begun.parts.handle("j", 0)
    assert bench.keys("jobs/j/parts/") == bench.keys("jobs/j/attempts/") == []
    assert bench.sent() == [("finish", ["j"])]


def test_reconciler_sends_what_is_missing_when_redis_forgot_everything(bench: Bench) -> None:
    bench.submit("unplanned", SAMPLE)
    bench.submit("begun", SAMPLE)
    bench.planner.plan("begun")
    bench.parts.handle("begun", 0)
    bench.submit("done", SAMPLE)
    bench.planner.plan("done")
    for part in range(7):
        bench.parts.handle("done", part)
    bench.redis.flushdb()
    bench.reconciler.reconcile()
    sent = bench.sent()
    assert ("plan", ["unplanned"]) in sent
    assert ("part", ["begun", 1]) in sent
    assert ("part", ["begun", 0]) not in sent
    assert ("finish", ["done"]) in sent


def test_reconciler_closes_a_job_when_its_end_was_the_last_thing_written(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.run_until_quiet()
    bench.store.write("open/j", b"")
    bench.store.delete([JobKeys("j").success])
    bench.reconciler.reconcile()
    assert bench.keys("open/") == []
    assert bench.store.stat(JobKeys("j").success) is not None


def test_reconciler_heals_the_others_when_one_job_is_unreadable(bench: Bench) -> None:
    bench.submit("a-broken", SAMPLE)
    bench.store.write(JobKeys("a-broken").job, b"{")
    bench.submit("b-fine", SAMPLE)
    bench.store.write("open/c-without-a-job", b"")
    bench.store.write("open/d name that is none", b"")
    bench.reconciler.reconcile()
    assert ("plan", ["b-fine"]) in bench.sent()
