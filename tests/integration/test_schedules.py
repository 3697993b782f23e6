"""Schedules on a moved clock: slots become runs, runs become jobs, and only what is new is done."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests import nights
from tests.integration.conftest import Bench
from tests.nights import FIRST_NIGHT, Pictures, add, at, end_of, items_of, job_of, plan_of, runs_of, schedule
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.layout import JobKeys, ScheduleKeys, open_key
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec
from vae_core.schedules.schedule import Mark, Run, iso, slot_run
from worker.reconciler import Reconciler
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


def test_job_is_submitted_when_control_died_after_it_decided(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    one = schedule(pictures)
    add(bench, one)
    slot = datetime(2026, 1, 1, 20, 30, tzinfo=UTC)
    run = Run(name=slot_run(slot), token="t0", at=iso(slot), job_id="nightly-20260101T203000Z")
    bench.store.create(ScheduleKeys("nightly").run(run.name), to_pretty_json(run))
    at(bench, FIRST_NIGHT + 9 * timedelta(hours=1))
    assert runs_of(bench) == [run]
    assert end_of(bench, run).done == 1


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
    mark(bench, keys.resumed, FIRST_NIGHT + 5 * DAY)
    at(bench, FIRST_NIGHT + 5 * DAY)  # what came due meanwhile, with all machines off, was paused too
    assert len(runs_of(bench)) == 1
    at(bench, FIRST_NIGHT + 6 * DAY)
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
    assert sorted(line.split(":")[0] for line in said) == ["schedule broken", "schedule conflict"]
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


def test_old_job_adds_nothing_when_its_schedule_was_removed_and_added_anew(bench: Bench, pictures: Pictures) -> None:
    pictures.put("a.jpg")
    add(bench, schedule(pictures))
    bench.now = FIRST_NIGHT + DAY
    bench.reconciler.reconcile()
    (first,) = runs_of(bench)
    bench.planner.plan(str(first.job_id))
    keys = ScheduleKeys("nightly")
    bench.store.delete([keys.schedule, *(one.key for one in bench.store.list(keys.root))])
    add(
        bench,
        schedule(pictures, token="t1", added_at=iso(bench.now), spec=ReconstructSpec(source=pictures.url, fit="crop")),
    )
    at(bench, FIRST_NIGHT + 2 * DAY)
    assert items_of(bench) == [1]


def test_others_go_on_when_the_ledger_is_folded_by_two_at_once(bench: Bench, pictures: Pictures) -> None:
    """Finishing again what is finished changes nothing, and never takes back what another run added."""
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


def test_next_pass_comes_with_the_next_slot_when_it_is_near(bench: Bench, pictures: Pictures) -> None:
    add(bench, schedule(pictures))
    bench.now = datetime(2026, 1, 1, 20, 29, 57, tzinfo=UTC)
    assert bench.scheduler.look(lambda: None) == 3
    assert 3 <= bench.reconciler.reconcile() < 4
    assert isinstance(bench.reconciler, Reconciler)
    assert isinstance(bench.scheduler, Scheduler)


def test_schedule_costs_no_reading_when_nothing_is_due(bench: Bench, pictures: Pictures) -> None:
    add(bench, *(schedule(pictures, name=f"s{number}") for number in range(20)))
    bench.now = FIRST_NIGHT
    bench.scheduler.look(lambda: None)
    reads: list[str] = []
    read = bench.store.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.store, "read", lambda key, **options: (reads.append(key), read(key, **options))[1])
        bench.scheduler.look(lambda: None)
    assert reads == []
