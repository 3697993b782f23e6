"""Schedules and runs as data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from vae_core.errors import InvalidValue
from vae_core.jobs.codec import from_json, to_json
from vae_core.jobs.ids import check_job_id, seed_for
from vae_core.jobs.job import Job
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec
from vae_core.schedules.schedule import (
    Run,
    Schedule,
    asked_run,
    check_name,
    is_run,
    is_run_of,
    iso,
    make_job,
    run_of,
    slot_of,
    slot_run,
    time_of,
)

SLOT = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)
SOURCE = ReconstructSpec(source="s3://incoming/cars/")


def schedule(**changes: Any) -> Schedule:
    fields = {
        "name": "nightly",
        "token": "t",
        "cron": "0 2 * * *",
        "timezone": "Asia/Kolkata",
        "spec": SOURCE,
        "added_at": "2026-11-23T00:00:00+00:00",
        "added_by": "someone@box",
        "code_version": "1",
    }
    return Schedule(**{**fields, **changes})


def made(of: Schedule, run: str) -> Job:
    return make_job(of, run, SLOT, by=f"schedule {of.name}", code_version="1")


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"name": "a/b"}, "NAME 'a/b' is not allowed"),
        ({"name": "n" * 300}, "NAME 'nnn"),
        ({"name": "a.b"}, "NAME"),
        ({"name": "-a"}, "NAME"),
        ({"name": ""}, "NAME"),
        ({"name": "ü"}, "NAME"),
        ({"name": "a\n"}, "NAME"),
        ({"cron": "x"}, "--cron 'x'"),
        ({"timezone": "Mars"}, "--timezone 'Mars'"),
        ({"overlap": "both"}, "--overlap 'both'"),
        ({"catch_up": "all"}, "--catch-up 'all'"),
        ({"priority": "urgent"}, "--priority 'urgent'"),
        ({"spec": ReconstructSpec(source=None, keys_sha256="0" * 64)}, "--from-manifest"),
        ({"spec": SampleSpec(n=1, seed=1), "incremental": True}, "only a reconstruct schedule"),
        ({"retry_errors": True}, "leave --retry-errors out"),
    ],
)
def test_schedule_is_refused_when_a_field_is_wrong(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        schedule(**changes)
    assert wrong in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "nightly", "A_b-9", "n" * 64])
def test_job_may_be_called_so_when_the_schedule_may(name: str) -> None:
    check_name(name)
    for run in (slot_run(SLOT), asked_run(SLOT)):
        check_job_id(made(schedule(name=name), run).job_id)


def test_runs_are_named_for_their_slots_when_written_and_read() -> None:
    assert slot_run(SLOT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "20261123T203000Z"
    assert slot_of("20261123T203000Z") == SLOT
    assert [slot_of(name) for name in (asked_run(SLOT), "20261323T203000Z", "20261123T203000Z.tmp", "")] == [None] * 4
    assert is_run(asked_run(SLOT))
    assert not is_run("20261123T203000")
    assert sorted([slot_run(SLOT + timedelta(seconds=1)), asked_run(SLOT), slot_run(SLOT)])[-1] == "20261123T203001Z"


def test_job_follows_from_schedule_and_run_when_it_is_made_twice() -> None:
    one = made(schedule(incremental=True), slot_run(SLOT))
    later = SLOT + timedelta(hours=1)
    other = make_job(schedule(incremental=True), slot_run(SLOT), later, by="someone", code_version="2")
    assert (one.job_id, one.spec, one.schedule) == (other.job_id, other.spec, other.schedule)
    assert one.job_id == "nightly-20261123T203000Z"
    assert from_json(to_json(one), Job, "job.json") == one
    assert run_of(one) == Run(name=slot_run(SLOT), token="t", at=iso(SLOT), job_id=one.job_id, by="schedule nightly")
    assert is_run_of(one, "t")
    assert not is_run_of(one, "u")


def test_seed_follows_from_the_job_when_none_was_given() -> None:
    for spec in (SampleSpec(n=1, seed=0), InterpolateSpec(pairs=2, seed=0)):
        drawn = made(schedule(spec=spec, seed_drawn=True), slot_run(SLOT))
        assert getattr(drawn.spec, "seed", None) == seed_for(drawn.job_id)
        assert made(schedule(spec=spec), slot_run(SLOT)).spec == spec


def test_job_document_names_no_schedule_when_there_is_none() -> None:
    job = Job(job_id="j", spec=SampleSpec(n=1, seed=1), submitted_at="", submitted_by="", code_version="")
    assert b"schedule" not in to_json(job)
    assert not job.schedule
    assert not is_run_of(job, "")
    with pytest.raises(InvalidValue, match="job j is a run of no schedule"):
        run_of(job)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23", "2026-11-23T20:30:00"])
def test_time_is_refused_when_it_is_no_instant(text: str) -> None:
    with pytest.raises(InvalidValue):
        time_of(text)
