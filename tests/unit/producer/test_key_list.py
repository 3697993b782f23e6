"""`--from-manifest`: the forms that lists of keys may have, what becomes of them, and what is refused."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from producer.key_list import read_key_list
from tests.unit.producer import work
from tests.unit.producer.conftest import Outcome, Vaejob
from vae_core import submission
from vae_core.errors import JobConflict, StoreUnavailable
from vae_core.jobs.checks import shown
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import read_settings
from vae_core.storage.base import Store

FORM = "s3://bucket/key, file:///absolute/path, or with SOURCE a key below it"


class Submitted(NamedTuple):
    """A job as it was accepted: its source, and the keys that lie beside it."""

    source: str | None
    keys: list[str]


Submit = Callable[..., Submitted]


@pytest.fixture(autouse=True)
def _sources(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEJOB_SOURCES", "s3://photos s3://other/in/ file:///")
    monkeypatch.setenv("HOME", str(home.parent))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with some files."""
    for name in ("a.jpg", "b/c.jpg", "50%25 #1?é.jpg"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    return tmp_path / "in"


@pytest.fixture
def submit(vaejob: Vaejob, store: Store, tmp_path: Path) -> Submit:
    """Submits a job with a list of these bytes."""

    def run(data: bytes, *args: str) -> Submitted:
        (tmp_path / "list.txt").write_bytes(data)
        outcome = vaejob("reconstruct", *args, "--from-manifest", "list.txt", "--json")
        assert outcome.code == 0, outcome.err
        return submitted(outcome, store)

    return run


def submitted(outcome: Outcome, store: Store) -> Submitted:
    spec, keys = outcome.json["spec"], JobKeys(outcome.json["job_id"])
    data = store.read(keys.key_list(spec["keys_sha256"])).data
    assert hashlib.sha256(data).hexdigest() == spec["keys_sha256"]
    assert data.endswith(b"\n")
    return Submitted(spec["source"], data.decode().split("\n")[:-1])


def refusal(outcome: Outcome) -> str:
    """What a refused command said, in one line."""
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    return outcome.err.removeprefix("Error: ").removesuffix("\n")


def there(store: Store) -> list[str]:
    return [found.key for found in store.list()]


@pytest.mark.parametrize(
    ("source", "data", "expected"),
    [
        ("s3://photos/cars", "a.jpg", ["cars/a.jpg"]),
        ("s3://photos/cars/", "a.jpg\nb/c.jpg\n", ["cars/a.jpg", "cars/b/c.jpg"]),
        ("s3://photos/cars", "b\na\nb\n", ["cars/b", "cars/a", "cars/b"]),  # in their order, however often
        ("s3://photos/cars", "\ufeffa\r\n\r\nb", ["cars/a", "cars/b"]),
        ("s3://photos/cars", "b c%20+#?'é.png", ["cars/b c%20+#?'é.png"]),
        ("s3://photos/cars", " a \n*.jpg\n#b", ["cars/ a ", "cars/*.jpg", "cars/#b"]),
        ("s3://photos/cars", "./a\n../a\n/a\na//b\nb/", ["cars/./a", "cars/../a", "cars//a", "cars/a//b", "cars/b/"]),
        ("s3://photos/cars", "s3://photos/cars/a\nb", ["cars/a", "cars/b"]),
        ("s3://photos/cars", "s3:/photos/a\nS3://photos/a", ["cars/s3:/photos/a", "cars/S3://photos/a"]),
    ],
)
def test_keys_of_a_bucket_are_taken_literally_when_source_is_given(
    source: str, data: str, expected: list[str], submit: Submit
) -> None:
    assert submit(data.encode(), source) == ("s3://photos/cars/", expected)


@pytest.mark.parametrize("source", ["s3://photos", "s3://photos/"])
def test_keys_are_whole_when_source_is_a_bucket(source: str, submit: Submit) -> None:
    assert submit(b"a.jpg\ns3://photos/cars/b.jpg\n/c.jpg", source) == (
        "s3://photos/",
        ["a.jpg", "cars/b.jpg", "/c.jpg"],
    )


@pytest.mark.parametrize("source", ["in", "./in/", "{folder}", "file://{folder}", "~/in"])
def test_paths_are_below_the_folder_when_source_is_one(source: str, pictures: Path, submit: Submit) -> None:
    lines = {
        "a.jpg": "a.jpg",
        "b/c.jpg": "b/c.jpg",
        "./b/../a.jpg": "a.jpg",
        "b//c.jpg": "b/c.jpg",
        "b/": "b",
        "gone.jpg": "gone.jpg",  # listed as an error once it is to be read
        "50%25 #1?é.jpg": "50%25 #1?é.jpg",
        "~/a.jpg": "~/a.jpg",
        "..a/b..": "..a/b..",
        f"{pictures}/a.jpg": "a.jpg",
        f"{pictures}//b/./c.jpg": "b/c.jpg",
        f"file://{pictures}/50%25 #1?é.jpg": "50%25 #1?é.jpg",
    }
    found = submit("\n".join(lines).encode(), source.format(folder=pictures))
    assert found == (f"file://{pictures}", list(lines.values()))


@pytest.mark.parametrize(
    ("data", "source", "expected"),
    [
        ("s3://photos/cars/a.jpg", "s3://photos/cars/", ["cars/a.jpg"]),
        ("s3://photos/a.jpg", "s3://photos/", ["a.jpg"]),
        ("s3://photos/x/b\ns3://photos/x/a", "s3://photos/x/", ["x/b", "x/a"]),
        ("s3://photos/cars1/a\ns3://photos/cars2/a", "s3://photos/", ["cars1/a", "cars2/a"]),
        ("s3://photos/x/y/b\ns3://photos/x/a\ns3://photos/x/y/b", "s3://photos/x/", ["x/y/b", "x/a", "x/y/b"]),
        ("s3://photos//a\ns3://photos//b", "s3://photos//", ["/a", "/b"]),
        ("s3://photos/é b%20/ü\ns3://photos/é b%20/#?", "s3://photos/é b%20/", ["é b%20/ü", "é b%20/#?"]),
        ("s3://photos/x/\ns3://photos/x/a", "s3://photos/x/", ["x/", "x/a"]),
    ],
)
def test_source_is_what_the_keys_have_in_common_when_none_is_given(
    data: str, source: str, expected: list[str], submit: Submit
) -> None:
    assert submit(data.encode()) == (source, expected)


def test_keys_carry_their_bucket_when_there_are_several(submit: Submit) -> None:
    data = b"s3://photos/cars/a.jpg\r\ns3://other/in/b c.jpg\r\ns3://photos//x\r\ns3://photos/cars/a.jpg"
    keys = ["photos/cars/a.jpg", "other/in/b c.jpg", "photos//x", "photos/cars/a.jpg"]
    assert submit(data) == (None, keys)


@pytest.mark.parametrize(
    ("data", "source", "expected"),
    [
        ("in/a.jpg\nin/b/c.jpg", "in", ["a.jpg", "b/c.jpg"]),
        ("./in/../in/b/c.jpg", "in/b", ["c.jpg"]),
        ("{folder}/a.jpg\nfile://{folder}/b/c.jpg\nin/a.jpg", "in", ["a.jpg", "b/c.jpg", "a.jpg"]),
        ("~/in/a.jpg\nin/gone.jpg", "in", ["a.jpg", "gone.jpg"]),  # one that is there tells that all are paths
        ("in/50%25 #1?é.jpg", "in", ["50%25 #1?é.jpg"]),
        ("in\nin/a.jpg", "", ["in", "in/a.jpg"]),
        ("in/a.jpg\nlist.txt", "", ["in/a.jpg", "list.txt"]),
        ("file://{folder}/gone.jpg", "in", ["gone.jpg"]),
    ],
)
def test_source_is_the_common_folder_when_the_list_is_of_local_files(
    data: str, source: str, expected: list[str], pictures: Path, submit: Submit
) -> None:
    found = submit(data.format(folder=pictures).encode())
    assert found == (f"file://{pictures.parent / source}", expected)


@pytest.mark.parametrize(
    "where", ["-", "lists/my list", "{tmp}/lists/my list", "~/lists/my list", "file://{tmp}/lists/my list"]
)
def test_list_is_read_when_it_is_a_path_an_address_or_stdin(
    where: str, vaejob: Vaejob, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lists").mkdir()
    if where == "-":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("é.jpg\r\nb".encode()), encoding="ascii"))
    else:
        (tmp_path / "lists" / "my list").write_bytes("é.jpg\r\nb".encode())
    outcome = vaejob("reconstruct", "s3://photos", "--from-manifest", where.format(tmp=tmp_path), "--json")
    assert outcome.code == 0, outcome.err
    assert submitted(outcome, store) == ("s3://photos/", ["é.jpg", "b"])


