"""Which objects of a source are inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_core.errors import SourceNotAllowed, StoreError
from vae_core.inputs import list_inputs, open_inputs
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import Settings, read_settings


def settings_for(folder: Path, **more: str) -> Settings:
    return read_settings({"VAEJOB_HOME": str(folder / "home"), **more})


def keys(spec: ReconstructSpec, settings: Settings) -> list[str]:
    return [found.key for found in list_inputs(spec, settings, open_inputs(spec, settings))]


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_all_files_below_are_listed_in_order_when_the_source_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "in", "b.png", "a/z.jpg", "a.txt")
    spec = ReconstructSpec(source=f"file://{tmp_path}/in")
    assert keys(spec, settings_for(tmp_path)) == ["a.txt", "a/z.jpg", "b.png"]


def test_only_that_file_is_listed_when_the_source_is_a_file(tmp_path: Path) -> None:
    write(tmp_path / "in", "car.png", "car.png.bak", "car.pngx")
    spec = ReconstructSpec(source=f"file://{tmp_path}/in/car.png")
    assert keys(spec, settings_for(tmp_path)) == ["car.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*.png", ["a/d.png", "b.png"]), ("a/*", ["a/c.jpg", "a/d.png"]), ("?.png", ["b.png"]), ("*.gif", [])],
)
def test_only_matching_keys_are_listed_when_there_is_a_pattern(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    write(tmp_path / "in", "a/c.jpg", "a/d.png", "b.png")
    spec = ReconstructSpec(source=f"file://{tmp_path}/in", pattern=pattern)
    assert keys(spec, settings_for(tmp_path)) == expected


def test_names_mean_themselves_when_they_hold_percent_and_hash(tmp_path: Path) -> None:
    write(tmp_path / "100%25 #1?", "a b.png")
    spec = ReconstructSpec(source=f"file://{tmp_path}/100%25 #1?")
    assert keys(spec, settings_for(tmp_path)) == ["a b.png"]


def test_what_jobs_write_is_left_out_when_the_source_holds_the_store(tmp_path: Path) -> None:
    write(tmp_path, "in/b.png", "in/store/jobs/j/images/0.png", "in/store/open/j", "in/store/mine.png")
    settings = settings_for(tmp_path, VAEJOB_STORE=f"{tmp_path}/in/store")
    spec = ReconstructSpec(source=f"file://{tmp_path}/in")
    assert keys(spec, settings) == ["b.png", "store/mine.png"]


def test_outputs_of_a_job_are_listed_when_the_source_names_them(tmp_path: Path) -> None:
    write(tmp_path, "store/jobs/j/images/0.png", "store/jobs/j/job.json")
    settings = settings_for(tmp_path, VAEJOB_STORE=f"{tmp_path}/store")
    spec = ReconstructSpec(source=f"file://{tmp_path}/store/jobs/j/images")
    assert keys(spec, settings) == ["0.png"]


def test_source_is_refused_when_it_is_not_below_an_allowed_one(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, VAEJOB_SOURCES=f"{tmp_path}/allowed s3://cars/in/")
    write(tmp_path, "allowed/a.png", "allowed-not/a.png")
    assert keys(ReconstructSpec(source=f"file://{tmp_path}/allowed"), settings) == ["a.png"]
    for source in (f"file://{tmp_path}/allowed-not", f"file://{tmp_path}", "s3://cars/other", "s3://other/in/"):
        with pytest.raises(SourceNotAllowed, match="VAEJOB_SOURCES"):
            open_inputs(ReconstructSpec(source=source), settings)


def test_source_is_refused_when_a_link_leads_out_of_what_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, "secret/a.png", "allowed/in/b.png")
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "way").symlink_to(tmp_path / "allowed")
    settings = settings_for(tmp_path, VAEJOB_SOURCES=f"{tmp_path}/way {tmp_path}/allowed")
    assert keys(ReconstructSpec(source=f"file://{tmp_path}/way/in"), settings) == ["b.png"]
    with pytest.raises(SourceNotAllowed):
        open_inputs(ReconstructSpec(source=f"file://{tmp_path}/allowed/out"), settings)


def test_source_is_refused_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        keys(ReconstructSpec(source=f"file://{tmp_path}/nowhere"), settings_for(tmp_path))


def test_files_outside_are_not_read_when_a_link_in_the_source_points_there(tmp_path: Path) -> None:
    write(tmp_path, "secret.png", "in/a.png")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "secret.png")
    spec = ReconstructSpec(source=f"file://{tmp_path}/in")
    assert keys(spec, settings_for(tmp_path)) == ["a.png"]
