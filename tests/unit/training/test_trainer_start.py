"""A training that goes on from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vae_core import cli
from vae_core.errors import InvalidValue
from vae_core.model.checkpoint import read_info
from vae_core.model.config import ModelConfig
from vae_core.model.weights import load_checkpoint, load_network
from vae_core.training.config import TrainingConfig
from vae_core.training.dataset import Dataset
from vae_core.training.run import Run

_MODEL = ModelConfig(
    image_size=16,
    latent_dim=4,
    encoder_channels=(8, 8),
    decoder_channels=(8, 8, 4),
    residual_max_size=0,
    coarse_size=8,
)
_CONFIG = TrainingConfig(model=_MODEL, image_steps=800, batch_size=8, components=(1,), learning_rate=1e-2)
_CPU = torch.device("cpu")
_FAST = ["--device", "cpu", "--threads", "1", "--no-tensorboard"]


def _dataset(seed: int = 0) -> Dataset:
    """Images of one colour each."""
    colours = np.random.default_rng(seed).integers(0, 256, (90, 1, 1, 3), dtype=np.uint8)
    images = np.broadcast_to(colours, (90, 16, 16, 3)).copy()
    return Dataset(images[:80], images[80:], np.zeros((0,), np.uint8))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = Run(_CONFIG, _dataset(), tmp_path_factory.mktemp("trained"), _CPU)
    run.train()
    run.export()
    return run.checkpoint_path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.save(tmp_path / "data.npy", np.concatenate([*_dataset(1)[:2]]))
    return tmp_path / "data.npy"


def _going_on(trained: Path, out: Path, image_steps: int) -> TrainingConfig:
    info = read_info(trained)
    config = TrainingConfig(model=_MODEL, image_steps=image_steps, batch_size=8, components=(1,), start=info.sha256)
    run = Run(config, _dataset(), out, _CPU, start=load_network(info))
    run.train()
    run.export()
    return run.config


def test_images_come_back_as_before_when_hardly_anything_was_trained(trained: Path, tmp_path: Path) -> None:
    _going_on(trained, tmp_path, 8)
    images = torch.from_numpy(_dataset().train[:8]).permute(0, 3, 1, 2) / 255.0
    before, after = (load_checkpoint(path)[0] for path in (trained, tmp_path / "checkpoint.safetensors"))
    with torch.inference_mode():
        torch.testing.assert_close(after(images), before(images), rtol=0.0, atol=0.03)


def test_errors_become_smaller_than_those_of_the_checkpoint_when_trained_further(trained: Path, tmp_path: Path) -> None:
    _going_on(trained, tmp_path, 1_600)
    psnr = [
        float(read_info(path).metadata["held_out_psnr_db"]) for path in (trained, tmp_path / "checkpoint.safetensors")
    ]
    assert psnr[1] > psnr[0]


def test_checkpoint_tells_what_it_was_started_from(trained: Path, tmp_path: Path) -> None:
    _going_on(trained, tmp_path, 8)
    told = read_info(tmp_path / "checkpoint.safetensors").metadata["training"]
    assert f'"start":"{read_info(trained).sha256}"' in told


def test_command_takes_the_network_from_the_checkpoint(trained: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["train", str(data), "--out", str(out), "--preset", "photos", "--from", str(trained), *_FAST]
    assert cli.main([*command, "--image-steps", "64"]) == 0
    assert read_info(out / "checkpoint.safetensors").config == _MODEL


def test_command_is_refused_when_the_network_is_told_twice(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(data), "--out", str(tmp_path / "run"), "--from", str(trained), *_FAST]
    assert cli.main([*command, "--set", "model.latent_dim=3"]) == 2
    assert capsys.readouterr().err == (
        "Error: --set model.latent_dim does not go with --from: the checkpoint says what the network is\n"
    )


def test_command_is_refused_when_the_checkpoint_is_not_one(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(data), "--out", str(tmp_path / "run"), *_FAST]
    assert cli.main([*command, "--from", str(data)]) == 2
    assert "data.npy" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_run_is_refused_when_what_it_starts_from_is_missing(trained: Path, tmp_path: Path) -> None:
    config = TrainingConfig(model=_MODEL, start=read_info(trained).sha256)
    with pytest.raises(InvalidValue, match="name it with --from, as no state was saved yet"):
        Run(config, _dataset(), tmp_path, _CPU)


def test_run_goes_on_from_its_state_without_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    config = _going_on(trained, tmp_path, 64)
    again = Run(config, _dataset(), tmp_path, _CPU)
    assert again.trainer.image_steps == 64


def test_run_is_refused_when_it_was_started_from_another_checkpoint(trained: Path, tmp_path: Path) -> None:
    config = _going_on(trained, tmp_path, 64)
    other = TrainingConfig(model=_MODEL, image_steps=config.image_steps, batch_size=8, components=(1,))
    with pytest.raises(InvalidValue, match="is of another start"):
        Run(other, _dataset(), tmp_path, _CPU)