def test_list_is_read_when_a_link_leads_to_it(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"a")
    (tmp_path / "link").symlink_to("list.txt")
    for where in ("link", f"file://{tmp_path}/link"):
        outcome = vaejob("reconstruct", "s3://photos", "--from-manifest", where, "--json")
        assert submitted(outcome, store) == ("s3://photos/", ["a"])


KEYS_OF_A_BUCKET = [
    (b"a\ns3://photos/trucks/a", "line 2: 's3://photos/trucks/a' does not lie below s3://photos/cars"),
    (b"s3://photos/cars2/a", "line 1: 's3://photos/cars2/a' does not lie below s3://photos/cars"),
    (b"s3://photos/cars", "line 1: 's3://photos/cars' does not lie below s3://photos/cars"),
    (b"s3://other/cars/a", "line 1: 's3://other/cars/a' does not lie below s3://photos/cars"),
    (b"file:///cars/a", "line 1: 'file:///cars/a' does not lie below s3://photos/cars"),
    (b"s3://", "line 1: source 's3://' names no bucket: s3://bucket/prefix"),
    (b"s3://me:hunter2@b/x", "line 1: source 's3://***@b/x' names no bucket: s3://bucket/prefix"),
    (b"x" * 1020, "line 1: '" + "x" * 119 + "…' is no key: 1 to 1,024 bytes are expected"),
    ("é".encode() * 510, "line 1: '" + "\\\\xe9" * 29 + "\\\\xe…' is no key: 1 to 1,024 bytes are expected"),
]


