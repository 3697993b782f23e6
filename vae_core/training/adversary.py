"""A second network that learns to tell decoded images from real ones, patch by patch, and pulls the decoder along."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_CHANNELS = (3, 24, 48, 64, 64)
_SLOPE = 0.2
_LEARNING_RATE = 1e-3
_BETAS = (0.5, 0.9)
_TINY = 1e-12


class PatchJudge(nn.Module):
    """How real each patch of an image looks: (B, 3, H, W) -> (B, 1, H / 16, W / 16), each value seeing 78x78 pixels.

    A PatchGAN (Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017) under spectral
    normalisation (Miyato et al., 2018), which keeps its gradients of one size. The last layer is free of it, as scores
    would be too small to be sure of anything. Maps are halved by averaging: gradients through strided convolutions have
    a grid in them, which the decoder learns to draw.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(_CHANNELS):
            layers += [spectral_norm(nn.Conv2d(before, after, 3, 1, 1)), nn.LeakyReLU(_SLOPE), nn.AvgPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(_CHANNELS[-1], 1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.layers(images * 2.0 - 1.0)
        return result


class Adversary:
    """The judge with its optimiser. Its weights are drawn on the CPU from the seed."""

    def __init__(self, seed: int, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._judge = PatchJudge().to(memory_format=torch.channels_last).to(device)
        self._optimizer = torch.optim.Adam(self._judge.parameters(), lr=_LEARNING_RATE, betas=_BETAS, fused=True)

    def pull(self, decoded: Tensor, size: Tensor) -> Tensor:
        """A scalar of value 0 whose gradient by the decoded images, (B, 3, H, W), has the norm `size`, a scalar.

        Against that gradient lies what makes them look more real.
        """
        shown = decoded.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(-self._judge(shown).mean(), shown)
        gradient = gradient * (size / gradient.norm().clamp(min=_TINY))
        result: Tensor = ((decoded - shown.detach()) * gradient).sum()
        return result

    def learn(self, real: Tensor, decoded: Tensor) -> Tensor:
        """One step with real and decoded images, each (B, 3, H, W).

        Returns the hinge loss (Lim and Ye, "Geometric GAN", 2017): 2 while they cannot be told apart, 0 when they are
        without doubt.
        """
        scores = self._judge(torch.cat([real, decoded.detach()]).contiguous(memory_format=torch.channels_last))
        of_real, of_decoded = scores.split([len(real), len(decoded)])
        loss = F.relu(1.0 - of_real).mean() + F.relu(1.0 + of_decoded).mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {"judge": self._judge.state_dict(), "optimizer": self._optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was called."""
        self._judge.load_state_dict(state["judge"])
        self._optimizer.load_state_dict(state["optimizer"])


def recombined(latents: Tensor, generator: torch.Generator) -> Tensor:
    """As many draws from the distribution that these latents, (B, Z), are of, as far as its covariance says.

    Each is their mean, plus their differences from it with random weights of norm 1: so that over many batches mean and
    covariance of the draws are those of the latents, which need not be kept.
    """
    weights = torch.randn((len(latents),) * 2, generator=generator, device=latents.device)
    mean = latents.mean(dim=0)  # (Z,)
    return mean + F.normalize(weights) @ (latents - mean)  # (B, Z)
