"""The network that the project started from, as it was published, so that its weights can be used."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vae_core.model.blocks import fold_batch_norm
from vae_core.model.config import ModelConfig
from vae_core.model.network import Network, Posterior

REFERENCE_CONFIG = ModelConfig(
    architecture="reference",
    image_size=128,
    latent_dim=100,
    encoder_channels=(512, 256, 128, 128, 128, 128),
    decoder_channels=(32, 256, 128, 64),
    residual_max_size=0,
    input_mean=(0.48043839, 0.44820218, 0.39760034),
    input_std=(0.27698959, 0.26908774, 0.28216029),
)


class ReferenceNetwork(Network):
    """Encoder and decoder as published: the one vector of an image is its posterior's mean and its log-variance.

    Parameters have their published names but for the first word, as `encode` and `decode` are methods here:
    `encoder.0.weight` was `encode.0.weight`. The published normalisation of the input is done by `encode`.
    """

    whitens = False
    input_mean: Tensor
    input_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        size = config.decoder_map_size
        self.encoder = _encoder(config)
        self.fc_encode = nn.Sequential(nn.Linear(config.encoder_channels[-1], config.latent_dim))
        self.fc_decode = nn.Sequential(nn.Linear(config.latent_dim, config.decoder_channels[0] * size**2), nn.ReLU())
        self.decoder = _decoder(config)
        # Not in the file: the config has them.
        self.register_buffer("input_mean", _channels(config.input_mean), persistent=False)
        self.register_buffer("input_std", _channels(config.input_std), persistent=False)

    def encode(self, images: Tensor) -> Posterior:
        """Posterior of each image. Both of its tensors are the same one."""
        maps = self.encoder((images - self.input_mean) / self.input_std)  # (B, C, 1, 1)
        latents = self.fc_encode(maps.flatten(1))  # (B, C, 1, 1) -> (B, C) -> (B, Z)
        return Posterior(latents, latents)

    def decode(self, latents: Tensor) -> Tensor:
        """The mean image of each latent, in [0, 1]."""
        size = self.config.decoder_map_size
        maps = self.fc_decode(latents).unflatten(1, (-1, size, size))  # (B, C * h * w) -> (B, C, h, w)
        result: Tensor = self.decoder(maps.contiguous(memory_format=torch.channels_last))  # (B, 3, H, W)
        return result

    def whiten(self, mean: Tensor, covariance: Tensor, noise: Tensor) -> None:
        """Raises ValueError: a map of the means would be one of the log-variances too, and so another posterior."""
        raise ValueError("a network whose means are its log-variances cannot be whitened")

    @torch.no_grad()
    def fold(self) -> ReferenceNetwork:
        """Replace, in place, each convolution and its BatchNorm by one convolution: evaluation only from here on.

        Returns itself.
        """
        self.eval()
        self.encoder = _folded(self.encoder)
        self.decoder = _folded(self.decoder)
        return self.requires_grad_(False)


def published_name(name: str) -> str:
    """What a tensor of a ReferenceNetwork is called in the published files."""
    first, dot, rest = name.partition(".")
    return {"encoder": "encode", "decoder": "decode"}.get(first, first) + dot + rest


def _channels(values: tuple[float, float, float]) -> Tensor:
    # On the CPU also where the weights are made on "meta", to be replaced: nothing replaces these.
    return torch.tensor(values, dtype=torch.float32, device="cpu").reshape(1, 3, 1, 1)


def _encoder(config: ModelConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for width in config.encoder_channels:
        layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))


def _decoder(config: ModelConfig) -> nn.Sequential:
    channels = config.decoder_channels[0]
    layers: list[nn.Module] = [
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    ]
    for width in config.decoder_channels[1:]:
        layers += [nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    layers += [nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1, bias=False), nn.Sigmoid()]
    return nn.Sequential(*layers)


def _folded(layers: nn.Sequential) -> nn.Sequential:
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            conv = folded.pop()
            folded.append(fold_batch_norm(conv, layer))  # type: ignore[arg-type]
        else:
            folded.append(layer)
    return nn.Sequential(*folded)
