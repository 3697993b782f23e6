"""The network that a config asks for."""

from __future__ import annotations

from vae_core.model.config import ModelConfig
from vae_core.model.network import Network
from vae_core.model.reference import ReferenceNetwork
from vae_core.model.resize_conv import ResizeConvNetwork

_NETWORKS: dict[str, type[ReferenceNetwork | ResizeConvNetwork]] = {
    "resize-conv": ResizeConvNetwork,
    "reference": ReferenceNetwork,
}


def build_network(config: ModelConfig) -> Network:
    """A network of this config with weights to start training from."""
    return _NETWORKS[config.architecture](config)
