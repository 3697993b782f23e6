"""The three functions of a network that are exported, each with one input and named outputs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from vae_core.model.network import Network


class Function(NamedTuple):
    """One function of a network.

    module: takes one tensor and returns one for each name in `outputs`, a tuple where there are several.
    input_shape: of one row, without the batch: (3, S, S) or (Z,).
    """

    name: str
    module: nn.Module
    input_name: str
    input_shape: tuple[int, ...]
    outputs: tuple[str, ...]


def functions_of(network: Network) -> tuple[Function, ...]:
    """encode, decode and reconstruct of a network in evaluation mode.

    Images, in and out, are float32 in [0, 1], (B, 3, S, S); latents, means and log-variances are float32, (B, Z).
    `encode` gives both halves of the posterior, as who needs only the mean can ask a runtime for that output alone.
    """
    image = (3, network.config.image_size, network.config.image_size)
    latent = (network.config.latent_dim,)
    return (
        Function("encode", _Encode(network).eval(), "images", image, ("mean", "log_variance")),
        Function("decode", _Decode(network).eval(), "latents", latent, ("images",)),
        Function("reconstruct", _Reconstruct(network).eval(), "images", image, ("reconstructions",)),
    )


class _Encode(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.network.encode(images)
        return mean, log_variance


class _Decode(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: Tensor) -> Tensor:
        return self.network.decode(latents)


class _Reconstruct(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.network(images)
        return result
