"""Folders that are kept open for a moment: closed in time, and looked for anew where they prove to be gone."""

from __future__ import annotations

import gc
import os
import shutil
import time
from pathlib import Path

import psutil
import pytest

from vae_core.errors import StoreError
from vae_core.storage.folder import FolderStore
from vae_core.storage.open_folders import OpenFolders


def open_descriptors() -> int:
    gc.collect()
    return psutil.Process().num_fds()


def test_folder_is_made_and_opened_once_when_it_is_asked_for_soon_again(tmp_path: Path) -> None:
    folders = OpenFolders(str(tmp_path), "file:///x")
    first = folders.made([b"a", b"b"])
    assert (tmp_path / "a/b").is_dir()
    assert folders.made([b"a", b"b"]) is first
    assert os.fstat(first.fd).st_ino == (tmp_path / "a/b").stat().st_ino


def test_folder_is_opened_anew_when_it_was_opened_a_while_ago(tmp_path: Path) -> None:
    folders = OpenFolders(str(tmp_path), "file:///x")
    first = folders.made([b"a"])
    time.sleep(0.25)
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
    store.write("jobs/a/2", b"two")
    assert (tmp_path / "store/jobs/a/2").read_bytes() == b"two"
    assert store.read("jobs/a/2").data == b"two"


def test_link_is_refused_when_it_took_the_place_of_a_folder(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    store.write("jobs/a", b"one")
    outside = tmp_path / "outside"
    (tmp_path / "store/jobs").rename(outside)
    (tmp_path / "store/jobs").symlink_to(outside)
    time.sleep(0.25)
    with pytest.raises(StoreError, match="symbolic link"):
        store.write("jobs/b", b"two")
    assert sorted(path.name for path in outside.iterdir()) == ["a"]
