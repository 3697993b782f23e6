"""Which objects of a source are inputs, and where a key of theirs is."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import SourceNotAllowed, StoreError
from vae_core.inputs import list_inputs, open_inputs, open_places, pattern_matcher
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import Settings, read_settings


def settings_for(folder: Path, **more: str) -> Settings:
    return read_settings({"VAEJOB_HOME": str(folder / "home"), **more})


def keys(source: str, settings: Settings, *, glob: str | None = None, pattern: str | None = None) -> list[str]:
    return [found.key for found in list_inputs(source, settings, glob=glob, pattern=pattern)]


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_all_files_below_are_listed_in_order_when_the_source_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "in", "b.png", "a/z.jpg", "a.txt")
    assert keys(f"file://{tmp_path}/in", settings_for(tmp_path)) == ["a.txt", "a/z.jpg", "b.png"]


def test_only_that_file_is_listed_when_the_source_is_a_file(tmp_path: Path) -> None:
    write(tmp_path / "in", "car.png", "car.png.bak", "car.pngx")
    assert keys(f"file://{tmp_path}/in/car.png", settings_for(tmp_path)) == ["car.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*.png", ["a/d.png", "b.png"]), ("a/*", ["a/c.jpg", "a/d.png"]), ("?.png", ["b.png"]), ("*.gif", [])],
)
def test_only_matching_keys_are_listed_when_there_is_a_pattern(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    write(tmp_path / "in", "a/c.jpg", "a/d.png", "b.png")
    assert keys(f"file://{tmp_path}/in", settings_for(tmp_path), pattern=pattern) == expected


def test_names_mean_themselves_when_they_hold_percent_and_hash(tmp_path: Path) -> None:
    write(tmp_path / "100%25 #1?", "a b.png")
    assert keys(f"file://{tmp_path}/100%25 #1?", settings_for(tmp_path)) == ["a b.png"]


def test_what_jobs_write_is_left_out_when_the_source_holds_the_store(tmp_path: Path) -> None:
    write(tmp_path, "in/b.png", "in/store/jobs/j/images/0.png", "in/store/open/j", "in/store/mine.png")
    settings = settings_for(tmp_path, VAEJOB_STORE=f"{tmp_path}/in/store")
    assert keys(f"file://{tmp_path}/in", settings) == ["b.png", "store/mine.png"]


def test_outputs_of_a_job_are_listed_when_the_source_names_them(tmp_path: Path) -> None:
    write(tmp_path, "store/jobs/j/images/0.png", "store/jobs/j/job.json")
    settings = settings_for(tmp_path, VAEJOB_STORE=f"{tmp_path}/store")
    assert keys(f"file://{tmp_path}/store/jobs/j/images", settings) == ["0.png"]


def test_source_is_refused_when_it_is_not_below_an_allowed_one(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, VAEJOB_SOURCES=f"{tmp_path}/allowed s3://cars/in/")
    write(tmp_path, "allowed/a.png", "allowed-not/a.png")
    assert keys(f"file://{tmp_path}/allowed", settings) == ["a.png"]
    for source in (f"file://{tmp_path}/allowed-not", f"file://{tmp_path}", "s3://cars/other", "s3://other/in/"):
        with pytest.raises(SourceNotAllowed, match="VAEJOB_SOURCES"):
            open_inputs(source, settings)


def test_source_is_refused_when_a_link_leads_out_of_what_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, "secret/a.png", "allowed/in/b.png")
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "way").symlink_to(tmp_path / "allowed")
    settings = settings_for(tmp_path, VAEJOB_SOURCES=f"{tmp_path}/way {tmp_path}/allowed")
    assert keys(f"file://{tmp_path}/way/in", settings) == ["b.png"]
    with pytest.raises(SourceNotAllowed):
        open_inputs(f"file://{tmp_path}/allowed/out", settings)


def test_source_is_refused_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        keys(f"file://{tmp_path}/nowhere", settings_for(tmp_path))


def test_files_outside_are_not_read_when_a_link_in_the_source_points_there(tmp_path: Path) -> None:
    write(tmp_path, "secret.png", "in/a.png")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "secret.png")
    assert keys(f"file://{tmp_path}/in", settings_for(tmp_path)) == ["a.png"]


NAMES = [".d/e.jpg", ".h.jpg", "A.JPG", "a.jpg", "x/a.jpg", "x/n.txt", "x/y/b.jpg", "x/y/z/c.jpg"]
JPEGS = [name for name in NAMES if name.endswith(".jpg")]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*", [".h.jpg", "A.JPG", "a.jpg"]),
        ("*.jpg", [".h.jpg", "a.jpg"]),
        ("*.JPG", ["A.JPG"]),
        ("?.jpg*", ["a.jpg"]),
        ("*/*.jpg", [".d/e.jpg", "x/a.jpg"]),
        ("*/*/*", ["x/y/b.jpg"]),
        ("**", NAMES),
        ("**/*", NAMES),
        ("**/*.jpg", JPEGS),
        ("**/**/*.jpg", JPEGS),
        ("**.jpg", [".h.jpg", "a.jpg"]),  # beside anything else in a segment, two are as one
        ("x/**", ["x/a.jpg", "x/n.txt", "x/y/b.jpg", "x/y/z/c.jpg"]),
        ("x/**/*.jpg", ["x/a.jpg", "x/y/b.jpg", "x/y/z/c.jpg"]),
        ("**/y/*.jpg", ["x/y/b.jpg"]),
        ("**/y/**/*.jpg", ["x/y/b.jpg", "x/y/z/c.jpg"]),
        ("x/y*", []),
        ("x*", []),
        ("*/", []),
        ("**/", []),
        ("**/*.gif", []),
        ("X/*", []),
        ("y/*", []),
        (".*", [".h.jpg"]),
        (".*/*", [".d/e.jpg"]),
        ("*/../*", []),
    ],
)
def test_only_keys_that_match_segment_by_segment_are_listed_when_there_is_a_glob(
    tmp_path: Path, glob: str, expected: list[str]
) -> None:
    write(tmp_path / "in", *NAMES)
    assert keys(f"file://{tmp_path}/in", settings_for(tmp_path), glob=glob) == expected


ODD = "a b+c%20#?'é.png"


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        (f"{ODD}*", [ODD]),
        ("a b+c%20#*", [ODD]),
        ("*%20*", [ODD]),
        ("* *", [ODD]),
        ("*#?'é.*", [ODD]),
        ("*e\u0301*", []),  # another spelling is another key
        ("[ab].*", ["a.jpg", "b.jpeg"]),
        ("[!a].*", ["b.jpeg"]),
        ("*[a-z]eg", ["b.jpeg"]),
        ("[[]*", ["[ab.jpg", "[ab].jpg"]),
        ("[ab.*", ["[ab.jpg"]),  # never closed, it is a letter
        ("{a,b}.*", ["{a,b}.jpg"]),
        ("!*", ["!a.jpg"]),
        ("~*", ["~a.jpg"]),
        ("a|*", ["a|b.jpg"]),
        ("a\\b.*", ["a\\b.jpg"]),
        ("*\n*", ["a\nb.jpg"]),
        ("[z-a]*", []),
    ],
)
def test_letters_of_a_glob_mean_themselves_when_no_shell_gives_them_a_meaning(
    tmp_path: Path, glob: str, expected: list[str]
) -> None:
    odd = ["[ab.jpg", "[ab].jpg", "{a,b}.jpg", "!a.jpg", "~a.jpg", "a|b.jpg", "a\\b.jpg", "a\nb.jpg"]
    write(tmp_path / "in", ODD, "a.jpg", "b.jpeg", *odd)
    assert keys(f"file://{tmp_path}/in", settings_for(tmp_path), glob=glob) == expected


@given(st.text("ab*?/[]!-\\{},.^:|", min_size=1, max_size=12))
def test_glob_lists_what_is_there_or_nothing_when_it_is_any_text(folder_of_names: Path, glob: str) -> None:
    with suppress(StoreError):  # what it begins with may be no path: `a//*`
        assert set(keys(f"file://{folder_of_names}", settings_for(folder_of_names), glob=glob)) <= set(NAMES)


@pytest.fixture(scope="module")
def folder_of_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    write(folder, *NAMES)
    return folder


def test_other_folders_are_not_looked_into_when_the_glob_begins_with_letters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "in", "a1/x.jpg", "a2/y/x.jpg", "b/x.jpg")
    (tmp_path / "in" / "b" / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")  # a listing warns of it
    source, settings = f"file://{tmp_path}/in", settings_for(tmp_path)
    assert keys(source, settings, glob="a*/*.jpg") == ["a1/x.jpg"]
    assert keys(source, settings, glob="a2/**/*.jpg") == ["a2/y/x.jpg"]
    assert caplog.messages == []
    assert keys(source, settings, glob="?/*.jpg") == ["b/x.jpg"]
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("x/*", ["x/a.jpg", "x/y/b.jpg", "x/y/z/c.jpg"]),
        ("*b.jpg", ["x/y/b.jpg"]),
        ("*.txt", []),
        ("*", JPEGS),
    ],
)
def test_keys_that_match_both_are_listed_when_there_are_glob_and_pattern(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    write(tmp_path / "in", *NAMES)
    source, settings = f"file://{tmp_path}/in", settings_for(tmp_path)
    assert keys(source, settings, glob="**/*.jpg", pattern=pattern) == expected


def test_what_jobs_write_is_left_out_when_a_glob_matches_it(tmp_path: Path) -> None:
    write(tmp_path, "in/b.png", "in/store/jobs/j/images/0.png", "in/store/mine.png")
    settings = settings_for(tmp_path, VAEJOB_STORE=f"{tmp_path}/in/store")
    assert keys(f"file://{tmp_path}/in", settings, glob="**/*.png") == ["b.png", "store/mine.png"]
    assert keys(f"file://{tmp_path}/in", settings, glob="store/*/*/*/*.png") == []


def test_glob_matches_nothing_when_the_source_is_a_file(tmp_path: Path) -> None:
    write(tmp_path / "in", "car.png", "car.png.bak")
    assert keys(f"file://{tmp_path}/in/car.png", settings_for(tmp_path), glob="*") == []


@pytest.mark.parametrize(
    ("pattern", "prefix", "matched", "other"),
    [
        ("*.jpg", "", ["a.jpg", "x/a.jpg", "a\nb.jpg"], ["a.JPG", "a.png"]),
        ("a*", "cars/", ["cars/a", "cars/a/b"], ["cars/b/a"]),
        ("ca*", "cars/ca", ["cars/ca", "cars/cab/x"], ["cars/da"]),  # a prefix may end within a name
        ("a*", "ca", ["a", "ab"], ["ca"]),
        (None, "cars/", ["cars/a", "\n"], []),
    ],
)
def test_pattern_is_matched_below_the_last_folder_of_the_prefix_when_there_is_one(
    pattern: str | None, prefix: str, matched: list[str], other: list[str]
) -> None:
    matches = pattern_matcher(pattern, prefix)
    assert [key for key in matched + other if matches(key)] == matched


def test_keys_lie_in_the_store_of_the_source_when_there_is_one(tmp_path: Path) -> None:
    write(tmp_path / "in", "x/a.png")
    place = open_places(ReconstructSpec(source=f"file://{tmp_path}/in"), settings_for(tmp_path))
    store, key = place("x/a.png")
    assert store.read(key).data == b"x"
    assert place("gone.png").store.stat("gone.png") is None


def test_key_lies_beside_the_file_when_the_source_is_one(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.png")
    store, key = open_places(ReconstructSpec(source=f"file://{tmp_path}/in/a.png"), settings_for(tmp_path))("a.png")
    assert store.read(key).data == b"x"


def test_keys_lie_in_the_bucket_they_name_when_there_is_no_source(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, VAEJOB_SOURCES="s3://one s3://two/in/")
    place = open_places(ReconstructSpec(source=None, keys_sha256="0" * 64), settings)
    first, second, third = place("one/a.jpg"), place("two/in//b c.jpg"), place("one/one/a.jpg")
    assert [(found.store.url, found.key) for found in (first, second, third)] == [
        ("s3://one", "a.jpg"),
        ("s3://two", "in//b c.jpg"),
        ("s3://one", "one/a.jpg"),
    ]
    assert first.store is third.store
    for elsewhere in ("two/b.jpg", "three/a.jpg", "on/e/a.jpg"):
        with pytest.raises(SourceNotAllowed, match=f"^source s3://{elsewhere} is not allowed: set VAEJOB_SOURCES"):
            place(elsewhere)


def test_places_are_refused_when_the_source_is_not_allowed(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, VAEJOB_SOURCES="s3://one")
    with pytest.raises(SourceNotAllowed, match="VAEJOB_SOURCES"):
        open_places(ReconstructSpec(source=f"file://{tmp_path}"), settings)
