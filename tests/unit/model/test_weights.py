"""Networks to checkpoint files and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vae_core.errors import BadCheckpoint
from vae_core.model.checkpoint import read_info
from vae_core.model.config import ModelConfig
from vae_core.model.prior import TENSOR_NAMES, Prior
from vae_core.model.resize_conv import ResizeConvNetwork
from vae_core.model.tensors import read_tensors, write_checkpoint
from vae_core.model.weights import check_tensors, load_checkpoint, save_network

_CONFIG = ModelConfig(
    image_size=16, latent_dim=5, encoder_channels=(6, 8), decoder_channels=(8, 6, 4), residual_max_size=8
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "c.safetensors"
    save_network(path, ResizeConvNetwork(_CONFIG), Prior.standard(5), {})
    return path


def _rewrite(path: Path, **changes: np.ndarray | None) -> Path:
    """The checkpoint with some tensors replaced (`__` stands for a dot), or left out where None."""
    info = read_info(path)
    tensors = read_tensors(info, list(info.tensors))
    for name, value in changes.items():
        tensors.pop(name.replace("__", "."), None)
        if value is not None:
            tensors[name.replace("__", ".")] = value
    write_checkpoint(path, info.config, tensors, {})
    return path


def test_weights_are_equal_when_loaded_again(tmp_path: Path) -> None:
    network = ResizeConvNetwork(_CONFIG)
    path = tmp_path / "c.safetensors"
    sha256 = save_network(path, network, Prior.standard(5), {"training": "none"})
    loaded, prior, info = load_checkpoint(path)
    assert info.sha256 == sha256
    assert prior.latent_dim == 5
    assert not loaded.training
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_file_is_smaller_and_images_alike_when_saved_as_half(tmp_path: Path) -> None:
    network = ResizeConvNetwork(_CONFIG).eval()
    whole, half = tmp_path / "whole", tmp_path / "half"
    save_network(whole, network, Prior.standard(5), {})
    save_network(half, network, Prior.standard(5), {}, half=True)
    assert half.stat().st_size < 0.8 * whole.stat().st_size
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(load_checkpoint(half)[0](images), network(images), rtol=0, atol=1e-2)


def test_tensor_is_named_when_it_is_missing(saved: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"model\.mean_head\.bias is missing: shape \(5,\)"):
        check_tensors(read_info(_rewrite(saved, model__mean_head__bias=None)))


def test_both_shapes_are_named_when_a_tensor_has_another(saved: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"model\.mean_head\.bias has shape \(6,\): \(5,\) is expected"):
        load_checkpoint(_rewrite(saved, model__mean_head__bias=np.zeros(6, np.float32)))


def test_tensor_is_named_when_it_is_too_many(saved: Path) -> None:
    with pytest.raises(BadCheckpoint, match="tensor other of shape"):
        load_checkpoint(_rewrite(saved, other=np.zeros(6, np.float32)))


def test_tensor_is_named_when_it_is_not_finite(saved: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"model\.mean_head\.bias"):
        load_checkpoint(_rewrite(saved, model__mean_head__bias=np.full(5, np.inf, np.float32)))


@pytest.mark.parametrize("name", TENSOR_NAMES)
def test_checkpoint_is_refused_when_its_prior_is_missing(saved: Path, name: str) -> None:
    with pytest.raises(BadCheckpoint, match=name):
        load_checkpoint(_rewrite(saved, **{name.replace(".", "__"): None}))


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_save_is_refused_when_a_weight_does_not_fit(tmp_path: Path, value: float) -> None:
    network = ResizeConvNetwork(_CONFIG)
    with torch.no_grad():
        network.mean_head.weight[0, 0] = value
    with pytest.raises(ValueError, match="mean_head"):
        save_network(tmp_path / "c", network, Prior.standard(5), {}, half=True)
    assert not (tmp_path / "c").exists()
