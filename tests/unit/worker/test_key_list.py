"""The inputs of a job with a list of keys: each once, in order, as its object is now."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import BadDocument, SourceNotAllowed
from vae_core.jobs.job import Input
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import Settings, read_settings
from vae_core.storage.base import CHUNK_BYTES, Store
from vae_core.storage.folder import FolderStore
from vae_core.storage.opening import open_store
from worker.key_list import KeyList, look_up

KEY = "jobs/j/inputs/list.txt"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(f"file://{tmp_path_factory.mktemp('store')}")


def listed(store: Store, data: bytes) -> KeyList:
    store.write(KEY, data)
    return KeyList(store, KEY, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("data", "keys", "duplicates"),
    [
        (b"a\n", ["a"], 0),
        (b"b\na\nc\n", ["b", "a", "c"], 0),
        (b"b\na\nb\n", ["b", "a"], 1),
        (b"a\na\na\nb\n", ["a", "b"], 2),
        (b"a\nA\n a\na \n", ["a", "A", " a", "a "], 0),
        ("é\ne\u0301\né\n".encode(), ["é", "e\u0301"], 1),
        (b"", [], 0),
    ],
)
def test_keys_come_once_and_in_order_when_some_are_listed_again(
    store: Store, data: bytes, keys: list[str], duplicates: int
) -> None:
    key_list = listed(store, data)
    assert key_list.duplicates == 0
    assert list(key_list.keys()) == keys
    assert key_list.duplicates == duplicates


@given(st.lists(st.text("abc/é", min_size=1, max_size=3)))
def test_keys_and_duplicates_are_all_lines_when_counted(store: Store, lines: list[str]) -> None:
    key_list = listed(store, "".join(f"{line}\n" for line in lines).encode())
    keys = list(key_list.keys())
    assert keys == list(dict.fromkeys(lines))
    assert len(keys) + key_list.duplicates == len(lines)


def test_no_key_is_lost_when_the_list_comes_in_several_chunks(store: Store) -> None:
    keys = [f"{number:0200d}" for number in range(CHUNK_BYTES // 200)]
    data = "".join(f"{key}\n" for key in [*keys, *keys[::1000]]).encode()
    assert len(data) > CHUNK_BYTES
    key_list = listed(store, data)
    assert list(key_list.keys()) == keys
    assert key_list.duplicates == len(keys[::1000])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a\n",
        b"a\nb\nc\n",
        b"a\r\nb\r\n",
        b"b\na\n",
        b"a\n\xff\n",
        b"a\nb\0\n",
        b"a\n" + b"b" * 5000,
    ],
)
def test_list_is_a_bad_document_when_it_is_not_the_one_that_was_submitted(store: Store, data: bytes) -> None:
    key_list = listed(store, b"a\nb\n")
    store.write(KEY, data)
    with pytest.raises(BadDocument, match=f"^{KEY} is not the list of keys that the job was submitted with$"):
        next(key_list.keys())


def test_list_is_a_bad_document_when_it_is_missing(store: Store) -> None:
    key_list = listed(store, b"a\n")
    store.delete([KEY])
    with pytest.raises(BadDocument, match=f"^{KEY} is missing from the store$"):
        next(key_list.keys())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"VAEJOB_HOME": str(tmp_path / "home")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source: what is in it, and beside it."""
    for name in ("in/a.jpg", "in/x/b c%20#?é.png", "in/x/y/d.jpg", "beside.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "in" / "a.jpg")
    return tmp_path / "in"


def spec_for(source: str | None, **fields: Any) -> ReconstructSpec:
    return ReconstructSpec(source=source, keys_sha256="0" * 64, **fields)


def test_objects_are_told_as_they_are_now_when_they_are_there(folder: Path, settings: Settings) -> None:
    keys = ["x/y/d.jpg", "a.jpg", "x/b c%20#?é.png"]
    there = {found.key: found for found in open_store(f"file://{folder}").list()}
    assert list(look_up(spec_for(f"file://{folder}"), keys, settings)) == [
        Input(key=key, tag=there[key].tag, size_bytes=len(f"in/{key}".encode())) for key in keys
    ]


@pytest.mark.parametrize(
    "key", ["gone.jpg", "a.jpg/x", "x", "x/", "link.jpg", "../beside.jpg", "x//y/d.jpg", "z" * 300]
)
def test_key_has_no_tag_when_it_names_no_object_that_can_be_read(key: str, folder: Path, settings: Settings) -> None:
    found = list(look_up(spec_for(f"file://{folder}"), ["a.jpg", key, "a.jpg"], settings))
    assert [one.key for one in found] == ["a.jpg", key, "a.jpg"]
    assert (found[1].tag, found[1].size_bytes) == ("", 0)
    assert found[1].failure is not None
    assert found[1].failure.code in {"object_missing", "store_refused", "invalid_value"}
    assert "\n" not in found[1].failure.message
    assert found[0].tag
    assert found[0].failure is None


def test_limit_comes_before_what_is_read_ahead_when_keys_are_given_again(folder: Path, settings: Settings) -> None:
    store = FolderStore(str(folder))
    data = b"a.jpg\na.jpg\nx/y/d.jpg\nx/y/d.jpg\ngone\ngone\n" * 5
    store.write("list", data)
    keys = KeyList(store, "list", hashlib.sha256(data).hexdigest())
    found = list(look_up(spec_for(f"file://{folder}", limit=2), keys.keys(), settings))
    assert [one.key for one in found] == ["a.jpg", "x/y/d.jpg"]
    assert keys.duplicates == 1


def test_list_is_refused_when_it_is_replaced_between_its_two_readings(folder: Path) -> None:
    store = FolderStore(str(folder))
    data = b"a\nb\n"
    store.write("list", data)
    keys = KeyList(store, "list", hashlib.sha256(data).hexdigest()).keys()
    repeated = KeyList._repeated

    def then_replaced(self: KeyList, tag: str) -> set[int]:
        found = repeated(self, tag)
        store.write("list", b"c\nd\n")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeyList, "_repeated", then_replaced)
        with pytest.raises(BadDocument, match="was replaced while it was read"):
            list(keys)


