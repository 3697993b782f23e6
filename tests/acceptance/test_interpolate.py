"""Interpolations with real processes: their ends, their bytes, and what people look at."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from producer.request import make_job
from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet, wait_for
from tests.pictures import write_bad_pictures, write_cars
from vae_core.jobs.spec import InterpolateSpec
from vae_core.submission import submit

_DOCUMENTS = ("manifest.jsonl", "errors.jsonl", "grid.png", "animation.webp", "animation.gif")


def _frames(fleet: Fleet, job_id: str) -> np.ndarray:
    """All frames in order, (F, S, S, 3)."""
    found = []
    for line in fleet.manifest(job_id):
        with Image.open(io.BytesIO(fleet.read(job_id, line["key"]))) as image:
            found.append(np.asarray(image, dtype=np.float64))
    return np.stack(found)


def _film(fleet: Fleet, job_id: str, name: str) -> tuple[int, int]:
    """Frames of the animation, and whether it begins again (0) when it has ended."""
    with Image.open(io.BytesIO(fleet.read(job_id, name))) as film:
        return getattr(film, "n_frames", 1), film.info.get("loop", -1)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_cars(tmp_path / "pictures", 2)
    write_bad_pictures(tmp_path / "pictures")
    return tmp_path / "pictures"


@pytest.mark.timeout(500)
def test_walks_begin_and_end_at_their_points(make_fleet: MakeFleet, pictures: Path) -> None:
    fleet = make_fleet()
    fleet.start_worker()
    ends = (str(pictures / "car-000.png"), str(pictures / "car-001.png"), "seed:7/3")
    fleet.vaejob("reconstruct", str(pictures), "--pattern", "*car-*", "--job-id", "ends", "--watch")
    fleet.vaejob("sample", "--indices", "3", "--seed", "7", "--job-id", "drawn", "--watch")
    fleet.vaejob("interpolate", *ends, "--steps", "5", "--part-size", "4", "--job-id", "path", "--watch")
    lines = fleet.manifest("path")
    assert [line["index"] for line in lines] == list(range(9))
    at_points = [lines[position]["sha256"] for position in (0, 4, 8)]
    assert at_points == [line["sha256"] for line in (*fleet.manifest("ends"), *fleet.manifest("drawn"))]
    assert [line.get("source") for line in lines[:5]] == [f"file://{ends[0]}", None, None, None, f"file://{ends[1]}"]
    assert [lines[position]["psnr"] for position in (0, 4)] == [line["psnr"] for line in fleet.manifest("ends")]
    assert len({line["sha256"] for line in lines}) == 9
    assert [_film(fleet, "path", name) for name in ("animation.webp", "animation.gif")] == [(16, 0), (16, 0)]

    fleet.vaejob("interpolate", *ends, "--steps", "5", "--part-size", "100", "--job-id", "again", "--watch")
    for name in _DOCUMENTS:
        assert fleet.read("again", name) == fleet.read("path", name), name
    fleet.vaejob("fetch", "path", "--to", str(fleet.folder / "fetched"))
    assert (fleet.folder / "fetched" / "animation.webp").read_bytes() == fleet.read("path", "animation.webp")

    fleet.vaejob("interpolate", *ends, "--steps", "7", "--loop", "--save-latents", "--job-id", "loop", "--watch")
    latents = np.load(io.BytesIO(fleet.read("loop", "latents/00000.npy")), allow_pickle=False)
    steps = np.linalg.norm(np.diff(latents, axis=0, append=latents[:1]), axis=1).reshape(3, 6)
    np.testing.assert_allclose(steps, steps[:, :1] * np.ones(6), rtol=1e-3)  # even within each leg, the last one too
    frames = _frames(fleet, "loop")
    changes = np.sqrt(np.square(np.diff(frames, axis=0, append=frames[:1])).mean(axis=(1, 2, 3)))
    assert changes[-1] <= 1.1 * changes[:-1].max()

    bad = str(pictures / "truncated.png")
    fleet.vaejob("interpolate", ends[0], ends[1], bad, "--steps", "4", "--job-id", "bad", "--watch", expect=3)
    assert [line["index"] for line in fleet.manifest("bad")] == [0, 1, 2, 3]
    for job_id in ("path", "loop", "bad"):
        fleet.vaejob("verify", job_id)
    errors = fleet.lines("bad", "errors.jsonl")
    assert [(line["index"], line["code"], line["source"]) for line in errors] == [
        (position, "undecodable", f"file://{bad}") for position in (4, 5, 6)
    ]
    fleet.verify_all()


@pytest.mark.timeout(400)
def test_pairs_and_grids_are_rows_of_generated_images(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.start_worker()
    fleet.vaejob("sample", "--n", "6", "--seed", "5", "--job-id", "drawn", "--watch")
    drawn = [line["sha256"] for line in fleet.manifest("drawn")]

    fleet.vaejob("interpolate", "--pairs", "3", "--seed", "5", "--steps", "4", "--job-id", "pairs", "--watch")
    made = [line["sha256"] for line in fleet.manifest("pairs")]
    assert len(made) == 12
    assert [made[row + end] for row in (0, 4, 8) for end in (0, 3)] == drawn
    assert _film(fleet, "pairs", "animation.webp") == (18, 0)

    corners = [f"seed:5/{index}" for index in range(4)]
    grid = ("--corners", "--rows", "3", "--cols", "5", "--format", "webp", "--fps", "30")
    fleet.vaejob("interpolate", *corners, *grid, "--job-id", "grid", "--watch")
    fleet.vaejob("sample", "--n", "4", "--seed", "5", "--format", "webp", "--job-id", "corners", "--watch")
    made = [line["sha256"] for line in fleet.manifest("grid")]
    assert [made[position] for position in (0, 4, 10, 14)] == [line["sha256"] for line in fleet.manifest("corners")]
    with Image.open(io.BytesIO(fleet.read("grid", "grid.png"))) as sheet:
        assert sheet.height > 3 * 32
    fleet.verify_all()


def test_frames_at_a_point_that_is_gone_are_listed_and_the_others_are_made(fleet: Fleet, pictures: Path) -> None:
    gone = str(pictures / "car-001.png")
    walk = ("interpolate", str(pictures / "car-000.png"), "seed:7/3", gone, "--steps", "3", "--job-id", "gone")
    control = fleet.start_worker("control")
    fleet.vaejob(*walk)
    wait_for("a plan", lambda: fleet.store.stat("jobs/gone/plan.json"))
    Path(gone).unlink()
    assert control.process.poll() is None
    fleet.start_worker("parts")
    fleet.vaejob("watch", "gone", expect=3)
    assert [line["index"] for line in fleet.manifest("gone")] == [0, 1, 2]
    errors = fleet.lines("gone", "errors.jsonl")
    assert [(line["index"], line["code"]) for line in errors] == [(3, "object_missing"), (4, "object_missing")]
    fleet.vaejob("verify", "gone")


def test_job_fails_with_the_reason_when_a_point_cannot_be_looked_at(fleet: Fleet, pictures: Path) -> None:
    fleet.start_worker()
    (pictures / "circle.png").symlink_to(pictures / "circle.png")
    long = f"file:///{'x' * 300}.png"
    assert "does not exist" in fleet.vaejob("interpolate", "seed:7/1", long, expect=2).stderr
    spec = InterpolateSpec(points=("seed:7/1", f"file://{pictures}/circle.png"))
    job = make_job(lambda _seed: spec, "circle", datetime.now(UTC))
    submit(fleet.store, job)
    fleet.vaejob("watch", "circle", expect=1)
    end = json.loads(fleet.read("circle", "end.json"))
    assert end["state"] == "failed"
    assert "cannot be looked at" in end["failure"]["message"]


def test_walk_is_refused_in_one_line_when_a_point_is_none(fleet: Fleet) -> None:
    refused = {
        ("seed:7/1",): "1 points are given: 2 to 64 are walked between",
        ("seed:7/1", "nowhere.png"): "source 'nowhere.png' is neither an address nor a path that exists",
        ("seed:7/1", str(fleet.folder)): "is a folder: the address of one image is expected",
        ("seed:7/1", "seed:x"): "point 'seed:x' is not understood: seed:7/12, image 12 of seed 7",
        ("seed:7/1", "s3://other/a.png"): "source s3://other/a.png is not allowed",
        ("--pairs", "2", "--corners"): "--pairs and --corners exclude each other",
        ("seed:7/1", "seed:7/2", "--rows", "3"): "--rows and --cols are the sides of a grid",
        ("seed:7/1", "seed:7/2", "--seed", "3"): "--seed draws the points of --pairs",
    }
    for arguments, said in refused.items():
        error = fleet.vaejob("interpolate", *arguments, expect=2).stderr
        assert said in error
        assert len(error.splitlines()) == 1
