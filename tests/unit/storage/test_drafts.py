"""Files under way: whole when they are in place, and gone with whoever made them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

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
