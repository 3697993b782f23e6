"""How a job stands, and which job is meant."""

from __future__ import annotations

import re
import time

import pytest

from producer.hints import Progress
from producer.lookup import find_job, newest_jobs
from producer.status import JobReader
from producer.watch import Watcher
from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.errors import InvalidValue, NoSuchJob
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.jobs.records import ItemError
from vae_core.storage.base import Store, StoredObject

FAULT = ItemError(index=1, code="not_an_image", message="no\x1b[31m picture", source="a\nb.jpg")


def test_items_done_come_from_parts_and_hints_when_a_job_runs(store: Store) -> None:
    job = work.accept(store, work.make_job("half"))
    assert JobReader(store, job).read(None).state == "submitted"
    assert JobReader(store, job).read(Progress(done={}, errors=0, planning=True)).state == "planning"
    made = work.plan(store, job)
    work.commit(store, job, made, 2)  # the last part, of two items
    hints = Progress(done={0: 3, 1: 99, 2: 2, 77: 5}, errors=1, planning=False)
    status = JobReader(store, job).read(hints)
    assert (status.state, status.items, status.done, status.errors) == ("running", 10, 2 + 3 + 4, 1)
    assert JobReader(store, job).read(None).done == 2
    assert JobReader(store, job).read(None).errors is None


def test_state_follows_what_lies_in_the_store_when_it_changes(store: Store) -> None:
    job = work.accept(store, work.make_job("steps"))
    made = work.plan(store, job)
    records = [work.commit(store, job, made, part) for part in (0, 1)]
    work.give_up(store, job, 2)
    status = JobReader(store, job).read(None)
    assert (status.state, status.parts.committed, status.parts.given_up) == ("finishing", 2, 1)
    store.write(JobKeys("steps").cancel, b"{}")
    assert JobReader(store, job).read(None).state == "cancelling"
    work.finish(store, job, made, records, "cancelled")
    assert JobReader(store, job).read(None).state == "cancelled"


def test_parts_are_not_listed_again_at_once_when_listing_takes_long(store: Store) -> None:
    job = work.accept(store, work.make_job("big"))
    made = work.plan(store, job)
    times = iter([0.0, 0.0, 1.0, 5.0, 12.0, 12.0, 13.0])
    reader = JobReader(store, job, clock=lambda: next(times))
    assert reader.read(None).done == 0  # took a second, from 0 to 1
    work.commit(store, job, made, 0)
    assert reader.read(None).done == 0  # at 5: a tenth of the time is enough
    assert reader.read(None).done == 4  # at 12


