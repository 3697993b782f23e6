"""Files under way: whole when they are in place, and gone with whoever made them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vae_core.storage import drafts
from vae_core.storage.drafts import draft, sweep
from vae_core.storage.folder import FolderStore

# A process that dies between writing a draft and putting it in place.
_DIE = """
import os, signal, sys
from vae_core.storage import drafts
folder = os.open(sys.argv[1], os.O_RDONLY)
with drafts.draft(folder, b"left", sync=False):
    os.kill(os.getpid(), signal.SIGKILL)
"""

# One that dies while it writes an object for the first time.
_DIE_WRITING = """
import os, signal, sys
from vae_core.storage import drafts
from vae_core.storage.folder import FolderStore
drafts.os.utime = lambda *args, **named: os.kill(os.getpid(), signal.SIGKILL)
FolderStore(sys.argv[1]).write("a/b", b"half")
"""


def age(path: Path, seconds: float) -> None:
    status = path.stat()
    os.utime(path, (status.st_atime - seconds, status.st_mtime - seconds))


def left_by_a_killed_process(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    killed = subprocess.run([sys.executable, "-c", _DIE, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    [left] = folder.iterdir()
    return left


def swept(folder: Path) -> list[str]:
    """Names that are left after a sweep."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        sweep(fd)
    finally:
        os.close(fd)
    return sorted(path.name for path in folder.iterdir())


def test_draft_is_swept_when_its_process_was_killed(tmp_path: Path) -> None:
    age(left_by_a_killed_process(tmp_path / "drafts"), 60)
    assert swept(tmp_path / "drafts") == []


def test_draft_stays_when_it_was_made_a_moment_ago(tmp_path: Path) -> None:
    left = left_by_a_killed_process(tmp_path / "drafts")
    assert swept(tmp_path / "drafts") == [left.name]


def test_draft_stays_when_its_process_lives(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with draft(folder, b"under way", sync=False) as ready:
            age(tmp_path / ready.name.decode(), 3600)
            assert swept(tmp_path) == [ready.name.decode()]
    finally:
        os.close(folder)


def test_nothing_is_left_when_a_process_is_killed_in_a_first_write(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    knows_nameless_files = drafts.put_new(b"", b"probe", folder) is not None
    os.close(folder)
    if not knows_nameless_files:
        pytest.skip("this file system knows no files without a name")
    (tmp_path / "probe").unlink()
    killed = subprocess.run([sys.executable, "-c", _DIE_WRITING, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT])
@pytest.mark.parametrize("call", ["open", "link"])
def test_object_is_written_by_a_draft_when_no_file_can_be_without_a_name(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: dict[str, Callable[..., int | None]] = {"open": os.open, "link": os.link}

    def refuse(name: bytes | str, *args: object, **named: object) -> int | None:
        if name == b"." or str(name).startswith("/proc/"):
            raise OSError(number, os.strerror(number))
        return real[call](name, *args, **named)

    monkeypatch.setattr(drafts.os, call, refuse)
    store = FolderStore(str(tmp_path))
    tags = [store.write("a/b", b"one"), store.write("a/b", b"two")]
    assert len(set(tags)) == 2
    assert store.read("a/b") == (b"two", tags[1])
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_object_is_written_by_a_draft_when_the_system_knows_no_files_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "_NAMELESS", None)
    store = FolderStore(str(tmp_path))
    tag = store.write("a/b", b"one")
    assert store.stat("a/b") == ("a/b", 3, tag)
    assert (tmp_path / ".tmp").is_dir()


def test_one_of_them_stays_whole_when_many_write_the_same_object(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    contents = [bytes([number]) * 100_000 for number in range(8)]
    for turn in range(20):
        with ThreadPoolExecutor(8) as pool:
            tags = list(pool.map(lambda data, turn=turn: store.write(f"a/{turn}", data), contents))
        blob = store.read(f"a/{turn}")
        assert blob.data in contents
        assert blob.tag in tags
    assert list(tmp_path.glob(".tmp/*")) == []


def test_object_stays_when_it_was_put_in_place(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    store.write("a", b"1")
    store.create("b", b"2")
    store.tidy()
    assert [found.key for found in store.list()] == ["a", "b"]
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_store_is_tidied_when_a_killed_process_left_something(tmp_path: Path) -> None:
    age(left_by_a_killed_process(tmp_path / ".tmp"), 60)
    store = FolderStore(str(tmp_path))
    store.tidy()
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_nothing_is_made_when_a_store_that_is_not_there_is_tidied(tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "none")).tidy()
    assert not (tmp_path / "none").exists()
