"""Bringing results home: verified, resumed, and kept inside the folder."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.jobs.codec import to_lines
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.records import ItemDone, ItemError
from vae_core.storage.base import Store

FAULT = ItemError(index=0, code="not_an_image", message="no picture")


def test_results_are_fetched_when_the_job_has_ended(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    work.whole_job(store, "cars")
    outcome = vaejob("fetch", "cars")
    assert outcome.code == 0
    files = sorted(path.relative_to(tmp_path / "cars").as_posix() for path in (tmp_path / "cars").rglob("*.*"))
    images = [f"images/{index:08d}.png" for index in range(10)]
    sheets = [f"sheets/{part:05d}.jpg" for part in range(3)]
    assert files == sorted([*images, *sheets, "manifest.jsonl", "errors.jsonl", "index.html"])
    assert (tmp_path / "cars/images/00000003.png").read_bytes() == b"image 3"


def test_only_what_differs_is_fetched_when_files_are_there(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    work.whole_job(store, "cars", errors=(FAULT,))
    vaejob("fetch", "cars", "--to", "out")
    (tmp_path / "out/images/00000003.png").write_bytes(b"IMAGE 3")
    (tmp_path / "out/images/00000004.png").unlink()
    outside = tmp_path / "outside"
    outside.write_bytes(b"image 5")
    (tmp_path / "out/images/00000005.png").unlink()
    (tmp_path / "out/images/00000005.png").symlink_to(outside)
    outcome = vaejob("fetch", "cars", "--to", "out", "--json")
    assert outcome.code == 3
    assert outcome.json["files"]["kept"] == 6 + 3 + 3  # images, sheets, documents
    assert (tmp_path / "out/images/00000003.png").read_bytes() == b"image 3"
    assert not (tmp_path / "out/images/00000005.png").is_symlink()
    assert not list((tmp_path / "out").rglob(".vaejob-*"))


def test_fetch_fails_and_names_the_file_when_it_does_not_match(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    work.whole_job(store, "cars")
    store.write("jobs/cars/images/00000003.png", b"IMAGE 3")
    store.write("jobs/cars/images/00000004.png", b"much longer than it was")
    store.delete(["jobs/cars/images/00000005.png"])
    outcome = vaejob("fetch", "cars", "--to", "out")
    assert outcome.code == 1
    assert "images/00000003.png does not match its SHA-256, and 2 more" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "out/images/00000003.png").exists()
    assert (tmp_path / "out/images/00000009.png").exists()


def test_committed_parts_are_fetched_when_the_job_still_runs(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    job = work.accept(store, work.make_job("half"))
    work.commit(store, job, work.plan(store, job), 1)
    outcome = vaejob("fetch", "half")
    assert outcome.code == 0
    assert "job half is running: fetched what is committed so far" in outcome.err
    assert len(list((tmp_path / "half/images").iterdir())) == 4


@pytest.mark.parametrize("name", ["../up.png", "/abs.png", "images/../../up.png", "a\\b", ""])
def test_nothing_is_written_outside_when_a_manifest_names_such_a_file(
    name: str, vaejob: Vaejob, store: Store, tmp_path: Path
) -> None:
    work.whole_job(store, "cars")
    evil = ItemDone(index=0, key=name, sha256="0" * 64, size_bytes=1)
    work.replace_manifest(store, "cars", to_lines([evil]))
    outcome = vaejob("fetch", "cars", "--to", "deep/out")
    assert outcome.code == 1
    assert "is not allowed" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == [path.name for path in (tmp_path / "home", tmp_path / "deep")]


def test_fetch_is_refused_when_a_folder_is_a_link_out(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    work.whole_job(store, "cars")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/images").symlink_to(tmp_path / "elsewhere")
    outcome = vaejob("fetch", "cars", "--to", "out")
    assert outcome.code == 1
    assert "leads out of" in outcome.err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_fetch_is_refused_when_the_folder_is_a_file(vaejob: Vaejob, store: Store, tmp_path: Path) -> None:
    work.whole_job(store, "cars")
    (tmp_path / "out").write_bytes(b"")
    outcome = vaejob("fetch", "cars", "--to", "out")
    assert outcome.code == 2
    assert "is not a folder" in outcome.err


@pytest.mark.parametrize("data", [b"", b"rot", None])
def test_fetch_fails_when_a_document_is_not_the_one_that_the_job_ended_with(
    vaejob: Vaejob, store: Store, data: bytes | None
) -> None:
    for name in ("manifest.jsonl", "index.html"):
        job_id = f"job-{name}"
        work.whole_job(store, job_id)
        key = JobKeys(job_id).root + name
        if data is None:
            store.delete([key])
        else:
            store.write(key, data)
        outcome = vaejob("fetch", job_id)
        assert outcome.code == 1
        assert name in outcome.err


def test_fetch_fails_in_one_line_when_the_manifest_is_damaged(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    work.replace_manifest(store, "cars", msgspec.json.encode({"index": "x"}) + b"\n")
    outcome = vaejob("fetch", "cars")
    assert outcome.code == 1
    assert "line 1, is not valid" in outcome.err
    assert len(outcome.err.splitlines()) == 1
