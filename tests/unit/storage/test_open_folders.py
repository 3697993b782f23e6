"""Folders that are kept open for a moment: closed in time, and looked for anew where they prove to be gone."""

from __future__ import annotations

import errno
import gc
import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from vae_core.errors import StoreError
from vae_core.storage import drafts, open_folders
from vae_core.storage.folder import FolderStore
from vae_core.storage.open_folders import OpenFolders


def open_descriptors() -> int:
    gc.collect()
    return psutil.Process().num_fds()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is, in seconds."""
    now = [100.0]
    monkeypatch.setattr(open_folders.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.usefixtures("clock")
def test_folder_is_made_and_opened_once_when_it_is_asked_for_soon_again(tmp_path: Path) -> None:
    folders = OpenFolders(str(tmp_path), "file:///x")
    first = folders.made([b"a", b"b"])
    assert (tmp_path / "a/b").is_dir()
    assert folders.made([b"a", b"b"]) is first
    assert os.fstat(first.fd).st_ino == (tmp_path / "a/b").stat().st_ino


def test_folder_is_opened_anew_when_it_was_opened_a_while_ago(tmp_path: Path, clock: list[float]) -> None:
    folders = OpenFolders(str(tmp_path), "file:///x")
    first = folders.made([b"a"])
    clock[0] += 0.25
    assert folders.made([b"a"]) is not first


def test_descriptors_are_closed_when_many_folders_were_written_to(tmp_path: Path) -> None:
    before = open_descriptors()
    store = FolderStore(str(tmp_path))
    for number in range(200):
        store.write(f"jobs/{number}/images/a.png", b"x")
    assert open_descriptors() <= before + 10
    del store
    assert open_descriptors() == before


def test_folder_stays_open_when_it_is_forgotten_in_use(tmp_path: Path) -> None:
    folders = OpenFolders(str(tmp_path), "file:///x")
    held = folders.made([b"a"])
    folders.forget()
    assert os.fstat(held.fd).st_ino == (tmp_path / "a").stat().st_ino


@pytest.mark.parametrize("gone", ["store", "store/.tmp", "store/jobs", "store/jobs/a"])
def test_object_is_written_when_a_folder_was_removed_a_moment_ago(tmp_path: Path, gone: str) -> None:
    store = FolderStore(str(tmp_path / "store"))
    store.write("jobs/a/1", b"one")
    store.write("jobs/a/1", b"one again")  # by a draft, as there is one
    shutil.rmtree(tmp_path / gone)
    for _ in range(2):  # as a new object, and by a draft
        store.write("jobs/a/1", b"two")
        assert (tmp_path / "store/jobs/a/1").read_bytes() == b"two"
    assert store.read("jobs/a/1").data == b"two"


def test_link_is_refused_when_it_took_the_place_of_a_folder(tmp_path: Path, clock: list[float]) -> None:
    store = FolderStore(str(tmp_path / "store"))
    store.write("jobs/a", b"one")
    outside = tmp_path / "outside"
    (tmp_path / "store/jobs").rename(outside)
    (tmp_path / "store/jobs").symlink_to(outside)
    clock[0] += 0.25
    with pytest.raises(StoreError, match="symbolic link"):
        store.write("jobs/b", b"two")
    assert sorted(path.name for path in outside.iterdir()) == ["a"]


def test_folder_is_made_anew_when_a_network_mount_says_that_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, refused = os.replace, []

    def stale_at_first(*args: Any, **named: Any) -> None:
        if not refused:
            refused.append(True)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        replace(*args, **named)

    monkeypatch.setattr(drafts.os, "replace", stale_at_first)
    store = FolderStore(str(tmp_path))
    store.write("a/b", b"one")
    store.write("a/b", b"two")
    assert refused == [True]
    assert store.read("a/b").data == b"two"
