"""Schedules on a moved clock: slots become runs, runs become jobs, and only what is new is done."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests import nights
from tests.integration.conftest import Bench
from tests.nights import FIRST_NIGHT, Pictures, add, at, end_of, items_of, job_of, plan_of, runs_of, schedule
from vae_core.documents import load_plan, load_records
from vae_core.errors import LeaseLost
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JobKeys, ScheduleKeys, open_key
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec
from vae_core.schedules.ledger import Ledger
from vae_core.schedules.schedule import Mark, Run, iso, make_job
from vae_core.storage.base import Store
from vae_core.submission import submit
from worker.ledgers import LedgerKeeper
from worker.listing import NewObjects
from worker.scheduling import Scheduler

DAY = timedelta(days=1)


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "incoming")


def mark(bench: Bench, key: str, when: datetime) -> None:
    bench.store.write(key, to_pretty_json(Mark(at=iso(when), by="t")))


def manifest_sources(bench: Bench, run: Run) -> list[tuple[str, str]]:
    lines = bench.store.read(JobKeys(str(run.job_id)).manifest).data.splitlines()
    return [(line["source"], line["source_tag"]) for line in map(msgspec.json.decode, lines)]


def test_only_new_and_changed_pictures_are_done_when_nights_go_by(bench: Bench, pictures: Pictures) -> None:
    for number in range(1000):
        pictures.put(f"{number // 100}/{number:04d}.jpg")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT + DAY)
    for number in range(1000, 1010):
        pictures.put(f"new/{number}.jpg")
    pictures.put("0/0000.jpg", 1)
    pictures.put("9/0999.jpg", 2)
    at(bench, FIRST_NIGHT + 2 * DAY)
    at(bench, FIRST_NIGHT + 3 * DAY)
    runs = runs_of(bench)
    assert [run.name for run in runs] == ["20260101T203000Z", "20260102T203000Z", "20260103T203000Z"]
    assert items_of(bench) == [1000, 12, 0]
    assert [plan_of(bench, run).known for run in runs] == [0, 998, 1010]
    assert [end_of(bench, run).state for run in runs] == ["succeeded"] * 3
    assert {key for key, _ in manifest_sources(bench, runs[1])} >= {"0/0000.jpg", "9/0999.jpg", "new/1000.jpg"}
    assert len(bench.keys(ScheduleKeys("nightly").ledger)) == 1


def test_each_fires_at_its_own_hour_when_clocks_change(bench: Bench) -> None:
    sample = SampleSpec(n=1, seed=1)
    zones = {"india": "Asia/Kolkata", "berlin": "Europe/Berlin", "york": "America/New_York"}
    added_at = iso(datetime(2026, 1, 1, tzinfo=UTC))
    for name, zone in zones.items():
        add(bench, nights.plain(name=name, timezone=zone, cron="30 2 * * *", spec=sample, added_at=added_at))
    bench.now = datetime(2026, 1, 1, tzinfo=UTC)
    while bench.now < datetime(2027, 1, 1, tzinfo=UTC):
        bench.scheduler.look(lambda: None)
        for key in bench.keys("open/"):  # what becomes of the jobs is not looked at here
            bench.store.delete([open_key(key)])
        bench.now += timedelta(minutes=30)
    slots = {name: [datetime.fromisoformat(run.at) for run in runs_of(bench, name)] for name in zones}
    assert {name: len(found) for name, found in slots.items()} == {"india": 365, "berlin": 365, "york": 365}
    for name, zone in zones.items():
        locals_ = Counter(f"{slot.astimezone(nights.zone(zone)):%H:%M}" for slot in slots[name])
        assert locals_ == ({"02:30": 365} if name == "india" else {"02:30": 364, "03:00": 1})
    assert datetime(2026, 3, 29, 1, tzinfo=UTC) in slots["berlin"]  # 02:30 does not exist: 03:00 in summer time
    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) in slots["berlin"]  # the first of two
    assert datetime(2026, 3, 8, 7, tzinfo=UTC) in slots["york"]


def test_one_job_is_made_when_two_controls_look_at_once(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    other = bench.with_settings()
    for one in (bench, other):
        one.now = FIRST_NIGHT
        one.scheduler.look(lambda: None)
    for one in (bench, other):
        one.now = FIRST_NIGHT + DAY
        one.scheduler.look(lambda: None)
    bench.run_until_quiet()
    assert bench.keys("jobs/nightly-20260101T203000Z/") != []
    assert list(bench.store.list_folders("jobs/")) == ["nightly-20260101T203000Z"]
    assert items_of(bench) == [1]


def test_run_is_found_when_control_died_after_it_submitted(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    one = schedule(pictures)
    add(bench, one)
    bench.now = FIRST_NIGHT + DAY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scheduler, "_write", lambda *_: None)  # it does not come as far
        bench.scheduler.look(lambda: None)
    assert runs_of(bench) == []
    other = bench.with_settings()
    at(other, bench.now + 2 * DAY)  # the slot is long gone
    (first, second) = runs_of(bench)
    assert (first.name, first.job_id) == ("20260101T203000Z", "nightly-20260101T203000Z")
    assert (second.job_id, second.skipped) == (None, f"{first.job_id} was open")
    at(other, bench.now + 3 * DAY)
    assert items_of(bench) == [1, 0]


@pytest.mark.parametrize("how", ["run", "full", "plain"])
def test_job_stays_away_when_it_was_removed(bench: Bench, pictures: Pictures, how: str) -> None:
    pictures.put("a.jpg")
    if how == "plain":
        add(bench, nights.plain(name="nightly", spec=SampleSpec(n=2, seed=1)))
    else:
        add(bench, schedule(pictures, incremental=how != "full"))
    at(bench, FIRST_NIGHT + DAY)
    bench.store.delete(found.key for found in bench.store.list("jobs/"))
    at(bench, FIRST_NIGHT + DAY + timedelta(minutes=1))
    at(bench.with_settings(), FIRST_NIGHT + DAY + timedelta(minutes=2))
    assert bench.keys("jobs/") == bench.keys("open/") == []
    assert len(runs_of(bench)) == 1


def test_slots_run_when_the_clock_was_ahead_and_is_put_right(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT + 3650 * DAY)
    other = bench.with_settings()
    for night in (1, 2):
        at(bench, FIRST_NIGHT + night * DAY)
        at(other, FIRST_NIGHT + night * DAY)
    assert [run.name[:8] for run in runs_of(bench)] == ["20260101", "20260102", "20351229"]
    at(bench, FIRST_NIGHT + 3650 * DAY)  # it has had its run
    assert len(runs_of(bench)) == 3


@pytest.mark.parametrize("nights_off", [1, 5, 400])
def test_latest_slot_runs_once_when_all_machines_were_off(bench: Bench, pictures: Pictures, nights_off: int) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT)
    at(bench, FIRST_NIGHT + nights_off * DAY)
    at(bench, FIRST_NIGHT + nights_off * DAY + timedelta(hours=1))
    (run,) = runs_of(bench)
    assert run.at == iso(datetime(2025, 12, 31, 20, 30, tzinfo=UTC) + nights_off * DAY)


def test_missed_slot_is_left_out_when_nothing_is_to_be_caught_up(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures, catch_up="none"))
    slot = datetime(2026, 1, 1, 20, 30, tzinfo=UTC)
    at(bench, FIRST_NIGHT)
    at(bench, slot + timedelta(minutes=6))
    assert runs_of(bench) == []
    at(bench, slot + DAY + timedelta(minutes=4))
    assert [run.at for run in runs_of(bench)] == [iso(slot + DAY)]


def test_slot_is_skipped_when_the_run_before_is_open(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    bench.now = FIRST_NIGHT + DAY
    bench.scheduler.look(lambda: None)  # nobody plans it
    bench.now += DAY
    bench.scheduler.look(lambda: None)
    first, second = runs_of(bench)
    assert (second.job_id, second.skipped) == (None, f"{first.job_id} was open")
    at(bench, bench.now)
    at(bench, FIRST_NIGHT + 3 * DAY)
    assert items_of(bench) == [1, 0]


def test_run_waits_for_the_one_before_when_it_is_queued(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures, overlap="queue"))
    bench.now = FIRST_NIGHT + DAY
    bench.reconciler.reconcile()
    (first,) = runs_of(bench)
    bench.planner.plan(str(first.job_id))
    bench.sent()  # its part is with nobody
    pictures.put("b.jpg")
    bench.now += DAY
    bench.reconciler.reconcile()
    second = runs_of(bench)[1]
    bench.planner.plan(str(second.job_id))
    assert bench.store.stat(JobKeys(str(second.job_id)).plan) is None
    bench.parts.handle(str(first.job_id), 0)
    bench.finisher.finish(str(first.job_id))
    at(bench, bench.now)
    assert items_of(bench) == [1, 1]
    assert [key for key, _ in manifest_sources(bench, second)] == ["b.jpg"]


def test_slots_are_skipped_when_the_schedule_is_paused(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    keys = ScheduleKeys("nightly")
    mark(bench, keys.paused, FIRST_NIGHT)
    at(bench, FIRST_NIGHT + DAY)
    assert [run.skipped for run in runs_of(bench)] == ["paused"]
    bench.store.delete([keys.paused])
    at(bench, FIRST_NIGHT + DAY + timedelta(hours=1))
    assert len(runs_of(bench)) == 1
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert [run.skipped for run in runs_of(bench)] == ["paused", None]


def test_others_run_when_one_schedule_fails(bench: Bench, pictures: Pictures, caplog: pytest.LogCaptureFixture) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures, name="alright"), schedule(pictures, name="zebra"))
    bench.store.write(ScheduleKeys("broken").schedule, b'{"name": "broken"')
    bench.store.write(ScheduleKeys("conflict").schedule, to_pretty_json(schedule(pictures, name="conflict")))
    bench.submit("conflict-20260101T203000Z", SampleSpec(n=1, seed=1))
    add(bench, schedule(pictures, name="denied", spec=ReconstructSpec(source="file:///etc")))
    with caplog.at_level(logging.ERROR):
        at(bench, FIRST_NIGHT + DAY)
        at(bench, FIRST_NIGHT + DAY + timedelta(minutes=1))
    assert items_of(bench, "alright") == items_of(bench, "zebra") == [1]
    (denied,) = runs_of(bench, "denied")
    assert "not allowed" in str(end_of(bench, denied).failure)
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("schedule ")]
    assert [line.split(":")[0] for line in said] == ["schedule broken"]
    (conflict,) = runs_of(bench, "conflict")
    assert (conflict.job_id, conflict.skipped) == (None, "another job has the id conflict-20260101T203000Z")
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert len(runs_of(bench, "denied")) == 2


def test_seed_is_another_for_each_run_when_none_was_given(bench: Bench) -> None:
    drawn = nights.plain(name="drawn", spec=SampleSpec(n=2, seed=0), seed_drawn=True)
    fixed = nights.plain(name="fixed", spec=SampleSpec(n=2, seed=5))
    walk = nights.plain(name="walk", spec=InterpolateSpec(pairs=1, seed=0, steps=2), seed_drawn=True)
    add(bench, drawn, fixed, walk)
    for night in (1, 2):
        at(bench, FIRST_NIGHT + night * DAY)
    seeds = {
        name: [getattr(job_of(bench, run).spec, "seed", None) for run in runs_of(bench, name)]
        for name in ("drawn", "fixed", "walk")
    }
    assert seeds["fixed"] == [5, 5]
    assert len({*seeds["drawn"], *seeds["walk"]}) == 4
    assert all(end_of(bench, run).state == "succeeded" for name in seeds for run in runs_of(bench, name))


def test_listed_errors_are_not_tried_again_until_they_change(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    (pictures.folder / "bad.jpg").write_bytes(b"no image")
    add(bench, schedule(pictures), schedule(pictures, name="stubborn", retry_errors=True))
    at(bench, FIRST_NIGHT + DAY)
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert items_of(bench) == [2, 0]
    assert items_of(bench, "stubborn") == [2, 1]
    (pictures.folder / "bad.jpg").write_bytes(b"still no image")
    at(bench, FIRST_NIGHT + 3 * DAY)
    assert items_of(bench)[2] == items_of(bench, "stubborn")[2] == 1
    pictures.put("bad.jpg")
    at(bench, FIRST_NIGHT + 4 * DAY)
    at(bench, FIRST_NIGHT + 5 * DAY)
    assert items_of(bench)[3:] == items_of(bench, "stubborn")[3:] == [1, 0]


def test_input_is_done_again_when_it_had_changed_before_it_was_read(bench: Bench, pictures: Pictures) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        pictures.put(name)
    add(bench, schedule(pictures))
    bench.now = FIRST_NIGHT + DAY
    bench.reconciler.reconcile()
    (first,) = runs_of(bench)
    bench.planner.plan(str(first.job_id))
    pictures.put("a.jpg", 1)
    (pictures.folder / "b.jpg").unlink()
    at(bench, bench.now)
    assert end_of(bench, first).errors == 2
    pictures.put("b.jpg")
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert items_of(bench) == [3, 2]


def test_all_inputs_are_taken_when_the_schedule_is_full_or_the_checkpoint_another(
    bench: Bench, pictures: Pictures, tmp_path: Path
) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures), schedule(pictures, name="full", incremental=False))
    at(bench, FIRST_NIGHT + DAY)
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert (items_of(bench), items_of(bench, "full")) == ([1, 0], [1, 1])
    assert bench.keys(ScheduleKeys("full").ledger) == []
    later = bench.with_settings(checkpoint=nights.another_checkpoint(tmp_path))
    at(later, FIRST_NIGHT + 3 * DAY)
    assert items_of(bench) == [1, 0, 1]


def test_limit_takes_the_next_ones_when_the_first_are_done(bench: Bench, pictures: Pictures) -> None:
    for number in range(5):
        pictures.put(f"{number}.jpg")
    add(bench, schedule(pictures, spec=ReconstructSpec(source=pictures.url, limit=2)))
    for night in range(1, 5):
        at(bench, FIRST_NIGHT + night * DAY)
    assert items_of(bench) == [2, 2, 1, 0]


def test_nothing_is_done_when_the_source_is_empty(bench: Bench, pictures: Pictures) -> None:
    add(bench, schedule(pictures), schedule(pictures, name="full", incremental=False))
    at(bench, FIRST_NIGHT + DAY)
    (run,), (full,) = runs_of(bench), runs_of(bench, "full")
    end = end_of(bench, run)
    assert (end.state, end.items, end.done, end.errors) == ("succeeded", 0, 0, 0)
    assert bench.store.stat(JobKeys(str(run.job_id)).page) is not None
    assert end_of(bench, full).state == "failed"


def test_done_inputs_are_known_when_their_job_was_cancelled(bench: Bench, pictures: Pictures) -> None:
    for number in range(4):
        pictures.put(f"{number}.jpg")
    add(bench, schedule(pictures, spec=ReconstructSpec(source=pictures.url, part_size=2)))
    bench.now = FIRST_NIGHT + DAY
    bench.reconciler.reconcile()
    (first,) = runs_of(bench)
    bench.planner.plan(str(first.job_id))
    bench.parts.handle(str(first.job_id), 0)
    bench.store.write(JobKeys(str(first.job_id)).cancel, b"{}")
    at(bench, bench.now)
    assert end_of(bench, first).state == "cancelled"
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert items_of(bench) == [4, 2]


@pytest.mark.parametrize("harm", ["deleted", "truncated", "edited", "emptied", "of another"])
def test_ledger_is_made_anew_when_it_is_lost_or_damaged(
    bench: Bench, pictures: Pictures, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        pictures.put(f"{number}.jpg")
    (pictures.folder / "bad.jpg").write_bytes(b"no image")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT + DAY)
    pictures.put("20.jpg")
    at(bench, FIRST_NIGHT + 2 * DAY)
    folder = ScheduleKeys("nightly").ledger
    (name,) = bench.keys(folder)
    whole = bench.store.read(folder + name).data
    bench.store.delete([folder + name])
    damaged = {
        "truncated": whole[:-8],
        "edited": whole[:-5] + b"x" + whole[-4:],
        "emptied": b"",
        "of another": whole.replace(b'"t0"', b'"t1"'),
    }
    if harm in damaged:
        bench.store.write(folder + name, damaged[harm])
    pictures.put("21.jpg")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        at(bench, FIRST_NIGHT + 3 * DAY)
        at(bench, FIRST_NIGHT + 4 * DAY)
    assert items_of(bench) == [21, 1, 1, 0]
    (warning,) = [one.getMessage() for one in caplog.records if "ledger" in one.getMessage()]
    assert "schedule nightly" in warning
    assert len(bench.keys(folder)) == 1


@pytest.mark.parametrize("planned", [True, False])
def test_old_job_adds_nothing_when_its_schedule_was_removed_and_added_anew(
    bench: Bench, pictures: Pictures, planned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        pictures.put(f"{number}.jpg")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT + DAY)
    pictures.put("4.jpg")
    bench.now = FIRST_NIGHT + 2 * DAY
    bench.scheduler.look(lambda: None)
    old = runs_of(bench)[1]
    if planned:
        bench.planner.plan(str(old.job_id))
    keys = ScheduleKeys("nightly")
    bench.store.delete([keys.schedule, *(one.key for one in bench.store.list(keys.root))])
    crop = ReconstructSpec(source=pictures.url, fit="crop")
    add(bench, schedule(pictures, token="t1", added_at=iso(bench.now), spec=crop))
    at(bench, FIRST_NIGHT + 3 * DAY)
    at(bench, FIRST_NIGHT + 4 * DAY)
    assert items_of(bench) == [5, 0]
    end = end_of(bench, old)
    assert (end.done, end.failure and end.failure.code) == ((1, None) if planned else (0, "schedule_gone"))
    assert "ledger" not in caplog.text


@pytest.mark.parametrize("what", ["run", "open run", "record", "plan", "paused"])
def test_schedule_goes_on_when_one_document_is_damaged(bench: Bench, pictures: Pictures, what: str) -> None:
    """Nothing is left out by it; what an unreadable document alone told may be done again."""
    for number in range(4):
        pictures.put(f"{number}.jpg")
    add(bench, schedule(pictures, spec=ReconstructSpec(source=pictures.url, part_size=2)))
    at(bench, FIRST_NIGHT + DAY)
    pictures.put("4.jpg")
    keys, bad = ScheduleKeys("nightly"), b"{"
    (first,) = runs_of(bench)
    if what == "run":
        bench.store.write(keys.run(first.name), bad)
    elif what == "paused":
        bench.store.write(keys.paused, bad)
        at(bench, FIRST_NIGHT + 2 * DAY)
        bench.store.delete([keys.paused])
    elif what == "open run":
        bench.now = FIRST_NIGHT + 2 * DAY
        bench.scheduler.look(lambda: None)
        bench.store.write(keys.run("20260102T203000Z"), bad)
    else:
        job = JobKeys(str(first.job_id))
        bench.store.write(job.part(0) if what == "record" else job.plan, bad)
        bench.store.delete(found.key for found in bench.store.list(keys.ledger))
    later = bench.with_settings()
    for night in (3, 4):
        at(later, FIRST_NIGHT + night * DAY)
    names = list(bench.keys(keys.runs))
    assert len(names) >= 3
    done = {key for run in ("1", "2", "3", "4") for key in _done(bench, f"nightly-2026010{run}T203000Z")}
    assert done == {f"{number}.jpg" for number in range(5)}
    assert plan_of(bench, Run(name="", token="", at="", job_id="nightly-20260104T203000Z")).items == 0


def _done(bench: Bench, job_id: str) -> list[str]:
    if bench.store.stat(JobKeys(job_id).manifest) is None:
        return []
    return [key for key, _ in manifest_sources(bench, Run(name="", token="", at="", job_id=job_id))]


def test_finished_job_changes_nothing_when_it_is_finished_again(bench: Bench, pictures: Pictures) -> None:
    """It never takes back what another run has added since."""
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT + DAY)
    (first,) = runs_of(bench)
    pictures.put("b.jpg")
    at(bench, FIRST_NIGHT + 2 * DAY)
    keys = JobKeys(str(first.job_id))
    before = bench.keys(ScheduleKeys("nightly").ledger)
    bench.store.delete([keys.end])
    bench.store.write(open_key(str(first.job_id)), b"")
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert bench.keys(ScheduleKeys("nightly").ledger) == before
    at(bench, FIRST_NIGHT + 3 * DAY)
    assert items_of(bench) == [1, 1, 0]


def test_both_are_known_when_two_fold_at_once(bench: Bench, pictures: Pictures) -> None:
    """Between one's look at the ledger and its change another changes it, once or twice."""
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        pictures.put(name)
    add(bench, schedule(pictures, spec=ReconstructSpec(source=pictures.url, limit=1)))
    for night in range(1, 5):
        at(bench, FIRST_NIGHT + night * DAY)
    jobs = [job_of(bench, run) for run in runs_of(bench)]
    folder = ScheduleKeys("nightly").ledger
    bench.store.delete(found.key for found in bench.store.list(folder))
    for job in jobs:  # none of them has ended, so that the ledger is theirs alone to write
        bench.store.delete([JobKeys(job.job_id).end])

    def fold(keeper: LedgerKeeper, job: Job) -> None:
        plan = load_plan(bench.store, job.job_id)
        assert plan is not None
        keeper.fold(job, plan, load_records(bench.store, job.job_id), lambda: None)

    between = [jobs[1:2], jobs[2:4]]

    class Slow(LedgerKeeper):
        """Others come between its reading and its writing."""

        def _write(self, *args: Any) -> bool:
            for job in between.pop() if between else []:
                fold(LedgerKeeper(bench.store), job)
            return super()._write(*args)

    fold(Slow(bench.store), jobs[0])
    (state,) = bench.keys(folder)
    assert len(Ledger.from_bytes(bench.store.read(folder + state).data, "t0")) == 4


