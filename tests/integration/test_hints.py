"""Marks, leases and counts in a real Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from tests.fleet import wait_for
from tests.integration.conftest import Bench
from tests.servers.process import free_port
from vae_core.errors import LeaseLost, QueueUnavailable
from vae_core.jobs.channels import Channels, WorkerInfo
from worker.hints import Hints
from worker.lease import Lease


def newly_marked(bench: Bench, job_id: str, candidates: Iterable[int], **limits: Any) -> list[int]:
    return bench.hints.claim_marks(job_id, candidates, **limits).parts


def test_marks_stop_at_the_window_when_there_are_more_candidates(bench: Bench) -> None:
    assert newly_marked(bench, "j", range(10), window=4, mark_s=60, longest_s=60) == [0, 1, 2, 3]
    assert newly_marked(bench, "j", range(10), window=4, mark_s=60, longest_s=60) == []
    assert newly_marked(bench, "j", range(10), window=6, mark_s=60, longest_s=60) == [4, 5]
    bench.hints.drop_mark("j", 2)
    assert newly_marked(bench, "j", range(10), window=6, mark_s=60, longest_s=60) == [2]


def test_each_part_is_given_out_once_when_many_claim_at_once(bench: Bench) -> None:
    claimed: list[int] = []

    def claim() -> None:
        claimed.extend(newly_marked(bench, "j", range(100), window=100, mark_s=60, longest_s=60))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(100))


def test_claims_under_way_are_told_when_more_are_made(bench: Bench) -> None:
    first = bench.hints.claim_marks("j", [0, 1], window=2, mark_s=30, longest_s=60)
    assert (first.in_flight, first.lapse_s) == (0, None)
    assert bench.hints.acquire("j", "00001", "token", 10, 1)
    bench.hints.set_mark("j", 0, 8)  # only waits on the queue: nobody is dead if it lapses
    second = bench.hints.claim_marks("j", [2], window=3, mark_s=5, longest_s=60)
    assert (second.in_flight, second.parts) == (2, [2])
    assert second.lapse_s is not None
    assert 5 < second.lapse_s <= 10


def test_mark_can_be_claimed_again_when_it_has_lapsed(bench: Bench) -> None:
    assert newly_marked(bench, "j", [3], window=1, mark_s=0.2, longest_s=60) == [3]
    assert wait_for("a lapsed mark", lambda: newly_marked(bench, "j", [3], window=1, mark_s=60, longest_s=60), 5) == [3]


def test_mark_is_cut_when_it_would_last_longer_than_marks_may_now(bench: Bench) -> None:
    assert newly_marked(bench, "j", [3], window=1, mark_s=3600, longest_s=3600) == [3]
    assert newly_marked(bench, "j", [3], window=1, mark_s=60, longest_s=0.2) == []
    again = wait_for("a mark", lambda: newly_marked(bench, "j", [3], window=1, mark_s=60, longest_s=60), 5)
    assert again == [3]


def test_message_is_sent_once_when_it_is_on_the_queue_already(bench: Bench) -> None:
    assert bench.hints.claim_message("j", "plan", 60)
    assert not bench.hints.claim_message("j", "plan", 60)
    assert bench.hints.claim_message("j", "finish", 60)
    bench.hints.drop_message("j", "plan")
    assert bench.hints.claim_message("j", "plan", 60)


def test_lease_has_one_holder_when_two_want_it(bench: Bench) -> None:
    first, second = (Lease(bench.hints, "j", "00000", 30, part=0) for _ in range(2))
    with first:
        assert first.acquire()
        with second:
            assert not second.acquire()
        assert bench.hints.is_leased("j", "00000")
        assert newly_marked(bench, "j", [0], window=9, mark_s=60, longest_s=60) == []
        first.check()
    assert not bench.hints.is_leased("j", "00000")
    assert newly_marked(bench, "j", [0], window=9, mark_s=60, longest_s=60) == [0]


def test_lease_lives_on_when_the_work_is_longer_than_it(bench: Bench) -> None:
    with Lease(bench.hints, "j", "plan", 0.5) as lease:
        assert lease.acquire()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            lease.check()
            assert bench.hints.is_leased("j", "plan")
            time.sleep(0.05)


def test_lease_is_lost_when_another_has_taken_it(bench: Bench) -> None:
    with Lease(bench.hints, "j", "plan", 0.8) as lease:
        assert lease.acquire()
        bench.redis.set(bench.hints.channels.lease("j", "plan"), "another")

        def is_lost() -> bool:
            try:
                lease.check()
            except LeaseLost:
                return True
            return False

        wait_for("a lost lease", is_lost, 5)
    assert bench.redis.get(bench.hints.channels.lease("j", "plan")) == "another"


def test_lease_is_taken_again_when_redis_was_emptied(bench: Bench) -> None:
    with Lease(bench.hints, "j", "plan", 0.8) as lease:
        assert lease.acquire()
        bench.redis.delete(bench.hints.channels.lease("j", "plan"))
        wait_for("the lease's return", lambda: bench.hints.is_leased("j", "plan"), 5)
        lease.check()


def test_committed_parts_are_unknown_when_they_were_never_all_counted(bench: Bench) -> None:
    bench.hints.note_committed("j", 4, errors=0)
    assert bench.hints.committed("j") is None
    bench.hints.add_committed("j", [1, 2])
    bench.hints.note_committed("j", 5, errors=3)
    assert bench.hints.committed("j") == {1, 2, 4, 5}
    assert bench.hints.failed_items("j") == 3
    bench.hints.note_committed("j", 5, errors=None)
    assert bench.hints.failed_items("j") == 3
    bench.hints.forget_committed("j", [2, 5])
    assert bench.hints.committed("j") == {1, 4}
    assert bench.hints.failed_items("j") == 0
    bench.hints.forget("j")
    assert bench.hints.committed("j") is None
    assert bench.hints.failed_items("j") == 0


def test_processes_are_counted_over_living_workers_when_some_are_control(bench: Bench) -> None:
    fields = {"host": "h", "device": "cpu", "store": "s", "code_version": "t", "started_at": "t"}
    infos = [
        WorkerInfo(role=role, pid=pid, processes=processes, **fields)
        for role, pid, processes in (("parts", 1, 1), ("parts", 2, 4), ("control", 3, 9))
    ]
    for info in infos:
        bench.hints.announce(info)
    assert bench.hints.part_processes() == 5
    bench.hints.withdraw(infos[1])
    assert bench.hints.part_processes() == 1


def test_every_call_fails_the_same_when_redis_is_away() -> None:
    hints = Hints(f"redis://127.0.0.1:{free_port()}/0", Channels("away"))
    calls = (
        hints.ping,
        lambda: hints.committed("j"),
        lambda: hints.claim_marks("j", [1], window=1, mark_s=1, longest_s=60),
    )
    for call in calls:
        with pytest.raises(QueueUnavailable, match="Redis does not answer"):
            call()
    hints.close()


def test_lease_of_a_dead_worker_lapses_when_the_clock_of_redis_was_set_back(bench: Bench) -> None:
    key = bench.hints.channels.lease("j", "00001")
    bench.redis.set(key, "dead", px=36_000_000)
    assert not bench.hints.acquire("j", "00001", "token", 20, 1)
    assert bench.redis.pttl(key) <= 60_000
    assert bench.redis.get(key) == "dead"
