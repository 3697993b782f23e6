"""Removing jobs: all of one and nothing else, and no harm where it is broken off."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from producer import removal
from producer.hints import Hints
from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.jobs.layout import JobKeys, checkpoint_key, open_key
from vae_core.storage.base import Store
from vae_core.storage.folder import FolderStore


def keys_of(store: Store) -> list[str]:
    return [found.key for found in store.list()]


def test_all_of_the_job_and_nothing_else_is_removed_when_it_has_ended(vaejob: Vaejob, store: Store) -> None:
    store.write(checkpoint_key("0" * 64), b"weights")
    for job_id in ("cars", "cars-2", "car", "cars.x"):
        work.whole_job(store, job_id)
    store.write(open_key("cars"), b"")  # left by somebody who looked at it as it ended
    others = [key for key in keys_of(store) if not key.startswith("jobs/cars/") and key != open_key("cars")]
    count = len(list(store.list("jobs/cars/")))
    outcome = vaejob("rm", "cars", "--yes", "--json")
    assert outcome.code == 0
    assert outcome.json == {"removed": [{"job_id": "cars", "objects": count}], "left": []}
    assert keys_of(store) == others


def test_nothing_is_removed_when_nobody_can_be_asked(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    before = keys_of(store)
    outcome = vaejob("rm", "cars")
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "--yes" in outcome.err
    assert keys_of(store) == before


@pytest.mark.parametrize("answer", [True, False])
def test_user_is_asked_when_there_is_a_terminal(
    answer: bool, vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.whole_job(store, "cars")
    asked: list[str] = []

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        return answer

    for stream in ("sys.stdin", "sys.stderr"):
        monkeypatch.setattr(f"{stream}.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", confirm)
    assert vaejob("rm", "car").code == (0 if answer else 1)
    assert asked == [f"Remove cars (succeeded) and all results from {store.url}?"]
    assert bool(keys_of(store)) is not answer


def test_removal_is_refused_as_a_whole_when_one_job_is_not_there(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    before = keys_of(store)
    assert vaejob("rm", "cars", "bikes", "--yes").code == 2
    beginning = vaejob("rm", "car", "--yes")
    assert (beginning.code, "give all of it, cars" in beginning.err) == (2, True)
    assert vaejob("rm", "../cars", "--yes").code == 2
    assert keys_of(store) == before


def test_several_jobs_are_removed_when_named_twice_and_as_latest(vaejob: Vaejob, store: Store) -> None:
    for job_id in ("a", "b"):
        work.whole_job(store, job_id)
    outcome = vaejob("rm", "a", "b", "a", "latest", "--yes")
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 2
    assert keys_of(store) == []


@pytest.mark.parametrize("planned", [True, False])
def test_open_job_stays_when_no_worker_is_there_to_end_it(planned: bool, vaejob: Vaejob, store: Store) -> None:
    job = work.accept(store, work.make_job("cars"))
    if planned:
        work.commit(store, job, work.plan(store, job), 0)
    before = set(keys_of(store))
    outcome = vaejob("rm", "cars", "--yes")
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (1, "", 1)
    for words in ("no worker is there", "make worker", "nothing was removed", "--force"):
        assert words in outcome.err
    assert set(keys_of(store)) == before | {JobKeys("cars").cancel}
    assert vaejob("rm", "cars", "--yes", "--force").code == 0
    assert keys_of(store) == []


def test_paused_job_is_removed_when_it_is_forced(vaejob: Vaejob, store: Store) -> None:
    job = work.accept(store, work.make_job("cars"))
    work.commit(store, job, work.plan(store, job), 0)
    vaejob("pause", "cars")
    assert vaejob("rm", "cars", "--yes").code == 1
    assert store.stat(JobKeys("cars").paused) is not None
    assert vaejob("rm", "cars", "--yes", "--force").code == 0
    assert keys_of(store) == []


class Broken(KeyboardInterrupt):
    """The process dies here."""


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_half_removed_job_stays_ended_and_is_removed_when_asked_again(
    state: str, vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, write = FolderStore.delete, FolderStore.write
    deaths = 0
    for moment in range(60):
        work.whole_job(store, "cars", state=state, parts=2)
        store.write(JobKeys("cars").paused, b"{}")  # asked for as it ended
        work.whole_job(store, "cars-2")
        others = [key for key in keys_of(store) if "cars-2" in key]
        left = moment

        def one_less() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Broken

        def dying_delete(self: FolderStore, keys: Iterable[str]) -> None:
            for key in keys:
                one_less()
                delete(self, [key])

        def dying_write(self: FolderStore, key: str, data: bytes, **options: str) -> str:
            one_less()
            return write(self, key, data, **options)

        with monkeypatch.context() as patch:
            patch.setattr(FolderStore, "delete", dying_delete)
            patch.setattr(FolderStore, "write", dying_write)
            code = vaejob("rm", "cars", "--yes").code
        if code == 0:
            break
        deaths += 1
        if store.stat(JobKeys("cars").job) is not None:
            assert vaejob("status", "cars", "--json").json["state"] in {state, "cancelling"}
        if keys_of(store) != others:
            assert vaejob("rm", "cars", "--yes").code == 0
        assert keys_of(store) == others
    assert deaths > 15
    assert deaths < 60


@pytest.mark.parametrize("name", ["job.json", "plan.json", "end.json"])
def test_job_is_removed_when_a_document_is_damaged(name: str, vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    store.write(f"jobs/cars/{name}", b"rot")
    assert vaejob("rm", "cars", "--yes").code == 0
    assert keys_of(store) == []


def test_removal_ends_with_an_error_when_something_keeps_writing(
    vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.whole_job(store, "cars")
    delete = FolderStore.delete

    def delete_and_write(self: FolderStore, keys: Iterable[str]) -> None:
        delete(self, keys)
        self.write("jobs/cars/images/late.png", b"")

    monkeypatch.setattr(FolderStore, "delete", delete_and_write)
    outcome = vaejob("rm", "cars", "--yes")
    assert (outcome.code, "something keeps writing" in outcome.err) == (1, True)
    assert store.stat(JobKeys("cars").end) is not None


def test_job_stays_when_a_worker_is_still_at_it(vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    work.whole_job(store, "cars", state="cancelled", parts=2)
    before = set(keys_of(store))
    monkeypatch.setattr(removal, "LEASES_S", 0.1)
    monkeypatch.setattr(Hints, "leases", lambda self, job_id: ["00002", "finish"])
    outcome = vaejob("rm", "cars", "--yes", "--force")
    assert (outcome.code, "a worker is still at job cars, on its part 00002" in outcome.err) == (1, True)
    assert set(keys_of(store)) == before | {JobKeys("cars").cancel}