def test_two_runs_have_not_the_same_inputs_when_redis_is_emptied_while_one_is_planned(
    bench: Bench, pictures: Pictures
) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    bench.now = FIRST_NIGHT + DAY
    one = schedule(pictures)
    for name in ("20260101T203000Z", "20260101T203001-000000"):
        submit(bench.store, make_job(one, name, bench.now, by="t", code_version="t"))
    other = bench.with_settings()
    listing, first = NewObjects._new, "nightly-20260101T203000Z"
    hidden = bench.store.read(open_key(first))
    bench.store.delete([open_key(first)])  # the later one sees only itself when it begins

    def emptied(self: NewObjects, again: Any) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(NewObjects, "_new", listing)
            bench.store.write(open_key(first), hidden.data)
            bench.redis.delete(*bench.redis.keys(f"{bench.hints.channels.prefix}:*"))
            other.planner.plan(first)
        return listing(self, again)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NewObjects, "_new", emptied)
        with suppress(LeaseLost):
            bench.planner.plan("nightly-20260101T203001-000000")
    at(bench, bench.now)
    assert items_of(bench) == [1, 0]


def test_new_pictures_come_first_when_errors_are_tried_again_and_few_are_taken(
    bench: Bench, pictures: Pictures
) -> None:
    for number in range(2):
        (pictures.folder / f"0-bad-{number}.jpg").write_bytes(b"no image")
    for number in range(4):
        pictures.put(f"1-good-{number}.jpg")
    limited = ReconstructSpec(source=pictures.url, limit=2)
    add(bench, schedule(pictures, spec=limited, retry_errors=True))
    for night in range(1, 6):
        at(bench, FIRST_NIGHT + night * DAY)
    ends = [end_of(bench, run) for run in runs_of(bench)]
    assert [(end.done, end.errors) for end in ends] == [(0, 2), (2, 0), (2, 0), (0, 2), (0, 2)]


