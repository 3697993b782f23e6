"""What every store promises, held against a folder, moto and rclone."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.s3 import S3Server
from vae_core.errors import InvalidValue, ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError, VaejobError
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

PLAIN_KEYS = [
    "a b/c d.png",
    "pl+us",
    "per%41cent%2F%",
    "q?x=1#y&z",
    "ünï/日本語/🚗.png",
    "quo'te\"s",
    "<&>",
    "tab\tx",
    "back\\slash",
    "*",
    ":~@!$,;=()[]{}|^`",
    "e\u0301",
    "trailing space ",
    "\x01control",
]
"""Keys that every backend here holds."""

EDGE_KEYS = ["a//b", "/a", "a/", "..", "../x", "a/./b", "line\nbreak", "k" * 900, ".tmp/x"]
"""Keys that some hold and some refuse."""

HELD_EDGE_KEYS = {
    # A file needs a name of at most 255 bytes in a folder; `.tmp` is the store's own.
    "folder": {"line\nbreak"},
    # moto routes by a pattern that stops at a line break; AWS takes it.
    "moto": {"a//b", "/a", "a/", "..", "../x", "a/./b", "k" * 900, ".tmp/x"},
    # rclone keeps objects as files as well, without reserving `.tmp`.
    "rclone": {"line\nbreak", ".tmp/x"},
}
NOT_SAID = {("rclone", "a/"), ("rclone", "k" * 900)}
"""What rclone cannot hold and does not say so: it makes a folder of the one, and answers 500 to the other."""


@dataclass
class Backend:
    """A way to make stores. `open(prefix)` gives one on the same bucket or folder each time."""

    name: str
    open: Callable[[str], Store]

    @property
    def store(self) -> Store:
        """The store that most tests use."""
        return self.open("jobs here")


@pytest.fixture(params=["folder", "moto", "rclone", "moto by the short way", "rclone by the short way"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    name, _, short_way = request.param.partition(" ")
    if name == "folder":
        return Backend("folder", lambda prefix: open_store(f"{tmp_path}/store/{prefix}"))
    server: S3Server = request.getfixturevalue(f"s3_{name}")
    bucket = server.make_bucket()
    options = dataclasses.replace(server.options, short_way_after=0 if short_way else 2**30)
    return Backend(name, lambda prefix: open_store(f"s3://{bucket}/{prefix}", s3=options))


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.store


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 4096], ids=["empty", "one byte", "1 MiB"])
def test_read_gives_the_bytes_and_tag_of_the_write_when_the_object_is_there(store: Store, data: bytes) -> None:
    tag = store.write("a/b.bin", data, content_type="application/x-test")

    assert store.read("a/b.bin") == (data, tag)
    assert store.stat("a/b.bin") == ("a/b.bin", len(data), tag)
    assert list(store.list()) == [("a/b.bin", len(data), tag)]


def test_nothing_is_found_when_the_object_is_missing(backend: Backend) -> None:
    store = backend.store
    store.write("a/b", b"x")

    for key in ("c", "a/c", "a", "a/b/c"):
        assert store.stat(key) is None
        with pytest.raises(ObjectMissing, match=key):
            store.read(key)
    # rclone maps keys to files and trips over one that runs through another: `a` is an error, `a/b/c` removes `a/b`.
    store.delete(["c", "a/c"] if backend.name == "rclone" else ["c", "a/c", "a", "a/b/c"])
    assert [found.key for found in store.list()] == ["a/b"]


def test_an_empty_store_can_be_listed_and_checked_when_nothing_was_written(store: Store) -> None:
    store.check()
    assert list(store.list()) == []
    assert list(store.list("a/")) == []
    assert list(store.list_folders()) == []


def test_tag_changes_when_rewritten_with_the_same_size_at_once(store: Store) -> None:
    tags = [store.write("a", bytes([n])) for n in range(20)]

    assert len(set(tags)) == 20
    assert store.read("a", if_tag=tags[-1]).data == b"\x13"
    with pytest.raises(ObjectChanged, match="'a'"):
        store.read("a", if_tag=tags[-2])


def test_read_refuses_when_the_object_is_over_the_limit(store: Store) -> None:
    store.write("a", b"12345")

    assert store.read("a", max_bytes=5).data == b"12345"
    with pytest.raises(ObjectTooLarge, match="at most 4"):
        store.read("a", max_bytes=4)
    with pytest.raises(ObjectTooLarge):
        store.read("a", max_bytes=0)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 30])
def test_stream_gives_the_bytes_in_chunks_when_the_object_is_there(store: Store, size: int) -> None:
    data = bytes(range(size))
    store.write("a/b", data)

    chunks = list(store.stream("a/b", chunk_bytes=10))
    assert b"".join(chunks) == data
    assert all(len(chunk) <= 10 for chunk in chunks)


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [(0, 5, b"01234"), (7, 12, b"7890123456789012345"[:12]), (25, 100, b"56789"), (30, 5, b""), (4, 0, b"")],
)
def test_stream_gives_only_the_range_when_one_is_asked_for(
    store: Store, start: int, size: int, expected: bytes
) -> None:
    store.write("a/b", b"0123456789" * 3)

    assert b"".join(store.stream("a/b", start=start, size_bytes=size, chunk_bytes=10)) == expected


def test_stream_says_so_when_the_object_is_missing_or_replaced(store: Store) -> None:
    with pytest.raises(ObjectMissing, match="'a'"):
        next(store.stream("a"))
    store.write("a", b"one" * 10)
    reading = store.stream("a", chunk_bytes=10)
    assert next(reading) == b"oneoneoneo"
    store.write("a", b"two" * 10)
    try:
        rest = b"".join(reading)
    except ObjectChanged:
        return
    assert rest == b"neoneoneoneoneoneone"  # a file that was replaced as a whole can still be read to its end


def test_create_keeps_the_first_content_when_called_again(store: Store) -> None:
    assert store.create("a/b", b"one") is True
    assert store.create("a/b", b"one") is True
    assert store.create("a/b", b"two") is False
    assert store.create("a/b", b"") is False
    assert store.create("a/b", b"longer") is False
    assert store.read("a/b").data == b"one"
    store.delete(["a/b"])
    assert store.create("a/b", b"two") is True


def test_create_tells_another_store_of_the_same_place_when_it_was_first(backend: Backend) -> None:
    assert backend.open("x").create("k", b"one") is True
    assert backend.open("x").create("k", b"two") is False
    assert backend.open("x").create("k", b"one") is True


@pytest.mark.parametrize("fresh", [True, False], ids=["several stores", "one store"])
def test_create_tells_one_caller_true_when_many_race(backend: Backend, fresh: bool) -> None:
    callers, shared = 16, backend.store
    several = [backend.store for _ in range(4)] if fresh else [shared]
    together = threading.Barrier(callers)

    def call(number: int) -> bool:
        mine = several[number % len(several)]
        mine.check()
        together.wait()
        return mine.create("race/decided", b"%d" % number)

    with ThreadPoolExecutor(callers) as pool:
        told = list(pool.map(call, range(callers)))
    winner = int(shared.read("race/decided").data)
    assert told[winner] is True
    if backend.name != "rclone":
        assert sum(told) == 1
    # rclone overwrites: who is slower than the others' wait can still replace what they were told is theirs, so only
    # this holds there: whose bytes stay knows it. Leases keep it from mattering.


def test_create_without_settling_is_soon_done_and_keeps_what_is_there(store: Store) -> None:
    assert store.create("first", b"one") is True  # finds out what the server makes of conditions
    took_s = []
    for number in range(5):
        began = time.perf_counter()
        assert store.create(f"leased/{number}", b"one", settle=False) is True
        took_s.append(time.perf_counter() - began)
    assert min(took_s) < 0.15
    assert store.create("leased/0", b"two", settle=False) is False
    assert store.create("leased/0", b"one", settle=False) is True
    assert store.read("leased/0").data == b"one"


def test_list_is_in_byte_order_when_names_sort_around_the_slash(backend: Backend) -> None:
    store = backend.store
    keys = ["a", "a!", "a-b/x", "a.b", "a0", "B", "é", "z/1", "z/10", "z/2", "z-", "z.", "日", "\U0001f697", "\uff5e"]
    if backend.name == "moto":
        keys += ["a/b", "a/b/c"]  # A file system cannot have `a` beside `a/b`.
    for key in keys:
        store.write(key, b"")
    backend.open("jobs here too").write("z/elsewhere", b"")

    assert [found.key for found in store.list()] == sorted(keys, key=str.encode)
    for prefix in ("a", "a-", "a-b/", "z", "z/", "z/1", "z/1/", "nothing", "nothing/x", "é"):
        expected = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
        assert [found.key for found in store.list(prefix)] == expected, prefix


def test_list_and_delete_go_beyond_a_page_when_there_are_over_a_thousand(store: Store) -> None:
    keys = [f"many/{number:05d}" for number in range(1005)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.write(key, b""), keys))

    listing = store.list("many/")
    first = list(itertools.islice(listing, 3))
    store.delete([keys[-1], *(found.key for found in first)])
    # A listing is a stream: what goes behind it is no trouble, what goes ahead of it may or may not be seen.
    assert [found.key for found in [*first, *listing]][:1004] == keys[:1004]
    store.delete(iter(keys))
    assert list(store.list()) == []


def test_objects_are_kept_when_their_keys_are_odd(store: Store) -> None:
    tags = {key: store.write(key, key.encode()) for key in PLAIN_KEYS}

    for key, tag in tags.items():
        assert store.read(key, if_tag=tag) == (key.encode(), tag)
        assert store.stat(key) == (key, len(key.encode()), tag)
        assert [found.key for found in store.list(key)] == [key]
    assert [found.key for found in store.list()] == sorted(PLAIN_KEYS, key=str.encode)
    folders = {key.partition("/")[0] for key in PLAIN_KEYS if "/" in key}
    assert list(store.list_folders()) == sorted(folders, key=str.encode)
    assert store.create(PLAIN_KEYS[0], b"other") is False
    store.delete(PLAIN_KEYS)
    assert list(store.list()) == []


def test_objects_are_kept_or_refused_when_their_keys_are_edge_cases(backend: Backend) -> None:
    store = backend.store
    for key in EDGE_KEYS:
        if (backend.name, key) in NOT_SAID:
            continue
        if key in HELD_EDGE_KEYS[backend.name]:
            store.write(key, b"1")
            assert store.read(key).data == b"1"
            assert [found.key for found in store.list()] == [key]
            store.delete([key])
        else:
            with pytest.raises(StoreError):
                store.write(key, b"1")
        assert list(store.list()) == []


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800"])
def test_key_is_refused_when_no_store_can_hold_it(store: Store, key: str) -> None:
    for refused in (store.read, store.stat, lambda key: store.write(key, b""), lambda key: store.delete([key])):
        with pytest.raises(StoreError):
            refused(key)


def test_list_folders_names_each_once_when_objects_lie_deep(store: Store) -> None:
    for key in ("j/b/1", "j/b/2/3", "j/a-x/1", "j/a/1", "j/file", "k/1", "top"):
        store.write(key, b"")

    assert list(store.list_folders()) == ["j", "k"]
    assert list(store.list_folders("j/")) == ["a", "a-x", "b"]
    assert list(store.list_folders("j/b/2/")) == []
    assert list(store.list_folders("none/")) == []
    store.delete(["j/b/1", "j/b/2/3"])
    assert "b" not in list(store.list_folders("j/"))
    with pytest.raises(InvalidValue, match="'j'"):
        list(store.list_folders("j"))


def test_list_files_leaves_folders_out_when_objects_lie_in_them(store: Store) -> None:
    for key in ("j/b/1", "j/c.json", "j/a", "j-x", "top"):
        store.write(key, b"12")

    assert [found.key for found in store.list_files()] == ["j-x", "top"]
    assert [(found.key, found.size_bytes) for found in store.list_files("j/")] == [("j/a", 2), ("j/c.json", 2)]
    assert [found.tag for found in store.list_files("j/")] == [store.read(key).tag for key in ("j/a", "j/c.json")]
    assert list(store.list_files("none/")) == []
    with pytest.raises(InvalidValue, match="'j'"):
        list(store.list_files("j"))


def test_threads_see_whole_objects_when_they_share_a_store(backend: Backend) -> None:
    store = backend.store
    contents = [bytes([number]) * 50_000 for number in range(8)]
    store.write("shared", contents[0])

    def work(number: int) -> bool:
        for _ in range(5):
            store.write("shared", contents[number])
            try:
                if store.read("shared").data not in contents:
                    return False
            except ObjectMissing:
                # rclone moves the old file away before it moves the new one in.
                if backend.name != "rclone":
                    raise
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def _use_after_fork(store: Store, number: int) -> None:
    for turn in range(5):
        store.write(f"child/{number}/{turn}", b"%d" % turn)
        if store.read("parent").data != b"p":
            raise RuntimeError("another's answer")


def test_store_works_in_children_when_it_was_used_before_the_fork(store: Store) -> None:
    store.write("parent", b"p")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_use_after_fork, args=(store, number)) for number in range(3)]
    for child in children:
        child.start()
    for _ in range(10):
        assert store.read("parent").data == b"p"
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert len(list(store.list("child/"))) == 15


def test_address_opens_the_same_store_when_taken_from_it(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if backend.name != "folder":
        for name, value in request.getfixturevalue(f"s3_{backend.name}").env.items():
            monkeypatch.setenv(name, value)
    first = backend.open("jobs 100%/#1/")
    first.write("a", b"x")

    again = open_store(first.url)
    assert not first.url.endswith("/")
    assert again.url == first.url
    assert again.read("a").data == b"x"


def test_error_is_one_line_and_names_the_place_when_something_is_refused(store: Store) -> None:
    with pytest.raises(VaejobError) as caught:
        store.read("mis\nsing")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(store.url)
