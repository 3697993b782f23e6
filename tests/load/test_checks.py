"""That a crowd and a soak notice what is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.load.crowd_checks import store_problems, submission_problems
from tests.load.ends import end_problems
from tests.load.events import ACCEPTED, CONFLICT, OTHER_SPEC, REFUSED, SAME_SPEC, WARM, Asked, Ended, EventFile
from tests.load.journals import Journals, read_journals
from tests.load.orders import Order, all_orders, another_spec
from tests.load.processes import Trends
from tests.load.soak_verdict import growth_problems
from tests.load.trends import MIB, handle_trend_of, trend_of
from tests.unit.producer.work import whole_job
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import SampleSpec, known_items
from vae_core.storage.folder import FolderStore

ORDER = Order(name="ten", spec=SampleSpec(n=10, seed=7, part_size=4), arguments=(), items=10)
LOG = """\
02:25:54 INFO    MainProcess worker.planning: job a planned: 10 items in 3 parts
02:27:34 INFO    ForkPoolWorker-1 worker.parts: job a part 0: 4 done, 0 errors
02:27:35 INFO    ForkPoolWorker-1 worker.parts: job a part 1: 4 done, 0 errors
02:27:36 INFO    ForkPoolWorker-1 worker.parts: job a part 2: 2 done, 0 errors
02:27:42 INFO    MainProcess worker.ending: job a succeeded, 10 of 10 items, 0 errors
"""


def asked(
    job_id: str = "a", order: str = "ten", outcome: str = ACCEPTED, meeting: str = "", created: bool = True
) -> Asked:
    return Asked(
        job_id=job_id,
        order=order,
        by=WARM,
        began_at=1.0,
        accepted_at=2.0,
        told_at=3.0,
        outcome=outcome,
        created=created,
        meeting=meeting,
    )


def ended(**changes: object) -> Ended:
    one = Ended(
        job_id="a",
        order="ten",
        state="succeeded",
        planned=10,
        done=10,
        errors=0,
        fingerprint="f",
        accepted_at=1.0,
        at=2.0,
    )
    return msgspec.structs.replace(one, **changes)


def journals(tmp_path: Path, more: str = "") -> Journals:
    path = tmp_path / "machine.log"
    path.write_text(LOG + more)
    return read_journals([path])


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(str(tmp_path / "store"))
    whole_job(store, "a")
    return store


def test_orders_have_the_items_that_they_say_when_no_source_does() -> None:
    for order in all_orders("file:///cars", 6):
        assert known_items(order.spec) in {order.items, None}
        assert another_spec(order).spec != order.spec


def test_nothing_is_wrong_when_a_job_is_whole(store: FolderStore, tmp_path: Path) -> None:
    assert list(store_problems(store, {"a": ORDER}, journals(tmp_path))) == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (LOG.splitlines()[0], "planned 2 times"),
        (LOG.splitlines()[2], "part 1 committed 2 times"),
        (LOG.splitlines()[4], "ended 2 times"),
        ("02:27:36 INFO    P worker.parts: job a part 2: was committed by another already", "part 2 was done twice"),
    ],
    ids=["plan", "record", "end", "part"],
)
def test_doubled_work_is_told_when_a_log_shows_it(store: FolderStore, tmp_path: Path, more: str, problem: str) -> None:
    (found,) = store_problems(store, {"a": ORDER}, journals(tmp_path, more + "\n"))
    assert problem in found


def test_missing_output_is_told_when_the_manifest_names_it(store: FolderStore, tmp_path: Path) -> None:
    store.delete([f"{JobKeys('a').images}00000003.png"])
    (found,) = store_problems(store, {"a": ORDER}, journals(tmp_path))
    assert "images/00000003.png is missing" in found


def test_missing_line_is_told_when_the_manifest_is_cut(store: FolderStore, tmp_path: Path) -> None:
    whole = store.read(JobKeys("a").manifest).data
    store.write(JobKeys("a").manifest, whole[: whole.rindex(b"\n", 0, -1) + 1])
    found = list(store_problems(store, {"a": ORDER}, journals(tmp_path)))
    assert "9 lines in the manifest" in found[0]


def test_notes_of_attempts_are_told_when_they_stay(store: FolderStore, tmp_path: Path) -> None:
    store.write(JobKeys("a").attempt(0, "token"), b"{}")
    (found,) = store_problems(store, {"a": ORDER}, journals(tmp_path))
    assert "1 objects in attempts/" in found


def test_job_is_told_when_nobody_was_told_of_it(store: FolderStore, tmp_path: Path) -> None:
    (found,) = store_problems(store, {}, journals(tmp_path))
    assert "accepted from nobody" in found


def test_other_spec_is_told_when_the_job_has_it(store: FolderStore, tmp_path: Path) -> None:
    found = store_problems(store, {"a": another_spec(ORDER)}, journals(tmp_path))
    assert any("its spec is not the one that was accepted" in one for one in found)


def test_job_is_told_when_it_is_not_there_or_not_ended(store: FolderStore, tmp_path: Path) -> None:
    store.delete([JobKeys("a").end])
    found = list(store_problems(store, {"a": ORDER, "b": ORDER}, journals(tmp_path)))
    assert found == ["job a (ten): it has no end", "job b (ten): it is not in the store"]


def test_submissions_are_in_order_when_each_conflict_was_meant() -> None:
    pair = [asked(meeting=OTHER_SPEC), asked(order="ten-other", outcome=CONFLICT, meeting=OTHER_SPEC)]
    same = [asked("b", meeting=SAME_SPEC), asked("b", meeting=SAME_SPEC, created=False)]
    assert list(submission_problems([*pair, *same, asked("c")])) == []


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([asked(outcome=REFUSED)], "was refused"),
        ([asked(outcome=CONFLICT)], "was refused"),
        ([asked(), asked()], "given twice"),
        ([asked(meeting=OTHER_SPEC), asked(order="ten-other", meeting=OTHER_SPEC)], "accepted with two specs"),
        ([asked(outcome=CONFLICT, meeting=OTHER_SPEC)], "0 were accepted"),
        ([asked(meeting=SAME_SPEC, created=False)], "nobody was told"),
    ],
)
def test_submissions_are_told_when_their_answers_are_wrong(answers: list[Asked], problem: str) -> None:
    assert any(problem in found for found in submission_problems(answers))


@pytest.mark.parametrize("change", [{"state": "failed"}, {"done": 9}, {"errors": 1}, {"planned": 11}])
def test_end_is_told_when_it_is_not_the_expected_one(change: dict[str, object]) -> None:
    assert list(end_problems([ended()], [ORDER])) == []
    assert len(list(end_problems([ended(**change)], [ORDER]))) == 1


def test_ends_are_told_when_their_documents_differ() -> None:
    (found,) = end_problems([ended(), ended(job_id="b", fingerprint="g")], [ORDER])
    assert "differ" in found


def test_errors_are_told_when_a_log_has_them(tmp_path: Path) -> None:
    lines = ("02:27:36 ERROR   P worker.parts: bad", "02:27:36 WARNING P worker.parts: odd", "Traceback (most recent")
    found = journals(tmp_path, "\n".join(lines))
    assert (len(found.errors), len(found.warnings)) == (2, 1)


def test_growth_is_told_when_memory_descriptors_or_threads_grow() -> None:
    times = [float(second) for second in range(0, 1800, 5)]
    flat = trend_of(times, [20.0] * len(times))
    more = handle_trend_of(times, [20.0 + second // 100 for second in times])
    leak = trend_of(times, [(50 + second / 60) * MIB for second in times])
    trends = {
        "quiet": Trends(flat, None, flat, flat),
        "fat": Trends(leak, None, flat, flat),
        "open": Trends(flat, None, more, flat),
        "busy": Trends(flat, None, flat, more),
    }
    found = growth_problems(trends)
    assert [one.split(":")[0] for one in found] == ["process fat", "process open", "process busy"]


def test_events_are_read_once_when_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventFile(path)
    assert list(events.new()) == []
    line = msgspec.json.encode(asked()) + b"\n"
    path.write_bytes(line + line[:20])
    assert list(events.new()) == [asked()]
    path.write_bytes(line + line)
    assert list(events.new()) == [asked()]
    assert list(events.new()) == []
