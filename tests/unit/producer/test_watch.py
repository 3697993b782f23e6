"""Following a job: what is shown, when it gives up, and how it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from producer import exits
from producer.display import Bar, Lines
from producer.hints import Hints
from producer.status import JobReader, JobStatus
from producer.watch import STORE_PATIENCE_S, Watcher
from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.errors import SourceNotAllowed, StoreError, StoreUnavailable
from vae_core.jobs.job import End, Failure, Job
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.jobs.records import ItemError
from vae_core.settings import read_settings
from vae_core.storage.base import Store

FAULT = ItemError(index=0, code="not_an_image", message="no picture")


class Notebook:
    """A display that remembers."""

    def __init__(self) -> None:
        self.seen: list[JobStatus] = []
        self.notes: list[str] = []
        self.closed = False

    def update(self, status: JobStatus) -> None:
        self.seen.append(status)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def close(self) -> None:
        self.closed = True


class World:
    """A clock that only pauses move, and what happens at each of them."""

    def __init__(self, store: Store, job: Job, steps: list[Callable[[], object]], home: object) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.steps = steps
        self.shown = Notebook()
        settings = read_settings({"VAEJOB_HOME": str(home)})
        self.watcher = Watcher(
            store,
            JobReader(store, job, clock=lambda: self.now),
            Hints(settings),
            settings,
            self.shown,
            clock=lambda: self.now,
            pause=self.pause,
        )

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.steps:
            self.steps.pop(0)()


def test_watch_returns_the_end_when_the_job_ends(store: Store, home: object) -> None:
    job = work.accept(store, work.make_job("cars"))
    made = work.plan(store, job)
    store.delete([open_key("cars")])
    records = []
    steps: list[Callable[[], object]] = [
        lambda: records.append(work.commit(store, job, made, 0)),
        lambda: records.append(work.commit(store, job, made, 1)),
        lambda: records.append(work.commit(store, job, made, 2)),
        lambda: work.finish(store, job, made, records),
    ]
    world = World(store, job, steps, home)
    assert world.watcher.run().state == "succeeded"
    assert [status.done for status in world.shown.seen] == [0, 4, 8, 10, 10]
    assert world.shown.closed
    assert world.pauses[0] < 0.2 < world.pauses[-1] * 2
    assert len([note for note in world.shown.notes if "make worker" in note]) == 1
    assert store.stat(open_key("cars")) is None


def test_watch_pauses_up_to_two_seconds_when_a_job_takes_long(store: Store, home: object) -> None:
    job = work.accept(store, work.make_job("cars"))
    made = work.plan(store, job)
    steps: list[Callable[[], object]] = [lambda: None] * 60
    world = World(store, job, [*steps, lambda: work.finish(store, job, made, [], "failed")], home)
    assert world.watcher.run().state == "failed"
    assert 1.0 <= max(world.pauses) <= 2.0


def test_watch_says_once_how_to_go_on_when_the_job_is_paused(store: Store, home: object) -> None:
    job = work.accept(store, work.make_job("cars"))
    made, paused = work.plan(store, job), JobKeys("cars").paused
    steps: list[Callable[[], object]] = [
        lambda: store.write(paused, b"{}"),
        *[lambda: None] * 20,
        lambda: store.delete([paused]),
        *[lambda: None] * 3,
        lambda: store.write(paused, b"{}"),
        *[lambda: None] * 3,
        lambda: work.finish(store, job, made, [], "cancelled"),
    ]
    world = World(store, job, steps, home)
    assert world.watcher.run().state == "cancelled"
    told = [note for note in world.shown.notes if "paused" in note]
    assert told == ["job cars is paused: `vaejob resume cars` lets it go on"] * 2
    assert len([note for note in world.shown.notes if "make worker" in note]) == 1


def test_no_worker_is_missed_when_the_job_is_paused(store: Store, home: object) -> None:
    job = work.accept(store, work.make_job("cars"))
    store.write(JobKeys("cars").paused, b"{}")
    made = work.plan(store, job)
    world = World(store, job, [lambda: None, lambda: work.finish(store, job, made, [], "failed")], home)
    world.watcher.run()
    assert world.shown.notes == ["job cars is paused: `vaejob resume cars` lets it go on"]


def _away(monkeypatch: pytest.MonkeyPatch, store: Store, error: Exception) -> None:
    def read(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(type(store), "read", read)


def test_watch_goes_on_when_the_store_comes_back(store: Store, home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    job = work.accept(store, work.make_job("cars"))
    made = work.plan(store, job)
    steps: list[Callable[[], object]] = [
        lambda: _away(monkeypatch, store, StoreUnavailable("the store is away")),
        *[lambda: None] * 20,
        monkeypatch.undo,
        lambda: work.finish(store, job, made, [], "cancelled"),
    ]
    world = World(store, job, steps, home)
    assert world.watcher.run().state == "cancelled"
    assert len([note for note in world.shown.notes if "the store is away" in note]) == 1
    assert "the store answers again" in world.shown.notes


def test_watch_gives_up_when_the_store_stays_away(store: Store, home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    job = work.accept(store, work.make_job("cars"))
    world = World(store, job, [lambda: _away(monkeypatch, store, StoreUnavailable("away"))], home)
    with pytest.raises(StoreUnavailable):
        world.watcher.run()
    assert world.now >= STORE_PATIENCE_S
    assert world.shown.closed


def test_watch_stops_at_once_when_the_store_refuses(
    store: Store, home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work.accept(store, work.make_job("cars"))
    world = World(store, job, [lambda: _away(monkeypatch, store, StoreError("denied"))], home)
    with pytest.raises(StoreError):
        world.watcher.run()
    assert len(world.pauses) == 1


@pytest.mark.parametrize(
    ("state", "errors", "code"),
    [("succeeded", (), 0), ("succeeded", (FAULT,), 3), ("failed", (FAULT,), 1), ("cancelled", (), 5)],
)
def test_exit_code_tells_the_end_when_watched(
    state: str, errors: tuple[ItemError, ...], code: int, vaejob: Vaejob, store: Store
) -> None:
    work.whole_job(store, "cars", errors=errors, state=state)
    plain = vaejob("watch", "cars")
    assert plain.code == code
    assert plain.out
    in_json = vaejob("watch", "latest", "--json")
    assert in_json.code == code
    assert in_json.json["state"] == state


def test_exit_code_is_a_refusal_when_the_worker_did_not_allow_the_source() -> None:
    failure = Failure(code=SourceNotAllowed.code, message="no")
    assert exits.code_of_end(End(state="failed", items=0, done=0, errors=0, failure=failure)) == exits.REFUSED


def test_job_goes_on_when_the_user_leaves(vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_watcher: Watcher) -> JobStatus:
        raise KeyboardInterrupt

    monkeypatch.setattr(Watcher, "run", leave)
    outcome = vaejob("sample", "--n", "5", "--job-id", "cars", "--watch")
    assert outcome.code == 130
    assert "job cars goes on; come back with `vaejob watch cars`" in outcome.err
    assert store.stat("jobs/cars/cancel") is None


def _status(store: Store, done: int, state: str = "running") -> JobStatus:
    import msgspec

    status = JobReader(store, work.make_job("cars")).read(None)
    return msgspec.structs.replace(status, done=done, state=state)


def test_lines_are_few_when_much_changes(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    lines = Lines(clock=lambda: now[0])
    for tenth in range(41):  # four seconds
        now[0] = tenth / 10
        lines.update(_status(store, done=tenth // 5))
    lines.update(_status(store, done=10, state="succeeded"))
    written = capsys.readouterr().err.splitlines()
    assert len(written) == 4
    assert "images/s" in written[1]
    assert written[-1] == "cars succeeded: 10 of 10 images (100 %)"


def test_pace_is_that_since_the_pause_when_there_was_one(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    lines = Lines(clock=lambda: now[0])
    for seconds, done, state in ((0, 0, "running"), (10, 2, "paused"), (1000, 2, "running"), (1004, 6, "running")):
        now[0] = seconds
        lines.update(_status(store, done, state))
    assert capsys.readouterr().err.splitlines()[-1].endswith("1 images/s, 4 s left")


def test_bar_shows_rate_and_total_when_it_is_drawn(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.update(_status(store, done=2))
    bar.note("something")
    bar.update(_status(store, done=7))
    bar.update(_status(store, done=5))  # a damaged part is done again
    bar.close()
    drawn = capsys.readouterr().err
    assert "7/10" in drawn
    assert "5/10" in drawn
    assert "images/s" in drawn
    assert "something" in drawn