def test_stray_object_is_no_ledger_when_its_name_is_another(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    at(bench, FIRST_NIGHT + DAY)
    folder = ScheduleKeys("nightly").ledger
    for name in ("7", "000000099", "9999999x", "00000005.bak"):
        bench.store.write(folder + name, b"x")
    bench.store.write(folder + "00000000", b"x")  # an older state, which who wrote the next one could not remove
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert items_of(bench) == [1, 0]
    assert "00000000" not in bench.keys(folder)


def test_waiting_runs_are_not_all_read_when_one_is_asked_again(bench: Bench, pictures: Pictures) -> None:
    one = schedule(pictures, overlap="queue")
    add(bench, one)
    for number in range(30):
        name = f"20260101T{number:06d}Z"
        submit(bench.store, make_job(one, name, FIRST_NIGHT, by="t", code_version="t"))
    calls = Counting(bench.store)
    bench.with_store(cast(Store, calls)).planner.plan("nightly-20260101T000029Z")
    assert calls.count < 15


def test_next_pass_comes_with_the_next_slot_when_it_is_near(bench: Bench, pictures: Pictures) -> None:
    add(bench, schedule(pictures))
    bench.now = datetime(2026, 1, 1, 20, 29, 57, tzinfo=UTC)
    assert bench.scheduler.look(lambda: None) == 3
    assert 3 <= bench.reconciler.reconcile() < 4


def test_one_that_cannot_be_settled_is_no_reason_to_hurry(bench: Bench, pictures: Pictures) -> None:
    add(bench, schedule(pictures))
    bench.now = FIRST_NIGHT
    bench.scheduler.look(lambda: None)
    bench.now = FIRST_NIGHT + DAY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scheduler, "_settle", lambda *_: 1 / 0)
        assert bench.reconciler.reconcile() == bench.settings.reconcile_s
    at(bench, bench.now)
    assert len(runs_of(bench)) == 1


class Counting:
    """A store whose calls are counted, whichever they are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        self.count += 1
        return getattr(self._store, name)


def test_pass_costs_one_listing_when_nothing_is_due(bench: Bench, pictures: Pictures) -> None:
    add(bench, *(schedule(pictures, name=f"s{number}") for number in range(20)))
    calls = Counting(bench.store)
    worker = bench.with_store(cast(Store, calls))
    worker.now = FIRST_NIGHT
    worker.scheduler.look(lambda: None)
    calls.count = 0
    worker.scheduler.look(lambda: None)
    assert calls.count == 1