def test_only_matching_keys_are_looked_up_when_there_is_a_pattern(folder: Path, settings: Settings) -> None:
    keys = ["x/y/d.jpg", "gone.png", "a.jpg", "gone.jpg"]
    found = look_up(spec_for(f"file://{folder}", pattern="*.jpg"), keys, settings)
    assert [one.key for one in found] == ["x/y/d.jpg", "a.jpg", "gone.jpg"]
    assert list(look_up(spec_for(f"file://{folder}", pattern="y/*"), keys, settings)) == []


def test_the_file_is_looked_up_when_the_source_is_one(folder: Path, settings: Settings) -> None:
    spec = spec_for(f"file://{folder}/a.jpg")
    assert [bool(one.tag) for one in look_up(spec, ["a.jpg"], settings)] == [True]
    for beside in ("gone.jpg", "x/y/d.jpg"):
        with pytest.raises(SourceNotAllowed, match=f"^key '{beside}' does not lie below"):
            list(look_up(spec, [beside], settings))


def test_order_is_that_of_the_list_when_many_are_looked_up_at_once(folder: Path, settings: Settings) -> None:
    keys = [f"{number * 7919 % 500}.jpg" for number in range(500)]
    for key in keys[::3]:
        (folder / key).write_bytes(key.encode())
    found = list(look_up(spec_for(f"file://{folder}"), keys, settings))
    assert [one.key for one in found] == keys
    assert [one.key for one in found if one.tag] == keys[::3]


def test_keys_are_taken_as_they_are_needed_when_only_the_first_are(folder: Path, settings: Settings) -> None:
    keys = iter(["a.jpg"] * 10_000)
    found = look_up(spec_for(f"file://{folder}"), keys, settings)
    assert next(found).key == "a.jpg"
    assert len(list(keys)) > 9_000


@pytest.mark.parametrize("key", ["trucks/a.jpg", "cars", "Cars/a.jpg", "a/cars/a.jpg", "cars2/a.jpg"])
def test_key_is_refused_when_it_does_not_lie_below_the_source(key: str, tmp_path: Path) -> None:
    settings = read_settings({"VAEJOB_HOME": str(tmp_path / "home"), "VAEJOB_SOURCES": "s3://photos"})
    found = look_up(spec_for("s3://photos/cars/"), [key], settings)
    with pytest.raises(SourceNotAllowed, match=f"^key '{key}' does not lie below s3://photos/cars/$"):
        next(found)


def test_key_is_refused_when_its_bucket_is_not_allowed(tmp_path: Path) -> None:
    settings = read_settings({"VAEJOB_HOME": str(tmp_path / "home"), "VAEJOB_SOURCES": "s3://photos/cars/"})
    for key in ("other/cars/a.jpg", "photos/trucks/a.jpg"):
        with pytest.raises(SourceNotAllowed, match=f"^source s3://{key} is not allowed: set VAEJOB_SOURCES"):
            list(look_up(spec_for(None), [key], settings))


def test_source_is_refused_at_once_when_it_is_not_allowed(folder: Path, tmp_path: Path) -> None:
    settings = read_settings({"VAEJOB_HOME": str(tmp_path / "home"), "VAEJOB_SOURCES": "s3://photos"})
    with pytest.raises(SourceNotAllowed, match="VAEJOB_SOURCES"):
        look_up(spec_for(f"file://{folder}"), [], settings)


def test_store_is_said_to_refuse_when_the_source_is_not_there(folder: Path, settings: Settings) -> None:
    (found,) = look_up(spec_for(f"file://{folder}/gone"), ["a.jpg"], settings)
    assert found.failure is not None
    assert found.failure.code == "store_refused"
    assert "there is no such folder" in found.failure.message