def test_status_shows_the_job_when_it_has_ended_with_errors(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", errors=(FAULT,))
    outcome = vaejob("status", "cars", "--json")
    assert outcome.code == 0
    found = outcome.json
    assert (found["state"], found["done"], found["errors"], found["items"]) == ("succeeded", 9, 1, 10)
    assert found["parts"] == {"total": 3, "committed": 3, "given_up": 0}
    assert found["results"] == f"{store.url}/jobs/cars/"
    assert found["spec"]["seed"] == 7
    shown = vaejob("status", "cars").out
    assert "9 of 10 images" in shown
    assert "user@host" in shown


@pytest.mark.parametrize("command", ["status", "watch", "resume"])
@pytest.mark.parametrize("paused", [False, True])
def test_marker_is_restored_when_an_unfinished_job_is_looked_at(
    command: str, paused: bool, vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Watcher.__init__, "__defaults__", (time.monotonic, leave))
    work.accept(store, work.make_job("lost"))
    work.whole_job(store, "done")
    if paused:
        store.write(JobKeys("lost").paused, b"{}")
    store.delete([open_key("lost")])
    assert vaejob(command, "lost").code == (130 if command == "watch" else 0)
    assert vaejob(command, "done").code == 0
    assert [entry.key for entry in store.list("open/")] == [open_key("lost")]


def test_priority_is_shown_when_it_is_not_the_usual_one(vaejob: Vaejob, store: Store) -> None:
    work.accept(store, work.make_job("usual"))
    work.accept(store, work.make_job("nightly", priority="low"))
    assert not re.search(r"^priority ", vaejob("status", "usual").out, re.MULTILINE)
    assert "priority   low\n" in vaejob("status", "nightly").out
    assert vaejob("status", "usual", "--json").json["priority"] == "normal"
    assert [job["priority"] for job in vaejob("list", "--json").json["jobs"]] == ["normal", "low"]


def test_pause_costs_one_look_and_none_when_the_job_has_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    stat = type(store).stat

    def counting(self: Store, key: str) -> StoredObject | None:
        looked.append(key)
        return stat(self, key)

    monkeypatch.setattr(type(store), "stat", counting)
    open_job = work.accept(store, work.make_job("open"))
    JobReader(store, open_job).read(None)
    assert looked == [JobKeys("open").cancel, JobKeys("open").paused]
    JobReader(store, work.whole_job(store, "done")).read(None)
    assert looked[2:] == []


def test_errors_are_listed_without_control_letters_when_keys_hold_them(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", errors=(FAULT,))
    outcome = vaejob("errors", "cars")
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 2
    assert "\x1b" not in outcome.out
    assert "not_an_image" in outcome.out
    assert vaejob("errors", "cars", "--json").json["errors"][0]["index"] == 1


def test_errors_come_from_the_records_when_the_job_still_runs(vaejob: Vaejob, store: Store) -> None:
    job = work.accept(store, work.make_job("half"))
    made = work.plan(store, job)
    assert "no errors yet: it is running" in vaejob("errors", "half").err
    work.commit(store, job, made, 0, (FAULT,))
    assert [error["code"] for error in vaejob("errors", "half", "--json").json["errors"]] == ["not_an_image"]


def test_newest_job_comes_first_when_some_ids_were_given(store: Store) -> None:
    work.accept(store, work.make_job("20261123T100000-aaaaaa", submitted_at="2026-11-23T10:00:00+00:00"))
    work.accept(store, work.make_job("nightly", submitted_at="2026-11-23T11:00:00+00:00"))
    work.accept(store, work.make_job("20261123T120000-bbbbbb", submitted_at="2026-11-23T12:00:00+00:00"))
    work.accept(store, work.make_job("a-broken-clock", submitted_at="yesterday"))
    store.write(open_key("half-submitted"), b"")
    store.write("jobs/half-submitted/other", b"")
    found = [job.job_id for job in newest_jobs(store, lambda error: None)]
    assert found == ["20261123T120000-bbbbbb", "nightly", "20261123T100000-aaaaaa", "a-broken-clock"]
    assert find_job(store, "latest").job_id == "20261123T120000-bbbbbb"


def test_job_is_found_when_its_beginning_is_unambiguous(store: Store) -> None:
    for job_id in ("cars", "cars-2", "vans"):
        work.accept(store, work.make_job(job_id))
    assert find_job(store, "v").job_id == "vans"
    assert find_job(store, "cars").job_id == "cars"
    with pytest.raises(InvalidValue, match="the beginning of 2 jobs: cars, cars-2"):
        find_job(store, "car")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-x", "é"])
def test_job_is_refused_when_the_name_could_be_none(name: str, store: Store) -> None:
    with pytest.raises(InvalidValue, match="JOB"):
        find_job(store, name)


@pytest.mark.parametrize("name", ["nope", "latest"])
def test_job_is_not_found_when_there_is_none(name: str, vaejob: Vaejob, store: Store) -> None:
    with pytest.raises(NoSuchJob):
        find_job(store, name)
    outcome = vaejob("status", name)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1


def test_list_shows_the_newest_when_there_are_many(vaejob: Vaejob, store: Store) -> None:
    assert vaejob("list").code == 0
    assert vaejob("list", "--json").json["jobs"] == []
    for hour in range(22):
        job_id = f"20261123T{hour:02d}0000-aaaaaa"
        work.accept(store, work.make_job(job_id, submitted_at=f"2026-11-23T{hour:02d}:00:00+00:00"))
    jobs = vaejob("list", "--json").json["jobs"]
    assert len(jobs) == 20
    assert jobs[0]["job_id"].startswith("20261123T21")
    assert len(vaejob("list", "--limit", "3").out.splitlines()) == 4
    assert len(vaejob("list", "--all").out.splitlines()) == 23
    refused = vaejob("list", "--all", "--limit", "3")
    assert (refused.code, "--limit and --all exclude each other" in refused.err) == (2, True)


def test_others_are_listed_when_one_job_is_unreadable(vaejob: Vaejob, store: Store) -> None:
    for job_id in ("fine", "newer", "rotten"):
        work.whole_job(store, job_id)
    job = store.read(JobKeys("newer").job).data
    store.write(JobKeys("newer").job, job.replace(b'"sample"', b'"interpolate"'))
    store.write(JobKeys("rotten").end, b"{")
    outcome = vaejob("list")
    assert outcome.code == 0
    assert "fine" in outcome.out
    assert "newer" not in outcome.out
    assert sorted(line.partition("jobs/")[2].partition(" ")[0] for line in outcome.err.splitlines()) == [
        "newer/job.json",
        "rotten/end.json",
    ]
    assert vaejob("status", "newer").code == 1
