"""An export in ONNX where there is no torch: by onnxruntime alone, and by our own reader of the folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.export.info import INFO_NAME
from vae_core.export.runtime import ExportedModel
from vae_core.model.engine import Engine

ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "vae_core", "onnx", "safetensors"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
import numpy, onnxruntime
folder = sys.argv[1]
given = dict(numpy.load(folder + "/given.npz"))
found = {}
for name in ("encode", "decode", "reconstruct"):
    session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx", providers=["CPUExecutionProvider"])
    for output, value in zip(session.get_outputs(), session.run(None, {session.get_inputs()[0].name: given[name]})):
        found[f"{name} {output.name}"] = value
prior = numpy.load(folder + "/prior.npz", allow_pickle=False)
numpy.savez(folder + "/found.npz", **found, **prior)
"""

RUNTIME_ALONE = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from vae_core.export.runtime import ExportedModel
model = ExportedModel.open(Path(sys.argv[1]))
print(model.decode(model.sample_latents(7, [5])).sum())
"""


@pytest.fixture
def copied(tiny_onnx: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_onnx, tmp_path / "copied")


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu", batch_size=8)


def child(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_numbers_are_the_checkpoints_when_onnxruntime_is_alone(copied: Path, engine: Engine) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    images = (pixels.transpose(0, 3, 1, 2) / 255.0).astype(np.float32)
    latents = engine.sample_latents(7, range(3))
    np.savez(copied / "given.npz", encode=images, decode=latents, reconstruct=images)
    outcome = child(ALONE, copied)
    assert outcome.returncode == 0, outcome.stderr
    found = np.load(copied / "found.npz")
    np.testing.assert_allclose(found["encode mean"], engine.encode(pixels), rtol=0, atol=1e-4)
    assert found["encode log_variance"].shape == (3, 8)
    for name, expected in (
        ("decode images", engine.decode(latents)),
        ("reconstruct reconstructions", engine.reconstruct(pixels)),
    ):
        grey = found[name].transpose(0, 2, 3, 1) * 255.0
        assert np.abs(grey - expected).max() < 0.6, name  # expected is rounded
    assert found["prior.factors"].shape == (1, 8, 8)


def test_latents_are_equal_and_images_alike_when_an_engine_has_the_same_checkpoint(
    tiny_onnx: Path, engine: Engine
) -> None:
    model = ExportedModel.open(tiny_onnx)
    assert (model.checkpoint_sha256, model.image_size, model.latent_dim) == (engine.checkpoint_sha256, 32, 8)
    latents = model.sample_latents(7, range(100, 108), 1.3)
    np.testing.assert_array_equal(latents, engine.sample_latents(7, range(100, 108), 1.3))
    pixels = engine.decode(latents)
    far = np.abs(pixels[0].astype(int) - pixels[1]).max()
    assert far > 2, "the images would be alike whatever was decoded"
    for found, expected in (
        (model.decode(latents), pixels),
        (model.reconstruct(pixels), engine.reconstruct(pixels)),
    ):
        distance = np.abs(found.astype(int) - expected)
        assert distance.max() <= 1
        assert (distance > 0).mean() < 0.01
    np.testing.assert_array_equal(model.decode(latents[3:4])[0], model.decode(latents)[3])


def test_runtime_works_when_torch_cannot_be_imported(tiny_onnx: Path) -> None:
    outcome = child(RUNTIME_ALONE, tiny_onnx)
    assert outcome.returncode == 0, outcome.stderr
    model = ExportedModel.open(tiny_onnx)
    assert int(outcome.stdout) == model.decode(model.sample_latents(7, [5])).sum()


@pytest.mark.parametrize("rows", [np.zeros((2, 7), np.float32), np.zeros((2, 8)), np.zeros((0, 8), np.float32)])
def test_latents_are_refused_when_of_another_shape_or_type(tiny_onnx: Path, rows: np.ndarray) -> None:
    with pytest.raises(InvalidValue, match="latents are"):
        ExportedModel.open(tiny_onnx).decode(rows)


@pytest.mark.parametrize("name", ["encode.onnx", "decode.onnx", "prior.npz"])
def test_file_is_named_when_it_is_damaged_or_missing(copied: Path, name: str) -> None:
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).write_bytes(data)
    with pytest.raises(BadCheckpoint, match=f"{name}: is not the file"):
        ExportedModel.open(copied)
    (copied / name).unlink()
    with pytest.raises(BadCheckpoint, match=f"{name}: cannot be read"):
        ExportedModel.open(copied)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "pt2"}, "is an export to pt2"),
        ({"format_version": "9"}, "has format version 9: 1 is allowed"),
        ({"functions": {}}, "has no function encode"),
        ({"config": {"image_size": 5}}, "is not valid: image_size 5 is out of range"),
        ({"prior_sha256": None}, "is not valid"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_folder_is_refused_when_its_description_is_off(copied: Path, changes: dict[str, object], told: str) -> None:
    content = json.loads((copied / INFO_NAME).read_text())
    (copied / INFO_NAME).write_text(json.dumps({**content, **changes}))
    with pytest.raises(BadCheckpoint, match=told):
        ExportedModel.open(copied)


def test_folder_is_refused_when_it_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"is no export: it has no export\.json"):
        ExportedModel.open(tmp_path)
