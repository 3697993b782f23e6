"""What samples and reconstructions can be asked for beside their number, with real processes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.acceptance.conftest import MakeFleet
from tests.checkpoints import TINY, write_tiny_checkpoint
from tests.fleet import Fleet
from tests.pictures import write_cars
from vae_core.model.engine import Engine
from vae_core.model.prior import Prior

_PRIOR = Prior(
    weights=np.array([0.5, 0.5]),
    means=np.array([[1.0] * TINY.latent_dim, [-1.0] * TINY.latent_dim]),
    factors=np.stack([0.5 * np.eye(TINY.latent_dim)] * 2),
)


def _latents(fleet: Fleet, job_id: str, parts: int) -> np.ndarray:
    """Of all parts of the job, (items, Z)."""
    files = (fleet.read(job_id, f"latents/{part:05d}.npy") for part in range(parts))
    return np.concatenate([np.load(io.BytesIO(data), allow_pickle=False) for data in files])


def _pixels(fleet: Fleet, job_id: str, key: str) -> np.ndarray:
    with Image.open(io.BytesIO(fleet.read(job_id, key))) as image:
        return np.array(image)


@pytest.mark.timeout(400)
def test_samples_are_as_they_were_asked_for(make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(VAEJOB_CHECKPOINT=str(tmp_path / "mixture.safetensors"))
    write_tiny_checkpoint(tmp_path / "mixture.safetensors", prior=_PRIOR)
    fleet.start_worker()
    fleet.vaejob("sample", "--n", "50", "--seed", "7", "--part-size", "16", "--job-id", "all", "--watch")
    whole = {line["index"]: line["sha256"] for line in fleet.manifest("all")}

    chosen = ("--indices", "48-49,3,40-41", "--seed", "7", "--part-size", "2", "--save-latents")
    fleet.vaejob("sample", *chosen, "--job-id", "some", "--watch")
    lines = fleet.manifest("some")
    assert {line["index"]: line["sha256"] for line in lines} == {index: whole[index] for index in (3, 40, 41, 48, 49)}
    assert lines[0]["key"] == "images/00000003.png"
    with Image.open(io.BytesIO(fleet.read("some", "grid.png"))) as grid:
        assert grid.width > 5 * 32

    latents = _latents(fleet, "some", 3)
    engine = Engine.load(fleet.settings.checkpoint_path, device="cpu")
    assert np.array_equal(engine.decode(latents), [_pixels(fleet, "some", line["key"]) for line in lines])

    fleet.vaejob("verify", "some")
    fleet.vaejob("sample", "--n", "4", "--seed", "7", "--prior", "normal", "--job-id", "plain", "--watch")
    assert not {line["sha256"] for line in fleet.manifest("plain")} & set(whole.values())

    sizes = []
    for quality in ("20", "95"):
        asked = ("--n", "4", "--seed", "7", "--format", "webp", "--quality", quality, "--job-id", f"q{quality}")
        fleet.vaejob("sample", *asked, "--watch")
        sizes.append(sum(line["size_bytes"] for line in fleet.manifest(f"q{quality}")))
    assert sizes[0] < sizes[1]
    fleet.verify_all()


def _reconstructed(fleet: Fleet, job_id: str, *options: str) -> list[dict[str, Any]]:
    pictures = fleet.folder / "pictures"
    fleet.vaejob("reconstruct", str(pictures), "--part-size", "3", "--job-id", job_id, *options, "--watch")
    return fleet.manifest(job_id)


@pytest.mark.timeout(400)
def test_reconstructions_are_as_they_were_asked_for(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    write_cars(fleet.folder / "pictures", 8)
    fleet.start_worker()
    clean = _reconstructed(fleet, "clean", "--save-latents")
    assert _latents(fleet, "clean", 3).shape == (8, 8)
    assert all(isinstance(line["outlier"], float) and "noisy_psnr" not in line for line in clean)

    few = _reconstructed(fleet, "few", "--limit", "5")
    assert few == clean[:5]

    fleet.vaejob("verify", "clean")
    noisy = _reconstructed(fleet, "noisy", "--noise", "0.1")
    assert all(19.0 < line["noisy_psnr"] < 24.0 for line in noisy)
    assert not {line["sha256"] for line in noisy} & {line["sha256"] for line in clean}
    seen = (_pixels(fleet, job_id, "sheets/inputs/00000000.png") for job_id in ("clean", "noisy"))
    difference = np.subtract(*(pixels.astype(np.float64) for pixels in seen))
    assert 8.0 < difference.std() < 30.0
    assert _reconstructed(fleet, "again", "--noise", "0.1", "--part-size", "8") == noisy
    fleet.verify_all()
