"""Submitting: what is refused, what is written, and what is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from producer.request import make_job, source_and_glob, source_url
from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core import submission
from vae_core.documents import load_job
from vae_core.errors import InvalidValue, JobConflict, SourceNotAllowed, StoreUnavailable
from vae_core.jobs.ids import seed_for
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.jobs.spec import SampleSpec
from vae_core.settings import Settings, read_settings
from vae_core.storage.base import Store

REFUSED = [
    (("--n", "0"), "--n 0 is out of range: 1 to 10,000,000"),
    (("--n", "-3"), "--n -3 is out of range: 1 to 10,000,000"),
    (("--n", "abc"), "--n 'abc' is not a whole number: 1 to 10,000,000"),
    (("--n", "99999999999"), "--n 99999999999 is out of range: 1 to 10,000,000"),
    (("--n", "9" * 5000), "is out of range: 1 to 10,000,000"),
    (("--n", "1.5"), "--n '1.5' is not a whole number"),
    (("--n", "5", "--format", "gif"), "--format 'gif' is unknown: one of png, jpeg, webp"),
    (("--n", "5", "--seed", "-1"), "--seed -1 is out of range"),
    (("--n", "5", "--temperature", "nan"), "--temperature nan is not a number: 0 to 2"),
    (("--n", "5", "--temperature", "hot"), "--temperature 'hot' is not a number: 0 to 2"),
    (("--n", "5", "--part-size", "0"), "--part-size 0 is out of range: 1 to "),
    (("--n", "5", "--job-id", "../up"), "--job-id '../up' is not allowed"),
    (("--n", "5", "--job-id", ""), "--job-id '' is not allowed"),
    (("--n", "5", "--job-id", "latest"), "--job-id 'latest' is not allowed"),
    (("--n", "5", "--priority", "urgent"), "--priority 'urgent' is unknown: one of low, normal, high"),
    (("--n", "5", "--watch", "--dry-run"), "--watch and --dry-run exclude each other"),
    ((), "--n is missing: how many images, 1 to 10,000,000, or --indices, which ones"),
    (("--n", "5", "--indices", "3"), "--n and --indices both say which images are made: give one of them"),
    (("--indices", "5-1"), "--indices '5-1' is out of range: numbers and ranges such as 0-499,777, each from 0 to"),
    (("--n", "5", "--prior", "flat"), "--prior 'flat' is unknown: one of mixture, normal"),
    (("--n", "5", "--quality", "90"), "--quality 90 does not go with --format png, which loses nothing: use it with"),
    (("--n", "5", "--format", "webp", "--quality", "101"), "--quality 101 is out of range: 1 to 100"),
    (("--n",), "Option '--n' requires an argument"),
    (("--n", "5", "ex\ntra"), "Got unexpected extra argument (ex tra)"),
]


@pytest.mark.parametrize(("args", "message"), REFUSED)
def test_sample_is_refused_in_one_line_when_a_value_is_not_allowed(
    args: tuple[str, ...], message: str, vaejob: Vaejob, home: Path
) -> None:
    outcome = vaejob("sample", *args)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not home.exists()


def test_sample_is_accepted_and_says_that_no_worker_is_there_when_redis_is_away(vaejob: Vaejob, store: Store) -> None:
    outcome = vaejob("sample", "--n", "5")
    job_id = outcome.out.strip()
    assert outcome.code == 0
    assert store.stat(JobKeys(job_id).job) is not None
    assert store.stat(open_key(job_id)) is not None
    assert len(outcome.err.splitlines()) == 1
    assert "no worker is there" in outcome.err
    assert "make worker" in outcome.err


def test_seed_is_a_function_of_the_id_when_none_is_given(vaejob: Vaejob) -> None:
    outcome = vaejob("sample", "--n", "5", "--job-id", "cars", "--json")
    assert outcome.json["spec"]["seed"] == seed_for("cars")
    assert outcome.json["created"] is True
    assert outcome.json["state"] == "submitted"


def test_job_is_the_same_when_id_and_spec_are(vaejob: Vaejob, store: Store) -> None:
    vaejob("sample", "--n", "5", "--job-id", "cars")
    first = store.read(JobKeys("cars").job).data
    store.delete([open_key("cars")])
    outcome = vaejob("sample", "--n", "5", "--job-id", "cars", "--json")
    assert outcome.code == 0
    assert outcome.json["created"] is False
    assert "was submitted before" in outcome.err
    assert store.read(JobKeys("cars").job).data == first
    assert store.stat(open_key("cars")) is not None


@pytest.mark.parametrize("other", [("--n", "6"), ("--n", "5", "--part-size", "2"), ("--n", "5", "--seed", "1")])
def test_job_is_refused_when_the_id_has_another_spec(other: tuple[str, ...], vaejob: Vaejob, store: Store) -> None:
    vaejob("sample", "--n", "5", "--job-id", "cars")
    first = store.read(JobKeys("cars").job).data
    outcome = vaejob("sample", *other, "--job-id", "cars")
    assert outcome.code == 2
    assert "--job-id 'cars' is taken by a job with another spec" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert store.read(JobKeys("cars").job).data == first


@pytest.mark.parametrize(
    ("command", "spec"), [("sample", ("--n", "5")), ("reconstruct", ("in",)), ("interpolate", ("--pairs", "2"))]
)
def test_priority_is_kept_with_the_job_and_not_in_its_spec_when_it_is_given(
    command: str, spec: tuple[str, ...], vaejob: Vaejob, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    outcome = vaejob(command, *spec, "--job-id", "urgent", "--priority", "high", "--json")
    assert (outcome.code, outcome.json["priority"]) == (0, "high")
    assert "priority" not in outcome.json["spec"]
    assert load_job(store, "urgent").priority == "high"
    assert vaejob(command, *spec, "--job-id", "usual", "--json").json["priority"] == "normal"
    assert load_job(store, "usual").priority == "normal"


def test_job_stays_at_its_priority_when_it_is_submitted_again_with_another(vaejob: Vaejob, store: Store) -> None:
    same = ("sample", "--n", "5", "--job-id", "cars", "--json")
    vaejob(*same, "--priority", "high")
    first = store.read(JobKeys("cars").job).data
    for asked in ("low", "normal"):
        outcome = vaejob(*same, "--priority", asked)
        assert (outcome.code, outcome.json["created"], outcome.json["priority"]) == (0, False, "high")
        told = [line for line in outcome.err.splitlines() if "priority" in line]
        assert told == [f"job cars stays at the priority it was submitted with, high: not {asked}"]
        assert store.read(JobKeys("cars").job).data == first
    assert "priority" not in vaejob(*same, "--priority", "high").err


def test_priority_is_normal_when_the_job_was_written_without_one(store: Store) -> None:
    work.accept(store, work.make_job("old"))
    data = store.read(JobKeys("old").job).data
    without = re.sub(rb'\s*"priority": "normal",', b"", data)
    assert without != data
    store.write(JobKeys("old").job, without)
    assert load_job(store, "old").priority == "normal"


def test_finished_job_stays_closed_when_it_is_submitted_again(vaejob: Vaejob, store: Store) -> None:
    job = work.whole_job(store, "done")
    same = ("--n", "10", "--seed", "7", "--part-size", "4", "--job-id", "done")
    outcome = vaejob("sample", *same)
    assert (outcome.code, outcome.out) == (0, "done\n")
    assert "it is succeeded" in outcome.err
    assert vaejob("sample", "--n", "11", "--job-id", "done").code == 2
    assert store.stat(open_key(job.job_id)) is None


def test_marker_is_removed_when_another_created_and_finished_the_job_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = work.make_job("race", SampleSpec(n=3, seed=1))
    create = type(store).create

    def late(self: Store, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        monkeypatch.setattr(type(store), "create", create)
        work.whole_job(store, "race")
        store.write(open_key("race"), b"")
        return create(self, key, data, content_type=content_type, settle=settle)

    monkeypatch.setattr(type(store), "create", late)
    with pytest.raises(JobConflict):
        submission.submit(store, mine)
    assert store.stat(open_key("race")) is None


def test_nothing_is_left_when_the_store_goes_away_in_between(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_kwargs: object) -> bool:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(type(store), "create", away)
    with pytest.raises(StoreUnavailable):
        submission.submit(store, work.make_job("half"))
    assert list(store.list()) == []


@pytest.mark.parametrize(("took_s", "writes"), [(0.0, 1), (59.0, 1), (61.0, 2), (-3600.0, 2)])
def test_marker_is_written_again_when_the_submission_was_held_up(
    took_s: float, writes: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, written = [1e9], list[str]()
    create, write = type(store).create, type(store).write

    def held_up(self: Store, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        now[0] += took_s
        store.delete([open_key("slow")])  # as the reconciler does with one that has no job
        return create(self, key, data, content_type=content_type, settle=settle)

    def counted(self: Store, key: str, data: bytes, *, content_type: str | None = None) -> str:
        written.append(key)
        return write(self, key, data, content_type=content_type)

    monkeypatch.setattr(type(store), "create", held_up)
    monkeypatch.setattr(type(store), "write", counted)
    _, is_new = submission.submit(store, work.make_job("slow"), clock=lambda: now[0])
    assert is_new
    assert written == [open_key("slow")] * writes
    assert (store.stat(open_key("slow")) is not None) == (writes == 2)


def test_job_is_accepted_when_its_marker_cannot_be_written_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 100.0])
    create = type(store).create

    def away(*_args: object, **_kwargs: object) -> str:
        raise StoreUnavailable("gone")

    def last(self: Store, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        monkeypatch.setattr(type(store), "write", away)
        return create(self, key, data, content_type=content_type, settle=settle)

    monkeypatch.setattr(type(store), "create", last)
    _, is_new = submission.submit(store, work.make_job("slow"), clock=lambda: next(times))
    assert is_new
    assert store.stat(JobKeys("slow").job) is not None


def test_nothing_is_written_when_it_is_a_dry_run(vaejob: Vaejob, home: Path) -> None:
    outcome = vaejob("sample", "--n", "1000", "--part-size", "64", "--dry-run", "--json")
    assert outcome.code == 0
    assert (outcome.json["parts"], outcome.json["items"]) == (16, 1000)
    assert outcome.json["job_id"] is None
    assert outcome.json["priority"] == "normal"
    assert outcome.json["spec"]["seed"] is None
    shown = vaejob("sample", "--n", "1000", "--priority", "high", "--dry-run")
    assert (shown.code, re.search(r"^priority +high$", shown.out, re.MULTILINE) is not None) == (0, True)
    assert not home.exists()


def test_inputs_are_counted_when_a_reconstruction_is_a_dry_run(vaejob: Vaejob, home: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "deep/c.jpg"):
        (tmp_path / "in" / name).write_bytes(b"12345")
    outcome = vaejob("reconstruct", "in", "--pattern", "*.jpg", "--dry-run", "--json")
    assert outcome.json["inputs"] == {"count": 2, "size_bytes": 10}
    assert outcome.json["parts"] == 1
    assert vaejob("reconstruct", "in/a.jpg", "--dry-run", "--json").json["inputs"] == {"count": 1, "size_bytes": 5}
    assert not home.exists()


def test_path_becomes_an_address_when_the_source_is_one(home: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    settings = read_settings({"VAEJOB_HOME": str(home)})
    assert source_url("in", settings) == f"file://{tmp_path}/in"
    assert source_url("./x/../in/", settings) == f"file://{tmp_path}/in"
    assert source_url(f"file://{tmp_path}/in", settings) == f"file://{tmp_path}/in"


@pytest.mark.parametrize(
    ("text", "source", "glob"),
    [
        ("s3://photos/cars/**/*.jpg", "s3://photos/cars/", "**/*.jpg"),
        ("s3://photos/*", "s3://photos/", "*"),
        ("s3://photos/ca*", "s3://photos/", "ca*"),
        ("s3://photos/what?/[a].jpg", "s3://photos/what?/[a].jpg", None),
        ("in/*.jpg", "file://{tmp}/in", "*.jpg"),
        ("./x/../in/**/*", "file://{tmp}/in", "**/*"),
        ("{tmp}/in/*/b?.jpg", "file://{tmp}/in", "*/b?.jpg"),
        ("file://{tmp}/in/*", "file://{tmp}/in", "*"),
        ("~/in/*.jpg", "file://{tmp}/in", "*.jpg"),
        ("*.jpg", "file://{tmp}", "*.jpg"),
        ("*/x", "file://{tmp}", "*/x"),
        ("in/50%25 #1?/*", "file://{tmp}/in/50%25 #1?", "*"),
        ("in/a*b", "file://{tmp}/in/a*b", None),  # there is a folder of this name
        ("in/a*b/*.jpg", "file://{tmp}/in", "a*b/*.jpg"),
        ("in/*.png", "file://{tmp}/in/*.png", None),  # a link to nowhere: the user is told of it
    ],
)
def test_source_is_parted_from_its_glob_when_it_is_no_path_that_exists(
    text: str, source: str, glob: str | None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("in/a*b", "in/50%25 #1?"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "in" / "*.png").symlink_to("a*b")
    settings = read_settings({"VAEJOB_HOME": str(home), "VAEJOB_SOURCES": "s3://photos file:///"})
    found = source_and_glob(text.format(tmp=tmp_path), settings)
    assert found == (source.format(tmp=tmp_path), glob)


def test_asterisks_of_the_working_directory_are_letters_when_none_is_typed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a*b" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a*b")
    settings = read_settings({"VAEJOB_HOME": str(home)})
    assert source_and_glob("in", settings) == (f"file://{tmp_path}/a*b/in", None)
    for text in ("gone", ""):
        with pytest.raises(InvalidValue, match="is neither an address nor a path that exists"):
            source_and_glob(text, settings)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/*", "source '/*' is the whole file system: name a folder before the first '*'"),
        ("/**/*.jpg", "source '/**/*.jpg' is the whole file system: name a folder before the first '*'"),
        ("file:///*", "source 'file:///*' is the whole file system: name a folder before the first '*'"),
        ("../../../../../../../../../*", "is the whole file system: name a folder before the first '*'"),
        ("in/gone/*.jpg", "source 'file://{tmp}/in/gone' does not exist: a folder or file on this machine"),
        ("s3://elsewhere/*", "source s3://elsewhere/ is not allowed: set VAEJOB_SOURCES to permit it"),
        ("s3://b*/x", "source 's3://b*/x' names no bucket: s3://bucket/prefix"),
        ("s3:/bucket/*", "source 'file://{tmp}/s3:/bucket' does not exist"),
        ("file://{tmp}/../*", "is not allowed: a path without '..'"),
        ("in/*" + "x" * 1024, "is not allowed: a glob of 1 to 1,024 characters of valid Unicode, no NUL"),
        ("~nobody-of-this-name/*", "source 'file://{tmp}/~nobody-of-this-name' does not exist"),
        ("~nobody-of-this-name", "source '~nobody-of-this-name' is neither an address nor a path that exists: "),
    ],
)
def test_glob_is_refused_in_one_line_when_it_begins_nowhere(
    source: str, message: str, vaejob: Vaejob, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    outcome = vaejob("reconstruct", source.format(tmp=tmp_path))
    assert outcome.code == 2
    assert message.format(tmp=tmp_path) in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not home.exists()


def test_inputs_of_a_glob_are_counted_when_it_is_a_dry_run(vaejob: Vaejob, home: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "deep/c.jpg"):
        (tmp_path / "in" / name).write_bytes(b"12345")
    outcome = vaejob("reconstruct", "in/**/*.jpg", "--dry-run", "--json")
    assert outcome.json["inputs"] == {"count": 2, "size_bytes": 10}
    assert (outcome.json["spec"]["source"], outcome.json["spec"]["glob"]) == (f"file://{tmp_path}/in", "**/*.jpg")
    assert vaejob("reconstruct", "in/*", "--pattern", "*.png", "--dry-run", "--json").json["inputs"]["count"] == 1
    text = vaejob("reconstruct", "in/*.jpg", "--dry-run").out
    assert "glob" in text
    assert "1 object, 5 bytes" in text
    assert not home.exists()


def test_job_is_another_when_its_glob_is(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for same in ("in/*.jpg", "./in/*.jpg", f"file://{tmp_path}/in/*.jpg"):
        assert vaejob("reconstruct", same, "--job-id", "cars").code == 0
    for other in ("in", "in/*.png", "in/**/*.jpg"):
        assert "is taken by a job with another spec" in vaejob("reconstruct", other, "--job-id", "cars").err
    assert [found.key for found in store.list()] == ["jobs/cars/job.json", "open/cars"]


@pytest.mark.parametrize("source", ["nowhere", "s3:/bucket/key", "", "file:///no/such/folder", "ftp://x/y", "s3://"])
def test_reconstruct_is_refused_when_the_source_is_none(source: str, vaejob: Vaejob, home: Path) -> None:
    outcome = vaejob("reconstruct", source)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert not home.exists()


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({}, "s3://elsewhere/cars/"),
        ({"VAEJOB_STORE": "s3://mine/prefix"}, "s3://elsewhere/cars/"),
        ({"VAEJOB_STORE": "s3://mine/prefix", "VAEJOB_REDIS_URL": "redis://r"}, "file:///data"),
        ({"VAEJOB_SOURCES": "/data"}, "file:///database"),
    ],
)
def test_source_is_refused_when_it_is_not_allowed(environ: dict[str, str], source: str, home: Path) -> None:
    settings: Settings = read_settings({"VAEJOB_HOME": str(home), **environ})
    with pytest.raises(SourceNotAllowed, match="VAEJOB_SOURCES"):
        source_url(source, settings)


@pytest.mark.parametrize("content", [None, b"no safetensors file"])
def test_job_is_refused_when_the_checkpoint_is_none(
    content: bytes | None, vaejob: Vaejob, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("VAEJOB_CHECKPOINT", str(path))
    outcome = vaejob("sample", "--n", "5")
    assert outcome.code == 2
    assert f"VAEJOB_CHECKPOINT {path}" in outcome.err
    assert not home.exists()


def test_job_id_is_refused_when_it_is_the_word_for_the_newest_job() -> None:
    from datetime import UTC, datetime

    with pytest.raises(InvalidValue, match="newest job"):
        make_job(lambda seed: SampleSpec(n=1, seed=seed), "latest", datetime.now(UTC))


def test_refusal_names_the_variable_when_a_setting_is_wrong(vaejob: Vaejob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEJOB_PART_SIZE", "many")
    outcome = vaejob("sample", "--n", "5")
    assert outcome.code == 2
    assert "VAEJOB_PART_SIZE 'many' is not a whole number" in outcome.err


def test_traceback_is_shown_only_when_debug_is_given(vaejob: Vaejob) -> None:
    assert "Traceback" not in vaejob("status", "nope").err
    assert "Traceback" in vaejob("--debug", "status", "nope").err
