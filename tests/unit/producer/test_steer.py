"""Cancelling and resuming while no worker and no Redis are there."""

from __future__ import annotations

import pytest

from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.jobs.layout import JobKeys, open_key
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
    outcome = vaejob("resume", "cars", "--json")
    assert (outcome.code, outcome.json["state"]) == (0, "running")
    left = {entry.key.removeprefix(keys.root) for entry in store.list(keys.root)}
    assert {"parts/00000.json", "parts/00001.json", "plan.json", "job.json"} <= left
    assert not any(name.startswith(("dead/", "attempts/", "cancel", "end.json", "_SUCCESS")) for name in left)
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
