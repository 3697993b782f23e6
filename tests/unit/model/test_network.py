"""The network's layers, their folded forms, and the change of latent coordinates."""

from __future__ import annotations

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vae_core.errors import InvalidValue
from vae_core.model.blocks import ConvBlock, ResidualBlock, ResizeConvBlock, resize_conv_kernel
from vae_core.model.config import ModelConfig
from vae_core.model.resize_conv import MAX_LOG_VARIANCE, ResizeConvNetwork

_CONFIG = ModelConfig(
    image_size=16, latent_dim=5, encoder_channels=(6, 8), decoder_channels=(8, 6, 4), residual_max_size=8
)
_COARSE = msgspec.structs.replace(_CONFIG, coarse_size=4)
_BOTH = pytest.mark.parametrize("config", [_CONFIG, _COARSE], ids=["plain", "coarse"])


def _used(module: nn.Module, channels: int = 3, size: int = 16) -> nn.Module:
    """The module with weights, and BatchNorm statistics, as training leaves them: none at its start value."""
    generator = torch.Generator().manual_seed(1)
    for norm in (part for part in module.modules() if isinstance(part, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
        nn.init.uniform_(norm.bias, -0.5, 0.5, generator=generator)
    module.train()
    with torch.no_grad():
        for _ in range(3):
            module(torch.rand(8, channels, size, size, generator=generator))
    return module.eval()


def _network(config: ModelConfig = _CONFIG) -> ResizeConvNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ResizeConvNetwork(config)
        if config.coarse_size:
            nn.init.normal_(network.coarse_image.weight)
    _used(network)
    return network


def test_one_transposed_convolution_equals_resize_and_convolution() -> None:
    weight, maps = torch.randn(4, 3, 3, 3), torch.randn(2, 3, 5, 5)
    expected = F.conv2d(F.interpolate(maps, scale_factor=2.0, mode="nearest"), weight, padding=1)
    found = F.conv_transpose2d(maps, resize_conv_kernel(weight), stride=2, padding=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("block", [ConvBlock(3, 6, stride=2), ResizeConvBlock(3, 6), ResidualBlock(3)])
def test_block_gives_the_same_when_folded(block: nn.Module) -> None:
    _used(block)
    maps = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(block.folded()(maps), block(maps), rtol=0, atol=1e-5)  # type: ignore[operator]


@_BOTH
def test_network_gives_the_same_and_has_no_batch_norm_when_folded(config: ModelConfig) -> None:
    network, images = _network(config), torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        expected = network(images)
        folded = network.fold()
        torch.testing.assert_close(folded(images), expected, rtol=0, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_shapes_and_ranges_are_those_promised() -> None:
    network = _network()
    posterior = network.encode(100.0 * torch.rand(3, 3, 16, 16))
    assert posterior.mean.shape == posterior.log_variance.shape == (3, 5)
    assert posterior.log_variance.max() <= MAX_LOG_VARIANCE + 1e-5
    decoded = network.decode(posterior.sample())
    assert decoded.shape == (3, 3, 16, 16)
    assert 0.0 <= decoded.min() <= decoded.max() <= 1.0


def test_coarse_colours_pass_linearly_when_there_is_a_path_for_them() -> None:
    network = _network(_COARSE)
    for weights in (network.mean_head, network.expand):
        nn.init.zeros_(weights.weight)
    coarse, finer = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 16, 16)
    images = F.interpolate(coarse, size=16, mode="nearest")
    small_means = images + finer - F.interpolate(F.avg_pool2d(finer, 4), size=16, mode="nearest")
    with torch.no_grad():
        means, same = network.encode(images).mean, network.encode(small_means).mean
        double = network.encode(2.0 * images - 0.5).mean
        black = network.encode(torch.full((2, 3, 16, 16), 0.5)).mean
        logits = [torch.logit(network.decode(scale * torch.ones(1, 5))) for scale in (0.0, 0.1, 0.2)]
    torch.testing.assert_close(same, means, rtol=0, atol=1e-4)
    torch.testing.assert_close(double - black, 2.0 * (means - black), rtol=0, atol=1e-4)
    torch.testing.assert_close(logits[2] - logits[1], logits[1] - logits[0], rtol=0, atol=1e-4)


def test_config_text_is_as_before_when_there_is_no_coarse_path() -> None:
    assert "coarse_size" not in _CONFIG.to_json()
    for config in (_CONFIG, _COARSE):
        assert ModelConfig.from_json(config.to_json(), where="here") == config


@pytest.mark.parametrize(("size", "text"), [(5, "does not divide image_size 16"), (-1, "out of range: 0 to 16")])
def test_coarse_size_is_refused_when_it_does_not_fit(size: int, text: str) -> None:
    with pytest.raises(InvalidValue, match=f"coarse_size {size} .*{text}"):
        msgspec.structs.replace(_CONFIG, coarse_size=size)


def test_draw_repeats_when_the_generator_does() -> None:
    posterior = _network().encode(torch.rand(2, 3, 16, 16))
    draws = [posterior.sample(torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws)


@_BOTH
def test_images_stay_and_latents_become_standard_when_whitened(config: ModelConfig) -> None:
    network, images = _network(config), torch.rand(400, 3, 16, 16)
    with torch.no_grad():
        before, expected = network.encode(images), network(images)
        noise = before.log_variance.double().exp().mean(dim=0)
        covariance = torch.cov(before.mean.double().T) + torch.diag(noise)
        network.whiten(before.mean.mean(dim=0), covariance, noise)
        after = network.encode(images)
        torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(after.mean.mean(dim=0), torch.zeros(5), rtol=0, atol=1e-3)
    total = torch.cov(after.mean.T).diagonal() + after.log_variance.exp().mean(dim=0)
    torch.testing.assert_close(total, torch.ones(5), rtol=0, atol=1e-3)


def test_posteriors_keep_their_spread_on_the_images_when_whitened() -> None:
    network, images = _network(), torch.rand(400, 3, 16, 16)
    with torch.no_grad():
        nn.init.normal_(network.mean_head.weight)  # correlated means, so that whitening has to turn the axes
        before = network.encode(images)
        noise = before.log_variance.double().exp().mean(dim=0)
        network.whiten(before.mean.mean(dim=0), torch.cov(before.mean.double().T) + torch.diag(noise), noise)
        after = network.encode(images)
    # A diagonal covariance and an invertible map of it: its determinant is only kept if it is diagonal again.
    correlated = torch.cov(before.mean.double().T) + torch.diag(noise)
    expected = noise.log().sum() - torch.logdet(correlated)
    found = after.log_variance.double().exp().mean(dim=0)
    torch.testing.assert_close(found.log().sum(), expected, rtol=0, atol=1e-3)
    assert (found[1:] >= found[:-1] - 1e-9).all()


def test_whitening_is_refused_when_the_covariance_is_singular() -> None:
    with pytest.raises(ValueError, match="not positive definite"):
        _network().whiten(torch.zeros(5), torch.zeros(5, 5), torch.ones(5))