@pytest.mark.parametrize(("data", "message"), KEYS_OF_A_BUCKET)
def test_line_is_refused_when_it_is_no_key_of_the_bucket(
    data: bytes, message: str, vaejob: Vaejob, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_bytes(data)
    outcome = vaejob("reconstruct", "s3://photos/cars", "--from-manifest", "list.txt")
    assert refusal(outcome) == f"--from-manifest list.txt, {message}"
    assert not home.exists()


PATHS_BELOW_A_FOLDER = [
    ("a.jpg\n../a.jpg", "line 2: '../a.jpg' is not allowed: a path without '..'"),
    ("b/../../in/a.jpg", "line 1: 'b/../../in/a.jpg' is not allowed: a path without '..'"),
    ("..", "line 1: '..' is not allowed: a path without '..'"),
    ("{folder}/../in/a.jpg", "line 1: source 'file://{folder}/../in/a.jpg' is not allowed: a path without '..'"),
    ("file://{folder}/b/..", "line 1: source 'file://{folder}/b/..' is not allowed: a path without '..'"),
    ("/etc/hostname", "line 1: '/etc/hostname' does not lie below file://{folder}"),
    ("{folder}2/a.jpg", "line 1: '{folder}2/a.jpg' does not lie below file://{folder}"),
    ("s3://photos/a.jpg", "line 1: 's3://photos/a.jpg' does not lie below file://{folder}"),
    ("{folder}", "line 1: '{folder}' is no key: 1 to 1,024 bytes are expected"),
    ("b\n\n./", "line 3: './' is no key: 1 to 1,024 bytes are expected"),
    ("file://a.jpg", "line 1: source 'file://a.jpg' is not understood: s3://bucket/prefix or file:///absolute/path"),
]


@pytest.mark.parametrize(("data", "message"), PATHS_BELOW_A_FOLDER)
def test_line_is_refused_when_it_is_no_path_below_the_folder(
    data: str, message: str, pictures: Path, vaejob: Vaejob, home: Path
) -> None:
    Path("list.txt").write_text(data.format(folder=pictures))
    outcome = vaejob("reconstruct", "in", "--from-manifest", "list.txt")
    assert refusal(outcome) == f"--from-manifest list.txt, {message.format(folder=pictures)}"
    assert not home.exists()


WHOLE_ADDRESSES = [
    ("s3://photos/a\nin/gone.jpg", f", line 2: 'in/gone.jpg' is neither an address nor a file: {FORM}"),
    ("https://photos/a", f", line 1: 'https://photos/a' is neither an address nor a file: {FORM}"),
    ("s3://photos/a\ns3://photos", f", line 2: 's3://photos' names no key: {FORM}"),
    ("s3://photos/", f", line 1: 's3://photos/' names no key: {FORM}"),
    ("s3://b/x", ", line 1: source 's3://b/x' names no bucket: s3://bucket/prefix"),
    ("file:///a/../b", ", line 1: source 'file:///a/../b' is not allowed: a path without '..'"),
    ("s3://photos/a\nin/a.jpg", " names local files and a bucket's: give a list for each"),
    ("file:///a\ns3://photos/a\ns3://other/in/a", " names local files and a bucket's: give a list for each"),
    ("in/a.jpg\n/etc/hostname", ": the files have no folder in common: give SOURCE, and paths below it"),
    ("file:///a", ": the files have no folder in common: give SOURCE, and paths below it"),
    ("file:///", ": the files have no folder in common: give SOURCE, and paths below it"),
    (
        f"s3://photos/{'x' * 1025}",
        ", line 1: 's3://photos/" + "x" * 107 + "…' is no key: 1 to 1,024 bytes are expected",
    ),
]


@pytest.mark.parametrize(("data", "message"), WHOLE_ADDRESSES)
@pytest.mark.usefixtures("pictures")
def test_list_is_refused_when_without_source_it_is_not_of_whole_addresses(
    data: str, message: str, vaejob: Vaejob, home: Path
) -> None:
    Path("list.txt").write_text(data)
    assert refusal(vaejob("reconstruct", "--from-manifest", "list.txt")) == f"--from-manifest list.txt{message}"
    assert not home.exists()


NO_LISTS = [
    (b"", f" names nothing: one key a line is expected, {FORM}"),
    (b"\n\r\n\n", f" names nothing: one key a line is expected, {FORM}"),
    (b"\xef\xbb\xbf", f" names nothing: one key a line is expected, {FORM}"),
    (b"s3://photos/cars/a\n\xff\n", ", line 2, is not UTF-8: one key a line is expected"),
    (b"s3://photos/cars/a\0b", ", line 1, holds a NUL character: one key a line is expected"),
    (b"\ns3://photos/cars/" + b"x" * 4096, ", line 2, is over 4,096 bytes long: one key a line is expected"),
]


@pytest.mark.parametrize(("data", "message"), NO_LISTS)
@pytest.mark.parametrize("source", [(), ("s3://photos/cars/",)], ids=["without SOURCE", "with SOURCE"])
def test_list_is_refused_when_it_is_none(
    source: tuple[str, ...], data: bytes, message: str, vaejob: Vaejob, home: Path
) -> None:
    Path("list.txt").write_bytes(data)
    outcome = vaejob("reconstruct", *source, "--from-manifest", "list.txt")
    assert refusal(outcome) == f"--from-manifest list.txt{message}"
    assert not home.exists()


CANNOT_BE_READ = "cannot be read: {}; a file with one key a line is expected"
NOWHERE = [
    ("gone.txt", CANNOT_BE_READ.format("No such file or directory")),
    ("in", CANNOT_BE_READ.format("Is a directory")),
    ("", CANNOT_BE_READ.format("Is a directory")),
    ("in/a.jpg/x", CANNOT_BE_READ.format("Not a directory")),
    ("~nobody-of-this-name/x", CANNOT_BE_READ.format("No such file or directory")),
    ("a\0b", CANNOT_BE_READ.format("embedded null byte")),
    ("file:///gone/list.txt", CANNOT_BE_READ.format("No such file or directory")),
    ("file:///gone.txt", CANNOT_BE_READ.format("No such file or directory")),
    ("file:///", CANNOT_BE_READ.format("Is a directory")),
    ("s3://photos", "names a bucket: the address of an object with one key a line is expected"),
]


@pytest.mark.parametrize(("where", "message"), NOWHERE)
@pytest.mark.usefixtures("pictures")
def test_list_is_refused_when_it_cannot_be_read(where: str, message: str, vaejob: Vaejob, home: Path) -> None:
    outcome = vaejob("reconstruct", "s3://photos", "--from-manifest", where)
    assert refusal(outcome) == f"--from-manifest {shown(where)!r} {message}"
    assert not home.exists()


@pytest.mark.parametrize("where", ["s3://", "s3://x/list", "file://list.txt", "file:///a/../list.txt"])
def test_error_names_the_flag_when_the_address_of_the_list_is_none(where: str, vaejob: Vaejob, home: Path) -> None:
    assert refusal(vaejob("reconstruct", "--from-manifest", where)).startswith(f"--from-manifest: source '{where}' ")
    assert not home.exists()


def test_list_is_empty_when_stdin_is_closed(vaejob: Vaejob, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert refusal(vaejob("reconstruct", "--from-manifest", "-")).startswith("--from-manifest - names nothing: ")
    assert not home.exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((), "SOURCE is missing: s3://bucket/prefix, a folder, or --from-manifest FILE"),
        (
            ("in/*.jpg", "--from-manifest", "list.txt"),
            "SOURCE 'in/*.jpg' is a glob, which --from-manifest takes no part of: give a prefix",
        ),
        (
            ("in/a.jpg", "--from-manifest", "list.txt"),
            "source 'file://{folder}/a.jpg' is a file: with --from-manifest, a folder is expected",
        ),
    ],
)
def test_source_is_refused_when_it_does_not_go_with_the_list(
    source: tuple[str, ...], message: str, pictures: Path, vaejob: Vaejob, home: Path
) -> None:
    Path("list.txt").write_text("a.jpg")
    assert refusal(vaejob("reconstruct", *source)) == message.format(folder=pictures)
    assert not home.exists()


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        ("s3://photos/a\ns3://third/a", "s3://third/a"),
        ("s3://photos/a\ns3://other/a", "s3://other/a"),
        ("s3://third/x/b\ns3://third/x/a", "s3://third/x/b"),
        ("in/a.jpg\nin/b/c.jpg", "file://{folder}"),
    ],
)
def test_list_is_refused_when_a_key_lies_where_no_source_is_allowed(
    data: str, refused: str, pictures: Path, vaejob: Vaejob, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAEJOB_SOURCES", "s3://photos s3://other/in/")
    Path("list.txt").write_text(data)
    assert refusal(vaejob("reconstruct", "--from-manifest", "list.txt")) == (
        f"source {refused.format(folder=pictures)} is not allowed: set VAEJOB_SOURCES to permit it "
        "(now: s3://photos, s3://other/in/)"
    )
    assert not home.exists()


def test_paths_are_refused_as_any_source_is_when_the_workers_are_elsewhere(
    vaejob: Vaejob, pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAEJOB_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("VAEJOB_SOURCES", "s3://photos")
    Path("list.txt").write_text("in/a.jpg\n")
    refused = refusal(vaejob("reconstruct", "--from-manifest", "list.txt"))
    assert refused.startswith(f"source file://{pictures} is not allowed: set VAEJOB_SOURCES to permit it")
    monkeypatch.setenv("VAEJOB_SOURCES", f"file://{pictures}")
    assert vaejob("reconstruct", "--from-manifest", "list.txt", "--dry-run", "--json").json["inputs"]["count"] == 1
    monkeypatch.setenv("VAEJOB_SOURCES", "file:///")
    # A folder of theirs need not be here, nor need its name be one that could.
    outcome = vaejob("reconstruct", f"file:///{'x' * 300}", "--from-manifest", "list.txt", "--dry-run", "--json")
    assert outcome.json["inputs"]["count"] == 1
    assert not home.exists()


def test_bucket_stands_before_the_key_when_only_places_in_the_bucket_are_allowed(
    vaejob: Vaejob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAEJOB_SOURCES", "s3://photos/x/ s3://photos/y/")
    (tmp_path / "list.txt").write_text("s3://photos/x/1.jpg\ns3://photos/y/2.jpg\n")
    settings = read_settings(os.environ)
    made = read_key_list(str(tmp_path / "list.txt"), None, settings)
    assert (made.source, made.data) == (None, b"photos/x/1.jpg\nphotos/y/2.jpg\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"s3://photos/a.jpg\r\r\n", "ends in a carriage return"),
        (b"\n\xef\xbb\xbfa.jpg", "begins with a byte order mark"),
    ],
)
def test_list_is_refused_when_a_key_would_not_come_back_from_it(
    data: bytes, reason: str, vaejob: Vaejob, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAEJOB_SOURCES", "s3://photos")
    (tmp_path / "list.txt").write_bytes(data)
    source = [] if data.startswith(b"s3") else ["s3://photos"]
    refused = refusal(vaejob("reconstruct", *source, "--from-manifest", str(tmp_path / "list.txt")))
    assert refused.endswith(f"{reason}: no key of a list may")
    assert not home.exists()


@pytest.mark.parametrize("source", [("s3://photos/cars",), ()], ids=["with SOURCE", "without SOURCE"])
@pytest.mark.parametrize(
    ("args", "count", "parts"),
    [
        ((), 5, 3),
        (("--limit", "3"), 3, 2),
        (("--pattern", "*.jpg"), 4, 2),
        (("--pattern", "x/*"), 2, 1),
        (("--pattern", "cars/*"), 0, 0),
        (("--pattern", "*.jpg", "--limit", "9"), 4, 2),
        (("--pattern", "*.jpg", "--limit", "1"), 1, 1),
    ],
)
def test_keys_are_counted_and_nothing_written_when_it_is_a_dry_run(
    source: tuple[str, ...], args: tuple[str, ...], count: int, parts: int, vaejob: Vaejob, home: Path
) -> None:
    names = ["a.jpg", "x/b.jpg", "a.jpg", "c.png", "x/d.jpg", "e.jpg", "a.jpg"]
    Path("list.txt").write_text("\n".join(f"s3://photos/cars/{name}" for name in names))
    command = ("reconstruct", *source, "--from-manifest", "list.txt", "--dry-run", "--part-size", "2", *args)
    outcome = vaejob(*command, "--json")
    assert outcome.code == 0
    assert outcome.json["inputs"] == {"count": count, "size_bytes": None}
    assert (outcome.json["items"], outcome.json["parts"]) == (count, parts)
    assert outcome.json["spec"]["source"] == "s3://photos/cars/"
    text = vaejob(*command).out
    assert f"{count} object{'' if count == 1 else 's'}, not looked at yet" in text
    assert not home.exists()


def test_pattern_is_on_bucket_and_key_when_the_dry_run_has_several(vaejob: Vaejob) -> None:
    Path("list.txt").write_text("s3://photos/a.jpg\ns3://other/in/a.jpg\ns3://other/in/b.jpg")
    command = ("reconstruct", "--from-manifest", "list.txt", "--dry-run", "--json", "--pattern")
    assert vaejob(*command, "other/*").json["inputs"]["count"] == 2
    assert vaejob(*command, "a.jpg").json["inputs"]["count"] == 0


def test_list_lies_beside_the_job_when_it_is_submitted(vaejob: Vaejob, store: Store) -> None:
    Path("list.txt").write_bytes(b"b.jpg\r\na.jpg\r\nb.jpg")
    assert vaejob("reconstruct", "s3://photos/cars", "--from-manifest", "list.txt", "--job-id", "cars").out == "cars\n"
    sha256 = hashlib.sha256(b"cars/b.jpg\ncars/a.jpg\ncars/b.jpg\n").hexdigest()
    assert there(store) == [f"jobs/cars/inputs/{sha256}.txt", "jobs/cars/job.json", "open/cars"]
    assert store.read(f"jobs/cars/inputs/{sha256}.txt").data == b"cars/b.jpg\ncars/a.jpg\ncars/b.jpg\n"


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("s3://photos/cars", "b\na"),
        ("s3://photos/cars/", "\ufeffb\r\n\r\na\r\n"),
        ("s3://photos/cars", "s3://photos/cars/b\na"),
        ("", "s3://photos/cars/b\ns3://photos/cars/a"),
    ],
)
def test_job_is_the_same_when_its_list_names_the_same_keys(
    source: str, data: str, vaejob: Vaejob, store: Store
) -> None:
    Path("list.txt").write_text("b\na\n")
    vaejob("reconstruct", "s3://photos/cars", "--from-manifest", "list.txt", "--job-id", "cars")
    before = there(store)
    Path("list.txt").write_text(data, newline="")
    args = [source] if source else []
    outcome = vaejob("reconstruct", *args, "--from-manifest", "list.txt", "--job-id", "cars", "--json")
    assert outcome.code == 0
    assert outcome.json["created"] is False
    assert there(store) == before


@pytest.mark.parametrize(
    ("data", "args"),
    [
        ("a\nb\n", ()),
        ("b\na\na\n", ()),
        ("b\n", ()),
        ("b\na\n", ("--pattern", "*")),
        ("b\na\n", ("--limit", "2")),
    ],
)
def test_job_is_refused_and_nothing_left_when_the_id_has_another_list(
    data: str, args: tuple[str, ...], vaejob: Vaejob, store: Store
) -> None:
    Path("list.txt").write_text("b\na\n")
    command = ("reconstruct", "s3://photos/cars", "--from-manifest", "list.txt", "--job-id", "cars")
    vaejob(*command)
    before = list(store.list())
    Path("list.txt").write_text(data)
    assert refusal(vaejob(*command, *args)) == (
        "--job-id 'cars' is taken by a job with another spec: choose another, or look at it with `vaejob status cars`"
    )
    assert list(store.list()) == before


def test_job_is_refused_when_the_id_is_of_one_that_lists_its_source(vaejob: Vaejob, store: Store) -> None:
    vaejob("reconstruct", "s3://photos/cars/", "--job-id", "cars")
    before = list(store.list())
    Path("list.txt").write_text("a\n")
    assert vaejob("reconstruct", "s3://photos/cars", "--from-manifest", "list.txt", "--job-id", "cars").code == 2
    assert list(store.list()) == before


def made(data: bytes, **fields: Any) -> Job:
    spec = ReconstructSpec(source="s3://photos/", keys_sha256=hashlib.sha256(data).hexdigest(), **fields)
    return work.make_job("race", spec)


def submit_in_between(store: Store, job: Job, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the job submitted just before the next one is created."""
    create = type(store).create

    def late(self: Store, key: str, mine: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        monkeypatch.setattr(type(store), "create", create)
        assert submission.submit(store, job, data) == (job, True)
        return create(self, key, mine, content_type=content_type, settle=settle)

    monkeypatch.setattr(type(store), "create", late)


@pytest.mark.parametrize("until", [".txt", "job.json"])
def test_nothing_is_left_when_the_store_goes_away_before_the_job_is_there(
    until: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = type(store).write

    def away(self: Store, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> str:
        if key.endswith(until):
            raise StoreUnavailable("gone")
        return write(self, key, data, content_type=content_type)

    monkeypatch.setattr(type(store), "write", away)
    monkeypatch.setattr(type(store), "create", away)
    with pytest.raises(StoreUnavailable):
        submission.submit(store, made(b"a\n"), b"a\n")
    assert there(store) == []


@pytest.mark.parametrize("theirs", [b"a\n", b"b\n"], ids=["with the same list", "with another list"])
def test_list_of_the_accepted_job_alone_is_left_when_another_created_it_meanwhile(
    theirs: bytes, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_in_between(store, made(theirs, pattern="*.jpg"), theirs, monkeypatch)
    with pytest.raises(JobConflict):
        submission.submit(store, made(b"a\n"), b"a\n")
    sha256 = hashlib.sha256(theirs).hexdigest()
    assert there(store) == [f"jobs/race/inputs/{sha256}.txt", "jobs/race/job.json", "open/race"]


def test_list_stays_when_another_created_the_same_job_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = made(b"a\n")
    other = msgspec.structs.replace(mine, submitted_by="other@host")
    submit_in_between(store, other, b"a\n", monkeypatch)
    assert submission.submit(store, mine, b"a\n") == (other, False)
    assert len(there(store)) == 3


def test_no_bucket_is_contacted_when_the_list_is_a_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a")
    settings = read_settings({"VAEJOB_HOME": str(home), "VAEJOB_SOURCES": "s3://photos"})
    found = read_key_list(str(tmp_path / "list.txt"), "s3://photos/cars", settings)
    assert found == ("s3://photos/cars/", b"cars/a\n", hashlib.sha256(b"cars/a\n").hexdigest())
