"""What the folder store does at the edges of a file system."""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vae_core.errors import ObjectMissing, StoreError, StoreUnavailable
from vae_core.storage import drafts, tree
from vae_core.storage.folder import FolderStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(str(root))


def _keys(store: FolderStore, prefix: str = "") -> list[str]:
    return [found.key for found in store.list(prefix)]


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _drafts(root: Path) -> list[str]:
    return sorted(path.name for path in (root / ".tmp").iterdir())


@pytest.mark.parametrize("key", ["../x", "a/../../x", "..", ".", "a/.", "/etc/passwd", "a//b", "a/", "/", "a\0b", ""])
def test_key_is_refused_when_it_could_leave_the_folder(store: FolderStore, root: Path, key: str) -> None:
    (root.parent / "x").write_bytes(b"outside")
    for refused in (
        lambda: store.read(key),
        lambda: store.stat(key),
        lambda: store.write(key, b""),
        lambda: store.create(key, b""),
        lambda: store.delete([key]),
    ):
        with pytest.raises(StoreError):
            refused()
    assert (root.parent / "x").read_bytes() == b"outside"


@pytest.mark.parametrize("prefix", ["../", "a/../", "/", "a//"])
def test_prefix_is_refused_when_it_could_leave_the_folder(store: FolderStore, prefix: str) -> None:
    with pytest.raises(StoreError):
        list(store.list(prefix))
    with pytest.raises(StoreError):
        list(store.list_folders(prefix))


@pytest.mark.parametrize("target", ["outside", "inside"])
def test_links_are_neither_followed_nor_listed_when_they_lie_in_the_folder(
    store: FolderStore, root: Path, target: str
) -> None:
    store.write("inside/secret", b"in")
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"out")
    aim = outside if target == "outside" else root / "inside"
    (root / "folder").symlink_to(aim)
    (root / "file").symlink_to(aim / "secret")
    (root / "dangling").symlink_to(root.parent / "nothing")

    for key in ("file", "folder/secret", "dangling"):
        for refused in (lambda key=key: store.read(key), lambda key=key: store.stat(key)):
            with pytest.raises(StoreError, match="symbolic link"):
                refused()
    for refused in (lambda: store.write("folder/new", b""), lambda: store.delete(["folder/secret"])):
        with pytest.raises(StoreError, match="symbolic link"):
            refused()
    with pytest.raises(StoreError, match="symbolic link"):
        store.create("file", b"x")
    assert _keys(store) == ["inside/secret"]
    assert list(store.list_folders()) == ["inside"]
    with pytest.raises(StoreError, match="symbolic link"):
        list(store.list("folder/"))
    store.write("file", b"new")
    assert (outside / "secret").read_bytes() == b"out"
    assert store.read("inside/secret").data == b"in"


def test_the_root_itself_may_be_a_link_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")

    store = FolderStore(str(tmp_path / "link"))
    store.write("a", b"x")
    assert (tmp_path / "disk/a").read_bytes() == b"x"
    assert store.url == f"file://{tmp_path}/disk"


