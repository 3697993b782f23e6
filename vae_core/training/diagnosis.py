"""Where the numbers of a training stopped being finite."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vae_core.model.network import Network


def first_fault(network: Network, images: Tensor, forward: Callable[[], object]) -> str:
    """What was not finite first, in words: the images, a weight, the output of a layer, or a gradient.

    images: what the network was given. forward: runs the network on them again. To be called after a backward pass.
    """
    if not images.isfinite().all():
        return "the images hold values that are not finite"
    for name, weight in network.named_parameters():
        if not weight.isfinite().all():
            return f"the weights {name} hold values that are not finite"
    layer = _first_layer(network, forward)
    if layer is not None:
        return f"the output of layer {layer} is the first that is not finite"
    # Gradients come into being from the last layer to the first.
    for name, weight in reversed(list(network.named_parameters())):
        if weight.grad is not None and not weight.grad.isfinite().all():
            return f"the gradient of {name} is the first that is not finite"
    return "the objective itself is the first that is not finite"


@torch.no_grad()
def _first_layer(network: Network, forward: Callable[[], object]) -> str | None:
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def look(_module: nn.Module, _inputs: object, output: object) -> None:
            if not found and isinstance(output, Tensor) and not output.isfinite().all():
                found.append(name)

        return look

    handles = [module.register_forward_hook(watch(name)) for name, module in network.named_modules() if name]
    try:
        forward()
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None
