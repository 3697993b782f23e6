"""`vaejob schedule`: what it writes, what it shows, what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
import pytest

from producer.cli import cli
from producer.table import SCHEDULE_COMMANDS
from producer.words import command_words
from tests.unit.producer import work
from tests.unit.producer.conftest import Outcome, Vaejob
from vae_core.documents import load_job
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import End, Job, ScheduledRun
from vae_core.jobs.layout import JobKeys, ScheduleKeys, open_key
from vae_core.jobs.spec import InterpolateSpec, JobSpec, ReconstructSpec, SampleSpec
from vae_core.schedules.documents import load_run, load_schedule, run_names
from vae_core.schedules.schedule import Mark, Run, Schedule, iso, make_job, run_of, slot_run, time_of
from vae_core.storage.base import Store

ADD = ("schedule", "add", "nightly", "--cron", "0 2 * * *")
SAMPLE = ("--", "sample", "--n", "4")


def added(store: Store, name: str = "nightly") -> Schedule:
    schedule = load_schedule(store, name)
    assert schedule is not None
    return schedule


def ran(store: Store, name: str, *, at: str, errors: int = 0, ended: bool = True, skipped: str | None = None) -> Run:
    """Leaves a run as control does, and its job as workers do."""
    schedule = added(store, name)
    slot = datetime.fromisoformat(at)
    run_name = f"{slot:%Y%m%dT%H%M%SZ}"
    job_id = None if skipped else f"{name}-{run_name}"
    run = Run(name=run_name, token=schedule.token, at=at, job_id=job_id, skipped=skipped, by=f"schedule {name}")
    store.create(ScheduleKeys(name).run(run_name), to_pretty_json(run))
    if job_id is not None:
        of = ScheduledRun(name=name, token=schedule.token, run=run_name)
        job = msgspec.structs.replace(work.make_job(job_id), schedule=of)
        work.accept(store, job)
        work.plan(store, job)
        if ended:
            end = End(state="succeeded", items=10, done=10 - errors, errors=errors)
            store.create(JobKeys(job_id).end, to_pretty_json(end))
            store.write(JobKeys(job_id).summary, b'{"seconds": {"total": 1.5}}')
            store.delete([open_key(job_id)])
    return run


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    (line,) = outcome.err.splitlines()
    assert outcome.out == ""
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def test_schedule_is_written_when_it_is_added(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    (tmp_path / "cars").mkdir()
    outcome = vaejob(
        *ADD, "--timezone", "Asia/Kolkata", "--overlap", "queue", "--catch-up", "none", "--retry-errors",
        "--json", "--", "reconstruct", "cars", "--fit", "crop", "--priority", "low", "--limit", "5",
    )  # fmt: skip
    assert outcome.code == 0
    schedule = added(store)
    assert schedule.spec == ReconstructSpec(source=f"file://{tmp_path}/cars", fit="crop", limit=5)
    assert (schedule.cron, schedule.timezone, schedule.priority) == ("0 2 * * *", "Asia/Kolkata", "low")
    assert (schedule.overlap, schedule.catch_up) == ("queue", "none")
    assert (schedule.incremental, schedule.retry_errors, schedule.seed_drawn) == (True, True, False)
    assert outcome.json["next_local"].endswith("T02:00:00+05:30")
    assert datetime.fromisoformat(outcome.json["next_runs"][0]) > datetime.now(UTC)
    assert [found.key for found in store.list()] == ["schedules/nightly.json"]  # and no job


def test_seed_is_drawn_for_each_run_when_none_is_given(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    assert added(store).seed_drawn
    assert vaejob("schedule", "add", "fixed", "--cron", "0 2 * * *", *SAMPLE, "--seed", "5").code == 0
    assert not added(store, "fixed").seed_drawn
    assert added(store, "fixed").spec == SampleSpec(n=4, seed=5)
    pairs = ("--", "interpolate", "--pairs", "2")
    assert vaejob("schedule", "add", "walk", "--cron", "0 2 * * *", *pairs).code == 0
    assert added(store, "walk").seed_drawn
    assert not added(store, "walk").incremental


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "a/b", "--cron", "0 2 * * *", *SAMPLE), ("'a/b'", "letters")),
        (("add", "n" * 300, "--cron", "0 2 * * *", *SAMPLE), ("nnn", "1 to 64")),
        (("add", "", "--cron", "0 2 * * *", *SAMPLE), ("''", "letters")),
        (("add", "a\nb", "--cron", "0 2 * * *", *SAMPLE), ("nb", "letters")),
        (("add", "n", "--cron", "61 * * * *", *SAMPLE), ("--cron '61 * * * *'", "minute")),
        (("add", "n", "--cron", "0 0 31 2 *", *SAMPLE), ("--cron", "day of month")),
        (("add", "n", "--cron", "", *SAMPLE), ("--cron ''", "five fields")),
        (("add", "n", "--cron", "0 2 * * *", "--timezone", "Mars", *SAMPLE), ("--timezone 'Mars'", "Asia/Kolkata")),
        (("add", "n", "--cron", "0 2 * * *", "--overlap", "x", *SAMPLE), ("--overlap 'x'", "skip, queue")),
        (("add", "n", "--cron", "0 2 * * *", "--", "sample", "--n", "0"), ("--n 0", "10,000,000")),
        (("add", "n", "--cron", "0 2 * * *", "--", "sample"), ("--n is missing",)),
        (("add", "n", "--cron", "0 2 * * *", "--", "sample", "--bogus"), ("--bogus",)),
        (("add", "n", "--cron", "0 2 * * *", "--", "verify", "x"), ("'verify'", "sample, reconstruct, interpolate")),
        (("add", "n", "--cron", "0 2 * * *", "--", "reconstruct", "s3://else/x"), ("s3://else/x", "VAEJOB_SOURCES")),
        (("add", "n", "--cron", "0 2 * * *", "--", "reconstruct", "gone"), ("'gone'",)),
        (("add", "n", "--cron", "0 2 * * *", "--", "reconstruct", ".", "--fit", "round"), ("--fit 'round'",)),
        (("add", "n", "--cron", "0 2 * * *", "--full", *SAMPLE), ("--full", "reconstruct")),
        (("add", "n", "--cron", "0 2 * * *", *SAMPLE, "--watch"), ("--watch", "behind --")),
        (("add", "n", "--cron", "0 2 * * *", *SAMPLE, "--dry-run"), ("--dry-run", "behind --")),
        (("add", "n", "--cron", "0 2 * * *", *SAMPLE, "--json"), ("--json", "behind --")),
        (("add", "n", "--cron", "0 2 * * *", *SAMPLE, "--job-id", "x"), ("--job-id", "behind --")),
        (("add", "n", "--cron", "0 2 * * *"), ("COMMAND",)),
        (("add", "n", *SAMPLE), ("--cron",)),
        (("addd",), ("'addd'", "did you mean add")),
        (("show", "a/b"), ("'a/b'",)),
    ],
)  # fmt: skip
def test_schedule_is_refused_in_one_line_when_something_is_wrong(
    arguments: tuple[str, ...], words: tuple[str, ...], vaejob: Vaejob, store: Store
) -> None:
    refused(vaejob("schedule", *arguments), *words)
    assert list(store.list()) == []


def test_list_of_keys_is_refused_when_it_would_be_the_same_each_night(vaejob: Vaejob, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("a.jpg\n")
    refused(vaejob(*ADD, "--", "reconstruct", ".", "--from-manifest", "keys.txt"), "--from-manifest", "SOURCE")


def test_second_of_one_name_is_refused_when_the_first_is_there(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    before = store.read("schedules/nightly.json")
    refused(vaejob(*ADD, *SAMPLE), "'nightly'", "vaejob schedule rm nightly")
    assert store.read("schedules/nightly.json") == before


def test_new_one_begins_anew_when_a_removal_was_broken_off(vaejob: Vaejob, store: Store) -> None:
    store.write(ScheduleKeys("nightly").ledger_state(3), b"old")
    store.write(ScheduleKeys("nightly").paused, b"{}")
    assert vaejob(*ADD, *SAMPLE).code == 0
    assert [found.key for found in store.list()] == ["schedules/nightly.json"]


def test_all_are_listed_when_one_is_damaged(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, "--timezone", "Asia/Kolkata", *SAMPLE).code == 0
    assert vaejob("schedule", "add", "idle", "--cron", "0 3 * * *", *SAMPLE).code == 0
    ran(store, "nightly", at="2026-11-22T20:30:00+00:00")
    ran(store, "nightly", at="2026-11-23T20:30:00+00:00", errors=2)
    store.write("schedules/broken.json", b"{")
    vaejob("schedule", "pause", "idle")
    outcome = vaejob("schedule", "list")
    assert outcome.code == 0
    header, broken, idle, nightly = outcome.out.splitlines()
    assert header.split()[:2] == ["NAME", "CRON"]
    assert "damaged" in broken
    assert "paused" in idle
    assert "02:00 IST" in nightly and "20:30 UTC" in nightly
    assert "2026-11-24 02:00 IST" in nightly
    assert "succeeded, 8 of 10, 2 errors" in nightly
    found = vaejob("schedule", "list", "--json").json["schedules"]
    assert [one["name"] for one in found] == ["broken", "idle", "nightly"]
    assert found[2]["last"]["job_id"] == "nightly-20261123T203000Z"
    assert found[0]["problem"]
    assert found[1]["paused"] and found[1]["next_runs"] == []


def test_history_tells_of_each_run_when_it_is_asked_for(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, "--timezone", "Asia/Kolkata", *SAMPLE).code == 0
    assert vaejob("schedule", "history", "nightly").err.strip() == "schedule nightly has not run yet"
    ran(store, "nightly", at="2026-11-21T20:30:00+00:00")
    ran(store, "nightly", at="2026-11-22T20:30:00+00:00", errors=1)
    ran(store, "nightly", at="2026-11-23T20:30:00+00:00", ended=False)
    ran(store, "nightly", at="2026-11-24T20:30:00+00:00", skipped="nightly-20261123T203000Z was open")
    gone = ran(store, "nightly", at="2026-11-20T20:30:00+00:00")
    store.delete(found.key for found in store.list(JobKeys(str(gone.job_id)).root))
    taken = ran(store, "nightly", at="2026-11-19T20:30:00+00:00", ended=False)
    store.write(JobKeys(str(taken.job_id)).job, to_pretty_json(work.make_job(str(taken.job_id))))
    runs = vaejob("schedule", "history", "nightly", "--json").json["runs"]
    assert [run["state"] for run in runs] == ["skipped", "running", "succeeded", "succeeded", "removed", "conflict"]
    assert (runs[2]["items"], runs[2]["errors"], runs[2]["seconds"]) == (10, 1, 1.5)
    assert (runs[0]["job_id"], runs[0]["why"]) == (None, "nightly-20261123T203000Z was open")
    lines = vaejob("schedule", "history", "nightly", "--limit", "2").out.splitlines()
    assert len(lines) == 3
    assert "2026-11-25 02:00 IST" in lines[1]


def test_show_tells_what_it_does_and_when_next(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    (tmp_path / "my cars").mkdir()
    assert vaejob(*ADD, "--timezone", "Asia/Kolkata", "--", "reconstruct", "my cars/*.jpg", "--noise", "0.2").code == 0
    out = vaejob("schedule", "show", "nightly").out
    assert f"reconstruct 'file://{tmp_path}/my cars/*.jpg' --noise 0.2" in out
    assert out.count("02:00 IST") == 3
    assert "none yet" in out
    shown = vaejob("schedule", "show", "nightly", "--json").json
    assert len(shown["next_runs"]) == 3
    missing = vaejob("schedule", "show", "other")
    assert (missing.code, len(missing.err.splitlines())) == (1, 1)
    assert "nightly" in missing.err


def test_run_counts_as_no_slot_when_it_is_asked_for(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    outcome = vaejob("schedule", "run", "nightly", "--json")
    assert outcome.code == 0
    (name,) = run_names(store, "nightly")
    run = load_run(store, "nightly", name)
    assert run is not None and run.job_id == outcome.json["job_id"] == f"nightly-{name}"
    job = load_job(store, run.job_id)
    assert job.schedule and (job.schedule.run, job.schedule.token) == (name, added(store).token)
    assert store.stat(open_key(run.job_id)) is not None
    (shown,) = vaejob("schedule", "history", "nightly", "--json").json["runs"]
    assert (shown["slot"], shown["state"]) == (None, "submitted")
    second = vaejob("schedule", "run", "nightly")
    assert f"{run.job_id} is open" in second.err
    names = list(run_names(store, "nightly"))
    assert names == sorted(names) and names[0] == name
    refused(vaejob("schedule", "run", "nightly", "--full"), "--full")


def test_full_run_is_asked_for_once_when_the_schedule_takes_what_is_new(
    vaejob: Vaejob, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "cars").mkdir()
    assert vaejob(*ADD, "--", "reconstruct", "cars").code == 0
    for flag in ("--full", "--retry-errors"):
        job = load_job(store, vaejob("schedule", "run", "nightly", flag, "--json").json["job_id"])
        assert job.schedule and job.schedule.incremental
        assert (job.schedule.full, job.schedule.retry_errors) == (flag == "--full", flag == "--retry-errors")


def test_schedule_is_paused_until_it_is_resumed(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    document = store.read("schedules/nightly.json")
    lines = [vaejob("schedule", word, "nightly").out.strip() for word in ("pause", "pause", "resume", "resume")]
    assert lines == [
        "schedule nightly is paused", "schedule nightly was paused already",
        "schedule nightly runs again", "schedule nightly was not paused",
    ]  # fmt: skip
    assert store.stat(ScheduleKeys("nightly").paused) is None
    assert store.read("schedules/nightly.json") == document
    assert vaejob("schedule", "pause", "nightly", "--json").json == {"schedule": "nightly", "paused": True}


def test_last_slot_is_skipped_when_it_came_while_the_schedule_was_paused_and_no_control_was_there(
    vaejob: Vaejob, store: Store
) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    now = datetime.now(UTC)
    old = msgspec.structs.replace(added(store), added_at=iso(now - timedelta(days=30)))
    store.write("schedules/nightly.json", to_pretty_json(old))
    store.write(ScheduleKeys("nightly").paused, to_pretty_json(Mark(at=iso(now - timedelta(days=3)), by="t")))
    assert vaejob("schedule", "resume", "nightly").code == 0
    (name,) = run_names(store, "nightly")
    run = load_run(store, "nightly", name)
    assert run is not None and (run.job_id, run.skipped) == (None, "paused")
    assert timedelta(0) <= now - time_of(run.at) <= timedelta(days=1)
    vaejob("schedule", "pause", "nightly")
    vaejob("schedule", "resume", "nightly")  # none came since
    assert list(run_names(store, "nightly")) == [name]
    store.write(ScheduleKeys("nightly").paused, b"{")
    assert vaejob("schedule", "resume", "nightly").code == 0
    assert store.stat(ScheduleKeys("nightly").paused) is None


def test_run_is_not_resumed_when_a_later_one_has_taken_its_inputs(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    (tmp_path / "cars").mkdir()
    assert vaejob(*ADD, "--", "reconstruct", "cars").code == 0
    runs = []
    for at in ("2026-11-22T20:30:00+00:00", "2026-11-23T20:30:00+00:00"):
        job = schedule_job(store, at)
        work.accept(store, job)
        work.plan_inputs(store, job, ["a.jpg"])
        store.create(ScheduleKeys("nightly").run(run_of(job).name), to_pretty_json(run_of(job)))
        end = End(state="cancelled", items=1, done=0, errors=0)
        store.create(JobKeys(job.job_id).end, to_pretty_json(end))
        runs.append(job.job_id)
    refused(vaejob("resume", runs[0]), runs[0], runs[1], "schedule nightly")
    assert store.stat(JobKeys(runs[0]).end) is not None
    assert vaejob("resume", runs[1]).code == 0


def schedule_job(store: Store, at: str) -> Job:
    return make_job(added(store), slot_run(datetime.fromisoformat(at)), datetime.now(UTC), by="t", code_version="t")


def test_all_are_listed_when_a_run_names_no_time(vaejob: Vaejob, store: Store) -> None:
    for name in ("nightly", "other"):
        assert vaejob("schedule", "add", name, "--cron", "0 2 * * *", *SAMPLE).code == 0
    run = Run(name="20261123T203000Z", token=added(store).token, at="yesterday", skipped="paused")
    store.write(ScheduleKeys("nightly").run(run.name), to_pretty_json(run))
    outcome = vaejob("schedule", "list")
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 3
    assert "damaged" in outcome.out
    assert "damaged" in vaejob("schedule", "history", "nightly").out
    assert "damaged" in vaejob("schedule", "show", "nightly").out


def test_jobs_stay_when_the_schedule_is_removed(vaejob: Vaejob, store: Store) -> None:
    for name in ("nightly", "nightly-2"):
        assert vaejob("schedule", "add", name, "--cron", "0 2 * * *", *SAMPLE).code == 0
        ran(store, name, at="2026-11-23T20:30:00+00:00")
    refused(vaejob("schedule", "rm", "nightly"), "--yes")
    outcome = vaejob("schedule", "rm", "nightly", "--yes")
    assert outcome.out == "schedule nightly is removed, with the record of 1 run; their jobs stay\n"
    left = [found.key for found in store.list("schedules/")]
    assert left == ["schedules/nightly-2.json", "schedules/nightly-2/runs/20261123T203000Z.json"]
    assert load_job(store, "nightly-20261123T203000Z")
    store.write("schedules/broken.json", b"{")
    assert vaejob("schedule", "rm", "broken", "--yes", "--json").json["removed"] is True
    assert vaejob("schedule", "rm", "broken", "--yes").code == 1


def test_schedules_are_not_inputs_when_the_store_is_a_source(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    store.write("cars/a.jpg", b"x")
    preview = vaejob("reconstruct", store.url, "--dry-run", "--json")
    assert preview.json["items"] == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (SampleSpec(n=4, seed=5), "sample --n 4 --seed 5"),
        (SampleSpec(indices="0-3", seed=5, format="webp"), "sample --format webp --indices 0-3 --seed 5"),
        (ReconstructSpec(source="s3://bkt/c/", glob="**/*.jpg"), "reconstruct s3://bkt/c/**/*.jpg"),
        (InterpolateSpec(pairs=2, seed=5, steps=3), "interpolate --pairs 2 --seed 5 --steps 3"),
        (InterpolateSpec(points=("seed:1/2", "seed:1/3"), loop=True), "interpolate seed:1/2 seed:1/3 --loop"),
        (
            InterpolateSpec(points=tuple(f"seed:1/{number}" for number in range(4)), rows=3, columns=4),
            "interpolate seed:1/0 seed:1/1 seed:1/2 seed:1/3 --corners --rows 3 --cols 4",
        ),
    ],
)  # fmt: skip
def test_command_asks_for_the_same_when_its_words_are_given_again(
    spec: JobSpec, words: str, vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert " ".join(command_words(spec)) == words
    monkeypatch.setenv("VAEJOB_SOURCES", "s3://bkt")
    assert vaejob(*ADD, "--", *command_words(spec)).code == 0
    assert added(store).spec == spec


@pytest.mark.parametrize("name", SCHEDULE_COMMANDS)
def test_command_describes_itself_and_offers_json_when_loaded(name: str, vaejob: Vaejob) -> None:
    group = cli.get_command(click.Context(cli), "schedule")
    assert isinstance(group, click.Group)
    command = group.get_command(click.Context(group), name)
    assert command is not None and command.help
    assert any("--json" in parameter.opts for parameter in command.params)
    outcome = vaejob("schedule", name, "--help")
    assert outcome.code == 0
    assert f"vaejob schedule {name}" in outcome.out
    assert SCHEDULE_COMMANDS[name].line in vaejob("schedule").out


def test_next_run_is_none_of_the_past_when_the_schedule_was_added_on_a_fast_clock(vaejob: Vaejob, store: Store) -> None:
    assert vaejob(*ADD, *SAMPLE).code == 0
    later = datetime.now(UTC) + timedelta(days=3)
    store.write(
        "schedules/nightly.json", to_pretty_json(msgspec.structs.replace(added(store), added_at=later.isoformat()))
    )
    (next_run,) = vaejob("schedule", "list", "--json").json["schedules"][0]["next_runs"]
    assert datetime.fromisoformat(next_run) > later
