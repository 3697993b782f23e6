"""Cancelling, pausing and resuming while no worker and no Redis are there."""

from __future__ import annotations

import pytest

from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.jobs.codec import from_json
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.jobs.spec import SampleSpec
from vae_core.storage.base import Store


def test_cancel_leaves_its_request_when_the_job_is_unfinished(vaejob: Vaejob, store: Store) -> None:
    work.accept(store, work.make_job("cars"))
    store.delete([open_key("cars")])
    outcome = vaejob("cancel", "cars", "--json")
    assert (outcome.code, outcome.json["state"]) == (0, "cancelling")
    assert "the request is noted" in outcome.err
    assert store.stat(JobKeys("cars").cancel) is not None
    assert store.stat(open_key("cars")) is not None
    assert vaejob("cancel", "cars").code == 0


def test_cancel_changes_nothing_when_the_job_is_cancelled_already(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", state="cancelled")
    outcome = vaejob("cancel", "cars")
    assert outcome.code == 0
    assert "was cancelled already" in outcome.out
    assert store.stat(JobKeys("cars").cancel) is None


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_cancel_is_refused_when_the_job_has_ended(state: str, vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", state=state)
    outcome = vaejob("cancel", "cars")
    assert outcome.code == 2
    assert f"has {state} already" in outcome.err
    assert store.stat(JobKeys("cars").cancel) is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_committed_parts_stay_when_an_ended_job_is_resumed(state: str, vaejob: Vaejob, store: Store) -> None:
    job = work.whole_job(store, "cars", state=state, parts=2)
    keys = JobKeys("cars")
    work.give_up(store, job, 2)
    store.write(keys.attempt(2, "token"), b"")
    store.write(keys.cancel, b"{}")
    store.write(keys.paused, b"{}")
    outcome = vaejob("resume", "cars", "--json")
    assert (outcome.code, outcome.json["state"]) == (0, "running")
    left = {entry.key.removeprefix(keys.root) for entry in store.list(keys.root)}
    assert {"parts/00000.json", "parts/00001.json", "plan.json", "job.json"} <= left
    assert not any(name.startswith(("dead/", "attempts/", "cancel", "paused", "end.json", "_SUCCESS")) for name in left)
    assert store.stat(open_key("cars")) is not None


def test_resume_can_be_repeated_when_it_was_broken_off(
    vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.whole_job(store, "cars", state="failed", parts=1)
    delete = type(store).delete

    def broken(self: Store, keys: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(store), "delete", broken)
    assert vaejob("resume", "cars").code == 130
    monkeypatch.setattr(type(store), "delete", delete)
    assert store.stat(open_key("cars")) is not None
    assert store.stat(JobKeys("cars").end) is not None
    assert vaejob("resume", "cars", "--json").json["state"] == "running"


def test_resume_says_so_when_there_is_nothing_to_resume(vaejob: Vaejob, store: Store) -> None:
    work.accept(store, work.make_job("waiting"))
    work.whole_job(store, "done")
    assert "is submitted: it goes on by itself" in vaejob("resume", "waiting").err
    assert "has succeeded" in vaejob("resume", "done").out
    assert store.stat(JobKeys("done").end) is not None
    vaejob("cancel", "waiting")
    refused = vaejob("resume", "waiting")
    assert (refused.code, "is being cancelled" in refused.err) == (2, True)


@pytest.mark.parametrize("planned", [True, False])
def test_pause_leaves_its_request_when_the_job_is_unfinished(planned: bool, vaejob: Vaejob, store: Store) -> None:
    job = work.accept(store, work.make_job("cars"))
    if planned:
        work.commit(store, job, work.plan(store, job), 0)
    store.delete([open_key("cars")])
    outcome = vaejob("pause", "cars")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("job cars is paused: ")
    request = from_json(store.read(JobKeys("cars").paused).data, dict, "paused")
    assert set(request) == {"asked_by", "asked_at"}
    assert store.stat(open_key("cars")) is not None
    again = vaejob("pause", "cars")
    assert (again.code, again.out, again.err) == (0, "job cars was paused already\n", "")
    assert vaejob("pause", "cars", "--json").json == {"job_id": "cars", "state": "paused"}
    assert from_json(store.read(JobKeys("cars").paused).data, dict, "paused") == request


def test_paused_job_is_shown_so_when_it_is_looked_at(vaejob: Vaejob, store: Store) -> None:
    job = work.accept(store, work.make_job("cars"))
    work.commit(store, job, work.plan(store, job), 0)
    vaejob("pause", "cars")
    found = vaejob("status", "cars", "--json").json
    assert (found["state"], found["done"]) == ("paused", 4)
    assert "paused" in vaejob("status", "cars").out
    assert "paused" in vaejob("list").out
    assert "it is paused" in vaejob("errors", "cars").err
    assert vaejob("verify", "cars").code == 2


def test_job_goes_on_when_it_was_paused_and_is_resumed(vaejob: Vaejob, store: Store) -> None:
    job = work.accept(store, work.make_job("cars"))
    work.commit(store, job, work.plan(store, job), 0)
    vaejob("pause", "cars")
    store.delete([open_key("cars")])
    outcome = vaejob("resume", "cars")
    assert (outcome.code, outcome.out) == (0, "job cars goes on\n")
    assert store.stat(JobKeys("cars").paused) is None
    assert store.stat(open_key("cars")) is not None
    vaejob("pause", "cars")
    assert vaejob("resume", "cars", "--json").json == {"job_id": "cars", "state": "running"}


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "cancelling", "finishing"])
def test_pause_is_refused_when_no_part_is_left_to_begin(state: str, vaejob: Vaejob, store: Store) -> None:
    if state in {"succeeded", "failed", "cancelled"}:
        work.whole_job(store, "cars", state=state)
    else:
        job = work.accept(store, work.make_job("cars", SampleSpec(n=3, seed=1, part_size=4)))
        work.commit(store, job, work.plan(store, job), 0)
    if state == "cancelling":
        vaejob("cancel", "cars")
    outcome = vaejob("pause", "cars")
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (2, "", 1)
    assert {"cancelling": "being cancelled"}.get(state, state) in outcome.err
    assert "nothing to pause" in outcome.err
    assert store.stat(JobKeys("cars").paused) is None


def test_next_job_of_the_id_is_not_paused_when_this_one_is_removed_meanwhile(
    vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.accept(store, work.make_job("cars"))
    create = type(store).create

    def late(self: Store, key: str, data: bytes, *, content_type: str | None = None) -> bool:
        store.delete([JobKeys("cars").job, open_key("cars")])
        return create(self, key, data, content_type=content_type)

    monkeypatch.setattr(type(store), "create", late)
    outcome = vaejob("pause", "cars")
    assert (outcome.code, "is being removed" in outcome.err) == (2, True)
    assert list(store.list()) == []


def test_last_part_is_told_when_it_was_committed_as_the_job_was_paused(
    vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work.accept(store, work.make_job("cars"))
    made = work.plan(store, job)
    create = type(store).create

    def late(self: Store, key: str, data: bytes, *, content_type: str | None = None) -> bool:
        monkeypatch.setattr(type(store), "create", create)
        work.finish(store, job, made, [work.commit(store, job, made, part) for part in range(made.parts)])
        return create(self, key, data, content_type=content_type)

    monkeypatch.setattr(type(store), "create", late)
    outcome = vaejob("pause", "cars")
    assert (outcome.code, outcome.out) == (0, "job cars is succeeded\n")
    assert store.stat(open_key("cars")) is None
    assert vaejob("verify", "cars").code == 0


def test_cancel_is_as_of_any_job_when_the_job_is_paused(vaejob: Vaejob, store: Store) -> None:
    work.accept(store, work.make_job("cars"))
    vaejob("pause", "cars")
    assert vaejob("cancel", "cars", "--json").json["state"] == "cancelling"
    assert vaejob("status", "cars", "--json").json["state"] == "cancelling"
    assert vaejob("resume", "cars").code == 2
    assert vaejob("pause", "cars").code == 2


def test_paused_job_is_said_to_need_a_resume_when_it_is_submitted_again(vaejob: Vaejob, store: Store) -> None:
    vaejob("sample", "--n", "5", "--job-id", "cars")
    vaejob("pause", "cars")
    outcome = vaejob("sample", "--n", "5", "--job-id", "cars")
    assert (outcome.code, len(outcome.err.splitlines())) == (0, 1)
    assert "it is paused: let it go on with `vaejob resume cars`" in outcome.err
    assert store.stat(JobKeys("cars").paused) is not None
