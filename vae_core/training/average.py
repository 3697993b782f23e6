"""The running average of a network's weights, which is what a run exports."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vae_core.model.network import Network


class WeightAverage:
    """Exponential moving average of weights and BatchNorm statistics (Polyak and Juditsky, 1992).

    network: the averaged network, in evaluation mode. Early on the average is shorter, so that the random start is
    soon forgotten.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.updates = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        decay = min(self._decay, (1.0 + self.updates) / (10.0 + self.updates))
        torch._foreach_lerp_(_tensors(self.network, True), _tensors(network, True), 1.0 - decay)
        torch._foreach_copy_(_tensors(self.network, False), _tensors(network, False))  # counters


def _tensors(network: Network, floating: bool) -> list[Tensor]:
    return [value for value in network.state_dict().values() if value.is_floating_point() == floating]


@torch.no_grad()
def refresh_batch_norm(network: Network, batches: Iterable[Tensor]) -> None:
    """Recompute the BatchNorm statistics over `batches`, as the averaged weights see them; ends in evaluation mode.

    The same weights and batches always give the same statistics.
    """
    generator = torch.Generator(network.device).manual_seed(0)
    norms = _batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    network.train()
    for images in batches:
        network.decode(network.encode(images).sample(generator))
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@contextmanager
def resting_batch_norm(network: Network) -> Iterator[None]:
    """What the network is given here leaves no trace in its BatchNorm statistics."""
    norms = _batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _batch_norms(network: Network) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
