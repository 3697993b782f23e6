"""The published network: its sizes, its normalised input, its one vector, and its folded form."""

from __future__ import annotations

import msgspec
import pytest
import torch
from torch import nn

from tests.checkpoints import use_batch_norms
from vae_core.errors import InvalidValue
from vae_core.model.build import build_network
from vae_core.model.config import ModelConfig
from vae_core.model.reference import REFERENCE_CONFIG, ReferenceNetwork
from vae_core.model.resize_conv import ResizeConvNetwork

_CONFIG = msgspec.structs.replace(
    REFERENCE_CONFIG, image_size=16, latent_dim=5, encoder_channels=(6, 8), decoder_channels=(4, 6)
)


def _network() -> ReferenceNetwork:
    """Weights and BatchNorm statistics as training leaves them: none at its start value."""
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ReferenceNetwork(_CONFIG)
    use_batch_norms(network, generator, variances=(0.05, 0.4))
    return network.eval()


def test_config_decides_the_network_when_it_is_built() -> None:
    assert type(build_network(_CONFIG)) is ReferenceNetwork
    assert type(build_network(ModelConfig(encoder_channels=(2,), decoder_channels=(2, 2)))) is ResizeConvNetwork


def test_sizes_are_the_published_ones_when_whole() -> None:
    with torch.device("meta"):
        network = build_network(REFERENCE_CONFIG)
    assert isinstance(network, ReferenceNetwork)
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_952_740
    shapes = []
    maps = torch.empty(2, 3, 128, 128, device="meta")
    for layer in network.encoder:
        maps = layer(maps)
        shapes.append(tuple(maps.shape[1:]))
    assert shapes[2::3] == [(512, 64, 64), (256, 32, 32), (128, 16, 16), (128, 8, 8), (128, 4, 4), (128, 2, 2)]
    assert shapes[18:] == [(128, 1, 1)]
    latents = network.fc_encode(maps.flatten(1))
    assert latents.shape == (2, 100)
    maps = network.fc_decode(latents).reshape(2, 32, 8, 8)
    shapes = []
    for layer in network.decoder:
        maps = layer(maps)
        shapes.append(tuple(maps.shape[1:]))
    assert shapes[2::3] == [(32, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64)]
    assert shapes[12:] == [(3, 128, 128)] * 2


def test_mean_is_the_log_variance_when_encoded() -> None:
    posterior = _network().encode(torch.rand(2, 3, 16, 16))
    assert posterior.mean.shape == (2, 5)
    assert torch.equal(posterior.mean, posterior.log_variance)


def test_input_is_normalised_when_encoded() -> None:
    network, images = _network(), torch.rand(2, 3, 16, 16)
    plain = ReferenceNetwork(msgspec.structs.replace(_CONFIG, input_mean=(0, 0, 0), input_std=(1, 1, 1))).eval()
    plain.load_state_dict(network.state_dict())
    mean, std = (torch.tensor(row)[:, None, None] for row in (_CONFIG.input_mean, _CONFIG.input_std))
    with torch.no_grad():
        expected = plain.encode((images - mean) / std).mean
        torch.testing.assert_close(network.encode(images).mean, expected)
        assert not torch.allclose(plain.encode(images).mean, expected, atol=1e-2)


def test_network_gives_the_same_and_has_no_batch_norm_when_folded() -> None:
    network, images = _network(), torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        expected = network(images)
        folded = network.fold()
        torch.testing.assert_close(folded(images), expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.02
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_whitening_is_refused_as_the_network_says() -> None:
    network = _network()
    assert not network.whitens
    with pytest.raises(ValueError, match="cannot be whitened"):
        network.whiten(torch.zeros(5), torch.eye(5), torch.ones(5))


def test_residual_blocks_are_refused_when_there_are_none_in_it() -> None:
    with pytest.raises(InvalidValue, match="residual_max_size 8"):
        msgspec.structs.replace(_CONFIG, residual_max_size=8)
