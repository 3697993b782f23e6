"""What a worker does when the store or Redis fails between any two of its steps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.integration.conftest import Bench
from tests.pictures import write_cars
from tests.servers.faults import Fault, faulty, refusal
from tests.servers.s3 import MotoServer
from vae_core.documents import load_job, load_plan
from vae_core.errors import QueueUnavailable, StoreError, StoreUnavailable
from vae_core.jobs.channels import SENT_AT
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import ReconstructSpec, SampleSpec
from vae_core.storage.base import Blob, StoredObject
from vae_core.storage.folder import FolderStore
from vae_core.storage.opening import open_store
from worker.ending import close_job
from worker.guard import CancelWatch

SAMPLE = SampleSpec(n=50, seed=7, part_size=8)


class UnsteadyStore(FolderStore):
    """The same folder, but each call first asks `fault(name, key)`, which may raise."""

    def __init__(self, bench: Bench, fault: Callable[[str, str], None]) -> None:
        super().__init__(bench.store.url.removeprefix("file://"))
        self._fault = fault

    def read(self, key: str, *, max_bytes: int | None = None, if_tag: str | None = None) -> Blob:
        self._fault("read", key)
        return super().read(key, max_bytes=max_bytes, if_tag=if_tag)

    def stat(self, key: str) -> StoredObject | None:
        self._fault("stat", key)
        return super().stat(key)

    def write(self, key: str, data: bytes, *, content_type: str | None = None) -> str:
        self._fault("write", key)
        return super().write(key, data, content_type=content_type)

    def create(self, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        self._fault("create", key)
        return super().create(key, data, content_type=content_type, settle=settle)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._fault("delete", key)
            super().delete([key])


def planned(bench: Bench, job_id: str = "j") -> None:
    bench.submit(job_id, SAMPLE)
    bench.planner.plan(job_id)
    bench.sent()


@pytest.mark.parametrize("step", range(0, 40, 3))
def test_outage_is_no_death_when_the_store_goes_away_at_any_step(bench: Bench, step: int) -> None:
    planned(bench)
    steps = 0
    away = True

    def fault(name: str, key: str) -> None:
        nonlocal steps
        steps += 1
        if away and steps > step:
            raise StoreUnavailable("the store is away")

    worker = bench.with_store(UnsteadyStore(bench, fault))
    for _ in range(bench.settings.max_attempts + 1):
        steps = 0
        try:
            worker.parts.handle("j", 0)
        except StoreUnavailable:
            continue
    away = False
    for part in range(7):
        worker.parts.handle("j", part)
    assert bench.keys("jobs/j/attempts/") == []
    assert bench.keys("jobs/j/dead/") == []
    worker.run_until_quiet()
    assert bench.end("j").state == "succeeded"


def test_part_is_sent_again_at_once_when_the_store_was_away_as_it_was_taken(bench: Bench) -> None:
    planned(bench)

    def fault(name: str, key: str) -> None:
        raise StoreUnavailable("the store is away")

    worker = bench.with_store(UnsteadyStore(bench, fault))
    with pytest.raises(StoreUnavailable):
        worker.parts.handle("j", 0)
    bench.reconciler.reconcile()
    assert bench.sent() == [("part", ["j", 0])]


def test_worker_lets_others_go_first_when_the_store_refuses_it_alone(bench: Bench) -> None:
    planned(bench)
    began = time.monotonic()

    def fault(name: str, key: str) -> None:
        raise StoreError("the store does not let this worker in")

    class Refusing(UnsteadyStore):
        def check(self) -> None:
            if time.monotonic() - began < 2.5:
                raise StoreError("the store does not let this worker in")

    with pytest.raises(StoreError):
        bench.with_store(Refusing(bench, fault)).parts.handle("j", 0)
    assert 2.5 < time.monotonic() - began < 15


def test_parts_are_sent_again_soon_when_messages_may_have_been_lost(bench: Bench) -> None:
    bench = bench.with_settings(mark_s=120.0)
    bench.announce_parts_worker()
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    job, plan = load_job(bench.store, "j"), load_plan(bench.store, "j")
    assert plan is not None
    bench.advancer.advance(job, plan)
    assert min(bench.marks_last_s("j")) > 60
    bench.advancer.advance(job, plan, doubt_marks=True)
    assert max(bench.marks_last_s("j")) <= bench.settings.lease_s


def test_lists_of_inputs_that_no_plan_names_are_gone_when_the_job_ends(bench: Bench, tmp_path: Path) -> None:
    write_cars(tmp_path / "in", 3)
    bench.submit("j", ReconstructSpec(source=f"file://{tmp_path}/in"))
    bench.store.write("jobs/j/inputs/broken-off/00000.jsonl", b"")
    bench.planner.plan("j")
    bench.run_until_quiet()
    plan = load_plan(bench.store, "j")
    assert plan is not None
    assert bench.keys("jobs/j/inputs/") == [f"{plan.input_set}/00000.jsonl"]


@pytest.mark.parametrize("refused", [403, 404])
def test_input_is_read_again_when_it_is_refused_once(
    bench: Bench, tmp_path: Path, s3_moto: MotoServer, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    write_cars(tmp_path / "in", 3)
    bucket = s3_moto.make_bucket()
    source = open_store(f"s3://{bucket}", s3=s3_moto.options)
    for name in ("car-000.png", "car-001.png", "car-002.png"):
        source.write(name, (tmp_path / "in" / name).read_bytes())
    with faulty(s3_moto.port) as proxy:
        for name, value in {**s3_moto.env, "AWS_ENDPOINT_URL": proxy.url}.items():
            monkeypatch.setenv(name, value)
        bench = bench.with_settings(sources=(f"s3://{bucket}",))
        bench.submit("j", ReconstructSpec(source=f"s3://{bucket}"))
        bench.planner.plan("j")
        fault = Fault(1, method="GET", path_contains="car-001.png", answer=refusal(refused))
        proxy.plan(fault)
        bench.run_until_quiet()
    assert fault.times == 0
    assert (bench.end("j").done, bench.end("j").errors) == (3, 0)


def test_unsent_parts_come_up_again_soon_when_redis_takes_no_message(bench: Bench) -> None:
    bench.submit("j", SAMPLE)

    def refuse(job_id: str, part: int, priority: str, *, first: bool) -> None:
        raise QueueUnavailable("Redis takes no message")

    bench.sender.part = refuse  # type: ignore[method-assign]
    with pytest.raises(QueueUnavailable):
        bench.planner.plan("j")
    assert [lasts_s <= 5 for lasts_s in bench.marks_last_s("j")] == [True]


@pytest.mark.parametrize(("priority", "longer"), [("normal", True), ("low", False)])
def test_message_counts_as_lost_later_when_others_of_its_priority_wait_for_long(
    bench: Bench, priority: str, longer: bool
) -> None:
    bench = bench.with_settings(mark_s=60.0)
    bench.announce_parts_worker()
    [queue] = bench.hints.channels.lists(bench.hints.channels.more_parts_queue, priorities=[priority])
    bench.redis.rpush(queue, json.dumps({"headers": {SENT_AT: time.time() - 100}}))
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    assert (max(bench.marks_last_s("j")) > 60) == longer


def test_one_refused_input_is_listed_when_the_others_can_be_read(bench: Bench, tmp_path: Path) -> None:
    write_cars(tmp_path / "in", 3)
    bench.submit("j", ReconstructSpec(source=f"file://{tmp_path}/in"))
    bench.planner.plan("j")
    (tmp_path / "in" / "car-001.png").unlink()
    (tmp_path / "in" / "car-001.png").symlink_to("/etc/passwd")
    bench.run_until_quiet()
    assert bench.end("j").state == "succeeded"
    lines = [json.loads(line) for line in bench.store.read(JobKeys("j").errors).data.splitlines()]
    assert [line["source"] for line in lines] == ["car-001.png"]
    assert lines[0]["code"] in {"store_refused", "object_missing"}


def test_attempt_counts_when_the_checkpoint_cannot_be_loaded_here(bench: Bench) -> None:
    planned(bench)
    plan = json.loads(bench.store.read(JobKeys("j").plan).data)
    bench.store.write(JobKeys("j").plan, json.dumps({**plan, "checkpoint_sha256": "0" * 64}).encode())
    for attempts in (1, 2, 3):
        bench.parts.handle("j", 0)
        assert len(bench.keys("jobs/j/attempts/00000/")) == attempts
    assert bench.keys("jobs/j/dead/") == []
    bench.parts.handle("j", 0)
    assert "checkpoint 000" in json.loads(bench.store.read(JobKeys("j").dead(0)).data)["message"]


def test_finish_is_not_sent_round_in_circles_when_redis_counts_failures_that_are_gone(
    bench: Bench, tmp_path: Path
) -> None:
    write_cars(tmp_path / "in", 4)
    bench.submit("j", ReconstructSpec(source=f"file://{tmp_path}/in", part_size=1, max_failure_rate=0.2))
    bench.planner.plan("j")
    bench.sent()
    bench.hints.note_committed("j", 0, errors=3)
    bench.finisher.finish("j")
    assert {task for task, _ in bench.sent()} <= {"part"}


def test_commit_is_not_forgotten_when_it_falls_into_a_recount(bench: Bench) -> None:
    planned(bench)
    for part in range(6):
        bench.parts.handle("j", part)
    listed = list(range(6))
    bench.parts.handle("j", 6)
    bench.hints.add_committed("j", listed)
    assert bench.hints.committed("j") == set(range(7))
    assert ("finish", ["j"]) in bench.sent()


def test_job_stays_open_when_it_is_resumed_while_its_old_end_is_being_closed(bench: Bench) -> None:
    planned(bench)
    bench.store.write(JobKeys("j").cancel, b"")
    bench.finisher.finish("j")
    bench.store.write("open/j", b"")

    def fault(name: str, key: str) -> None:
        if (name, key) == ("delete", "open/j"):
            bench.store.delete([JobKeys("j").end, JobKeys("j").cancel])

    assert not close_job(UnsteadyStore(bench, fault), bench.hints, "j")
    assert bench.keys("open/") == ["j"]


def test_flag_alone_cancels_nothing_when_the_bucket_has_no_request(bench: Bench) -> None:
    planned(bench)
    bench.redis.set(bench.hints.channels.cancelled("j"), "1")
    watch = CancelWatch(bench.store, bench.hints, "j")
    assert not watch()
    bench.store.write(JobKeys("j").cancel, b"")
    assert watch()


def test_cancellation_is_seen_when_redis_has_lost_the_flag(bench: Bench) -> None:
    planned(bench)
    bench.store.write(JobKeys("j").cancel, b"")
    assert not CancelWatch(bench.store, bench.hints, "j", store_check_s=3600)()
    assert CancelWatch(bench.store, bench.hints, "j", store_check_s=0)()


def test_parts_in_flight_still_see_the_cancellation_when_the_job_has_ended(bench: Bench) -> None:
    planned(bench)
    bench.redis.set(bench.hints.channels.cancelled("j"), "1")
    bench.store.write(JobKeys("j").cancel, b"")
    watch = CancelWatch(bench.store, bench.hints, "j", store_check_s=3600)
    bench.finisher.finish("j")
    assert bench.end("j").state == "cancelled"
    assert watch()


def test_marker_without_a_job_is_removed_when_it_has_been_there_for_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store.write("open/lost", b"")
    bench.submit("j", SAMPLE)
    bench.reconciler.reconcile()
    assert bench.keys("open/") == ["j", "lost"]
    monkeypatch.setattr("worker.reconciler.ORPHAN_S", 0.0)
    bench.reconciler.reconcile()
    assert bench.keys("open/") == ["j"]


def test_reconciler_comes_back_sooner_when_a_claim_lapses_before_its_time(bench: Bench) -> None:
    planned(bench)
    patient = bench.with_settings(reconcile_s=60.0)
    assert bench.hints.acquire("j", "00003", "of-a-dead-worker", 5.0, 3)
    assert 4 < patient.reconciler.reconcile() < 6
