"""The network of our own: strided convolutions, two heads, and a decoder of resized convolutions."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_core.model.blocks import ConvBlock, ImageTail, ResidualBlock, ResizeConvBlock
from vae_core.model.config import ModelConfig
from vae_core.model.network import Network, Posterior

MIN_LOG_VARIANCE = -12.0
MAX_LOG_VARIANCE = 4.0


class LinearPath(NamedTuple):
    """A linear autoencoder of small images with D = 3 * h * h values in [0, 1].

    Means are encode (Z, D) times the values, plus offset (Z,); log_variance (Z,) is that of every posterior; and decode
    (D, Z) times a latent, plus image (D,), is the small image before the sigmoid.
    """

    encode: Tensor
    offset: Tensor
    log_variance: Tensor
    decode: Tensor
    image: Tensor


class ResizeConvNetwork(Network):
    """Mean and log-variance have a head each, and the innermost map is flattened, so that position is kept.

    After training the latents are whitened (`whiten`), so that over the training images they have mean 0 and
    covariance 1; the map is folded into the layers before and behind the latents.

    With `coarse_size`, a small copy of the image adds to the means by a linear map, and the latents add a small image,
    enlarged, to the decoder's output. Started from principal components (`start_from`), the network is never worse than
    they are, and an image unlike those trained on still finds a latent that shows it roughly.
    """

    variance_mix: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.encoder = _encoder(config)
        features = config.encoder_channels[-1] * config.encoder_map_size**2
        self.mean_head = nn.Linear(features, config.latent_dim)
        self.log_variance_head = nn.Linear(features, config.latent_dim)
        nn.init.normal_(self.log_variance_head.weight, std=1e-3)
        nn.init.constant_(self.log_variance_head.bias, -2.0)
        self.expand = nn.Linear(config.latent_dim, config.decoder_channels[0] * config.decoder_map_size**2)
        self.decoder = _decoder(config)
        coarse_values = 3 * config.coarse_size**2
        if coarse_values:
            self.coarse_head = nn.Linear(coarse_values, config.latent_dim, bias=False)
            self.coarse_image = nn.Linear(config.latent_dim, coarse_values)
            nn.init.zeros_(self.coarse_image.weight)  # without `start_from` the decoder starts as without this path
            nn.init.zeros_(self.coarse_image.bias)
        # Squares of the whitening matrix: what a linear map of the latents makes of their variances.
        self.register_buffer("variance_mix", torch.eye(config.latent_dim))

    def encode(self, images: Tensor) -> Posterior:
        """Posterior of each image; the log-variance of the unwhitened latent is clamped to [-12, 4].

        After `whiten` the latents of one image may be slightly correlated: the variances are exact, the covariances are
        left out, which are 0 on the average of the images.
        """
        features = self.encoder(images).flatten(1)  # (B, C, h, w) -> (B, C * h * w)
        log_variance = self.log_variance_head(features).clamp(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE)  # (B, Z)
        log_variance = torch.log(F.linear(torch.exp(log_variance), self.variance_mix))  # (B, Z)
        mean = self.mean_head(features)  # (B, Z)
        if self.config.coarse_size:
            # Divided so that a step of the optimiser moves the means as little here as in the other layers.
            mean = mean + self.coarse_head(self.coarse(images) / self.config.coarse_size)
        return Posterior(mean, log_variance)

    def decode(self, latents: Tensor) -> Tensor:
        """The mean image of each latent, in [0, 1]."""
        size = self.config.decoder_map_size
        maps = self.expand(latents).unflatten(1, (-1, size, size))  # (B, C * h * w) -> (B, C, h, w)
        maps = maps.contiguous(memory_format=torch.channels_last)
        maps = self.decoder(maps)  # (B, 3, H, W)
        if self.config.coarse_size:
            side = self.config.coarse_size
            small = self.coarse_image(latents).unflatten(1, (3, side, side))  # (B, 3 * h * h) -> (B, 3, h, h)
            maps = maps + F.interpolate(small, size=maps.shape[2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(maps.float())  # (B, 3, H, W); half precision would leave 256 levels or fewer

    def coarse(self, images: Tensor) -> Tensor:
        """A small copy of each image: (B, 3, H, W) -> (B, 3 * h * h)."""
        return F.avg_pool2d(images, self.config.image_size // self.config.coarse_size).flatten(1)

    @torch.no_grad()
    def start_from(self, path: LinearPath) -> None:
        """Become this linear autoencoder, exactly, for now: the convolutions start at no share in means and image."""
        nn.init.zeros_(self.mean_head.weight)
        self.mean_head.bias.copy_(path.offset)
        self.coarse_head.weight.copy_(path.encode * self.config.coarse_size)
        if self.log_variance_head.bias.requires_grad:  # not where the posterior is to be a point
            nn.init.zeros_(self.log_variance_head.weight)
            self.log_variance_head.bias.copy_(path.log_variance)
        for weight in self.decoder[-1].parameters():
            nn.init.zeros_(weight)
        self.coarse_image.weight.copy_(path.decode)
        self.coarse_image.bias.copy_(path.image)

    @torch.no_grad()
    def whiten(self, mean: Tensor, covariance: Tensor, noise: Tensor) -> None:
        """Change the latents' coordinates so that a distribution of this mean (Z,) and covariance (Z, Z) becomes
        one of mean 0 and covariance 1. Reconstructions stay the same up to rounding.

        noise: (Z,), mean variance of the posteriors. Of the many maps that whiten, the one is taken under which the
        posteriors' mean covariance stays diagonal, as `encode` leaves out what is not. The least noisy latent comes
        first. Raises ValueError when the covariance is not positive definite.
        """
        values, vectors = torch.linalg.eigh(covariance.double())
        if values[0] <= 0:
            raise ValueError(f"the covariance is not positive definite: smallest eigenvalue {values[0]:.3g}")
        forward = (vectors / values.sqrt()) @ vectors.T  # (Z, Z), symmetric
        backward = (vectors * values.sqrt()) @ vectors.T  # (Z, Z)
        _, axes = torch.linalg.eigh((forward * noise.double()) @ forward)  # of the noise in whitened coordinates
        forward, backward = axes.T @ forward, backward @ axes
        self.mean_head.bias.copy_(forward @ (self.mean_head.bias.double() - mean.double()))
        self.mean_head.weight.copy_(forward @ self.mean_head.weight.double())
        self.expand.bias.add_((self.expand.weight.double() @ mean.double()).float())
        self.expand.weight.copy_(self.expand.weight.double() @ backward)
        if self.config.coarse_size:
            self.coarse_head.weight.copy_(forward @ self.coarse_head.weight.double())
            self.coarse_image.bias.add_((self.coarse_image.weight.double() @ mean.double()).float())
            self.coarse_image.weight.copy_(self.coarse_image.weight.double() @ backward)
        self.variance_mix.copy_(forward.square() @ self.variance_mix.double())

    @torch.no_grad()
    def fold(self) -> ResizeConvNetwork:
        """Replace every block, in place, by its folded form: evaluation only from here on. Returns itself."""
        self.eval()
        self.encoder = nn.Sequential(*[block.folded() for block in self.encoder])  # type: ignore[operator]
        self.decoder = nn.Sequential(*[block.folded() for block in self.decoder])  # type: ignore[operator]
        return self.requires_grad_(False)


def _encoder(config: ModelConfig) -> nn.Sequential:
    blocks: list[nn.Module] = []
    channels, size = 3, config.image_size
    for width in config.encoder_channels:
        blocks.append(ConvBlock(channels, width, stride=2))
        channels, size = width, size // 2
        if size <= config.residual_max_size:
            blocks.append(ResidualBlock(width))
    return nn.Sequential(*blocks)


def _decoder(config: ModelConfig) -> nn.Sequential:
    blocks: list[nn.Module] = []
    channels, size = config.decoder_channels[0], config.decoder_map_size
    if size <= config.residual_max_size:
        blocks.append(ResidualBlock(channels))
    for width in config.decoder_channels[1:]:
        blocks.append(ResizeConvBlock(channels, width))
        channels, size = width, size * 2
        if size <= config.residual_max_size:
            blocks.append(ResidualBlock(width))
    blocks.append(ImageTail(channels))
    return nn.Sequential(*blocks)
