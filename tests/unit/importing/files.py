"""The published network, written down once more and on its own, and the files that it was published in."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import torch
from torch import Tensor, nn

from tests.checkpoints import use_batch_norms
from vae_core.errors import BadCheckpoint
from vae_core.importing.published import read_published
from vae_core.model.reference import REFERENCE_CONFIG

MEAN = (0.48043839, 0.44820218, 0.39760034)
STD = (0.27698959, 0.26908774, 0.28216029)


class Sizes(NamedTuple):
    """Of a network built like the published one; left out, they are the published ones."""

    image: int = 128
    latent: int = 100
    encoder: tuple[int, ...] = (512, 256, 128, 128, 128, 128)
    decoder: tuple[int, ...] = (32, 256, 128, 64)


TINY = Sizes(image=32, latent=6, encoder=(8, 12, 10), decoder=(4, 9, 7))
TINY_CONFIG = msgspec.structs.replace(
    REFERENCE_CONFIG,
    image_size=TINY.image,
    latent_dim=TINY.latent,
    encoder_channels=TINY.encoder,
    decoder_channels=TINY.decoder,
)


class PublishedCar(nn.Module):
    """The published layers under their published names; what it is given is normalised already."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.side, self.channels = sizes.image >> len(sizes.decoder), sizes.decoder[0]
        layers: list[nn.Module] = []
        channels = 3
        for width in sizes.encoder:
            layers += [nn.Conv2d(channels, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.encode = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.fc_encode = nn.Sequential(nn.Linear(channels, sizes.latent))
        channels = self.channels
        self.fc_decode = nn.Sequential(nn.Linear(sizes.latent, channels * self.side**2), nn.ReLU())
        layers = [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        for width in sizes.decoder[1:]:
            layers += [nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.decode = nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Sigmoid())

    def forward(self, normalised: Tensor) -> Tensor:
        mean = self.fc_encode(self.encode(normalised).flatten(1))
        decoded: Tensor = self.decode(self.fc_decode(mean).view(-1, self.channels, self.side, self.side))
        return decoded


def trained(sizes: Sizes = TINY) -> PublishedCar:
    """A network as training leaves it: no BatchNorm at its start, and pictures that differ."""
    generator = torch.Generator().manual_seed(5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = PublishedCar(sizes)
    use_batch_norms(network, generator, variances=(0.02, 0.3))
    network.eval()
    # Latents and logits as wide as a trained network has them: outputs neither grey nor saturated.
    images = torch.randn(4, 3, sizes.image, sizes.image, generator=generator)
    with torch.no_grad():
        network.fc_encode[0].weight.div_(network.fc_encode(network.encode(images).flatten(1)).std())
        network.decode[-2].weight.mul_(2.0 / torch.logit(network(images), eps=1e-6).std())
    return network


@torch.no_grad()
def published_images(network: PublishedCar, images: Tensor) -> Tensor:
    """What the published network makes of images in [0, 1], (B, 3, H, W)."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return network((images - mean) / std)


def state_dict(network: nn.Module, path: Path) -> None:
    torch.save(network.state_dict(), path)


def old_state_dict(network: nn.Module, path: Path) -> None:
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)


def wrapped(network: nn.Module, path: Path) -> None:
    """What a training loop on several GPUs keeps."""
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    momenta = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.99)}]}
    torch.save({"epoch": 3, "optimizer": momenta, "state_dict": weights}, path)


def parameters(network: nn.Module, path: Path) -> None:
    """Tensors that are parameters, and one whose numbers lie in another order."""
    state: dict[str, Tensor] = {**network.state_dict(), **dict(network.named_parameters())}
    state["fc_encode.0.weight"] = state["fc_encode.0.weight"].detach().T.contiguous().T
    torch.save({"model": state}, path, pickle_protocol=4)


def trace(network: nn.Module, path: Path, freeze: bool = False) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit")
        images = torch.rand(1, 3, TINY.image, TINY.image).to(next(network.parameters()).dtype)
        traced = torch.jit.trace(network, images)
        if freeze:
            traced = torch.jit.freeze(traced)
        torch.jit.save(traced, path)


def nested_trace(network: nn.Module, path: Path) -> None:
    """Of a module that has the network as its part."""
    trace(nn.Sequential(network), path)


Save = Callable[[nn.Module, Path], None]
FORMATS: dict[str, Save] = {
    "state_dict": state_dict,
    "old state_dict": old_state_dict,
    "wrapped": wrapped,
    "parameters": parameters,
    "trace": trace,
    "nested trace": nested_trace,
}


def rezip(path: Path, change: Callable[[str, bytes], bytes | None], *, compress: bool = False) -> None:
    """Write the zip anew with each record (told by its name without the folder) changed, or left out for None."""
    with zipfile.ZipFile(path) as file:
        records = {name: change(name.partition("/")[2], file.read(name)) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as file:
        for name, content in records.items():
            if content is not None:
                file.writestr(name, content)


def refusal(path: Path) -> str:
    """What is said of a file that is refused, which is one line and names it."""
    with pytest.raises(BadCheckpoint) as caught:
        read_published(path, TINY_CONFIG)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    return text.removeprefix(f"{path}: ")