def test_drafts_are_never_seen_when_they_are_under_way_or_left(store: FolderStore, root: Path) -> None:
    store.write("a/b", b"x")
    (root / ".tmp").mkdir(exist_ok=True)
    (root / ".tmp/left").write_bytes(b"half")

    assert _keys(store) == ["a/b"]
    assert _keys(store, ".t") == []
    assert list(store.list_folders()) == ["a"]
    for refused in (lambda: store.read(".tmp/left"), lambda: store.write(".tmp/x", b""), lambda: store.stat(".tmp")):
        with pytest.raises(StoreError, match="keeps for itself"):
            refused()
    assert store.write("a/.tmp", b"an ordinary name further down")


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (errno.ENOSPC, StoreUnavailable, "disk is full"),
        (errno.EDQUOT, StoreUnavailable, "disk is full"),
        (errno.EIO, StoreUnavailable, "look at the disk"),
        (errno.EACCES, StoreError, "give the user"),
        (errno.EROFS, StoreError, "give the user"),
        (errno.EFBIG, StoreError, "too large"),
    ],
)
def test_old_content_stays_and_no_draft_is_left_when_a_write_fails(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception], says: str
) -> None:
    store.write("a", b"old")

    def fail(fd: int, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(drafts.os, "write", fail)
        for failing in (lambda: store.write("a", b"new"), lambda: store.create("b", b"new")):
            with pytest.raises(error, match=says) as caught:
                failing()
            assert "\n" not in str(caught.value)
    assert store.read("a").data == b"old"
    assert _keys(store) == ["a"]
    assert _drafts(root) == []


def test_no_draft_is_left_when_a_create_comes_second(store: FolderStore, root: Path) -> None:
    assert store.create("a", b"1")
    assert not store.create("a", b"2")
    assert _drafts(root) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_one_of_many_creates_when_the_file_system_has_no_links(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(drafts.os, "link", refuse)
    together = threading.Barrier(16)

    def call(turn: int) -> bool:
        together.wait()
        return FolderStore(str(root)).create("a/b", b"%d" % turn)

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(call, range(16)))
    assert sum(told) == 1
    assert FolderStore(str(root)).read("a/b").data == b"%d" % told.index(True)
    assert _drafts(root) == ["create.lock"]


def test_create_is_on_the_disk_when_it_returns(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    real = os.fsync

    def note(fd: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(fd).st_mode))
        real(fd)

    monkeypatch.setattr(os, "fsync", note)
    store.create("a/b", b"x")
    assert synced == [False, True]


def test_empty_folders_go_when_their_last_object_is_deleted(store: FolderStore, root: Path) -> None:
    store.write("a/b/c/1", b"")
    store.write("a/2", b"")
    store.delete(["a/b/c/1"])
    assert not (root / "a/b").exists()
    store.delete(["a/2"])
    assert {path.name for path in root.iterdir()} <= {".tmp"}
    store.check()


def test_folders_without_objects_are_not_named_when_listed(store: FolderStore, root: Path) -> None:
    (root / "empty/below").mkdir(parents=True)
    store.write("full/below/a", b"")

    assert list(store.list_folders()) == ["full"]
    store.delete(["empty"])
    assert (root / "empty/below").is_dir()


def test_writes_succeed_when_deletes_prune_the_same_folders(store: FolderStore) -> None:
    stop = threading.Event()

    def prune() -> None:
        while not stop.is_set():
            store.write("a/b/other", b"")
            store.delete(["a/b/other"])

    def work(number: int) -> None:
        for _ in range(100):
            key = f"a/b/{number}"
            store.write(key, b"x")
            store.delete([key])
            if not store.create(key, b"y"):
                raise RuntimeError("another's object")
            store.delete([key])

    pruner = threading.Thread(target=prune)
    pruner.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
    finally:
        stop.set()
        pruner.join()
    assert _keys(store) == []


def test_names_that_are_not_utf8_are_left_out_when_listed(
    store: FolderStore, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.write("a/good", b"")
    (root / "a" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    (root / os.fsdecode(b"\xff\xfe")).mkdir()

    with caplog.at_level(logging.WARNING):
        assert _keys(store) == ["a/good"]
        assert list(store.list_folders()) == ["a"]
    assert "not UTF-8" in caplog.text
    assert "caf" in caplog.text


def test_special_files_are_no_objects_when_they_lie_in_the_folder(store: FolderStore, root: Path) -> None:
    store.write("a", b"")
    os.mkfifo(root / "pipe")

    assert _keys(store) == ["a"]
    assert store.stat("pipe") is None
    with pytest.raises(ObjectMissing):
        store.read("pipe")


def test_error_says_why_when_a_name_would_be_both_object_and_folder(store: FolderStore) -> None:
    store.write("a", b"")
    store.write("b/c", b"")

    for clash in (
        lambda: store.write("a/b", b""),
        lambda: store.create("a/b", b""),
        lambda: store.write("b", b""),
        lambda: store.create("b", b""),
    ):
        with pytest.raises(StoreError, match="folder"):
            clash()
    with pytest.raises(StoreError, match="255"):
        store.write("n" * 256, b"")
    assert _keys(store) == ["a", "b/c"]
    assert _keys(store, "a/") == []


def test_file_is_read_whole_or_not_at_all_when_it_is_edited_meanwhile(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("a", b"old old")
    real, edits = tree.read_up_to, [b"new", b"new new new"]

    def edit_while_reading(fd: int, limit: int) -> bytes:
        data = real(fd, limit)
        if edits:
            (root / "a").write_bytes(edits.pop())
        return data

    monkeypatch.setattr(tree, "read_up_to", edit_while_reading)
    blob = store.read("a")
    assert blob.data == b"new"
    found = store.stat("a")
    assert found is not None
    assert blob.tag == found.tag


def test_tag_changes_when_the_clock_stands_still(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts.time, "time_ns", lambda: 1_000)
    assert len({store.write("a", bytes([n])) for n in range(10)}) == 10


def test_check_passes_and_makes_nothing_when_the_folder_can_be_made(store: FolderStore, root: Path) -> None:
    store.check()
    assert _keys(store) == []
    assert list(store.list_folders()) == []
    assert store.stat("a") is None
    assert not root.exists()


def test_check_names_the_path_when_the_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(StoreError, match=str(path)):
            FolderStore(str(path)).check()
        with pytest.raises(StoreError, match=str(path)):
            FolderStore(str(path)).write("a", b"")
    with pytest.raises(StoreError, match="/proc/none"):
        FolderStore("/proc/none/such").write("a", b"")


def test_everything_is_refused_when_a_folder_must_exist_and_does_not(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "source"), create_root=False)

    for refused in (
        store.check,
        lambda: list(store.list()),
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: store.write("a", b""),
        lambda: store.create("a", b""),
    ):
        with pytest.raises(StoreError, match="no such folder"):
            refused()
    assert not (tmp_path / "source").exists()


def test_a_listing_ends_well_when_it_is_dropped_or_overtaken(store: FolderStore) -> None:
    for number in range(10):
        store.write(f"{number}/a", b"")
    before = _open_files()
    listing = store.list()
    assert next(listing).key == "0/a"
    store.delete(f"{number}/a" for number in range(3, 10))
    assert [found.key for found in listing] == ["1/a", "2/a"]
    dropped = store.list()
    next(dropped)
    del dropped
    assert _open_files() == before


_SEGMENT = st.text(st.sampled_from("ab!-./0é~\U0001f697").filter(lambda c: c != "/"), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_SEGMENT, min_size=1, max_size=3), max_size=8), st.data())
def test_list_is_in_order_of_bytes_when_names_are_any(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]], data: st.DataObject
) -> None:
    store = FolderStore(str(tmp_path_factory.mktemp("any")))
    held: set[str] = set()
    for segments in parts:
        key = "/".join(segments)
        clash = any(other.startswith(f"{key}/") or key.startswith(f"{other}/") for other in held)
        if not clash and not {".", ".."} & set(segments):
            store.write(key, b"")
            held.add(key)
    assert _keys(store) == sorted(held, key=str.encode)
    if held:
        key = data.draw(st.sampled_from(sorted(held)))
        prefix = key[: data.draw(st.integers(0, len(key)))]
        if "/" not in prefix or not {"", ".", ".."} & set(prefix.rpartition("/")[0].split("/")):
            assert _keys(store, prefix) == sorted((k for k in held if k.startswith(prefix)), key=str.encode)
