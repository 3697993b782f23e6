"""Networks to and from checkpoint files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from vae_core.errors import BadCheckpoint
from vae_core.model.build import build_network
from vae_core.model.checkpoint import CheckpointInfo, read_info
from vae_core.model.config import ModelConfig
from vae_core.model.network import Network
from vae_core.model.prior import TENSOR_NAMES, Prior, load_prior
from vae_core.model.tensors import read_tensors, write_checkpoint

_PREFIX = "model."


def save_network(path: Path, network: Network, prior: Prior, notes: Mapping[str, str], *, half: bool = False) -> str:
    """Write the network and its prior as one checkpoint file. Returns the file's SHA-256.

    half: keep matrices and kernels as float16, which halves the file; a run computes in float32 all the same. Raises
    ValueError for weights that are not finite, or too large for float16.
    """
    tensors = {}
    weights = {_PREFIX + name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    for name, array in (prior.tensors() | weights).items():
        if half and array.ndim > 1:
            with np.errstate(over="ignore"):  # an overflow is refused below
                array = array.astype(np.float16)
        if not np.isfinite(array).all():
            raise ValueError(f"tensor {name} holds a value that is not finite, or too large for its type")
        tensors[name] = array
    return write_checkpoint(path, network.config, tensors, notes)


def load_network(info: CheckpointInfo) -> Network:
    """The network of a checkpoint, float32 on the CPU, in evaluation mode.

    Raises BadCheckpoint naming the first tensor that is missing, too many, of another shape or not finite.
    """
    check_tensors(info)
    names = [name for name in info.tensors if name.startswith(_PREFIX)]
    arrays = read_tensors(info, names)
    with torch.device("meta"):  # the starting weights would be drawn only to be replaced
        network = build_network(info.config)
    state = {name.removeprefix(_PREFIX): torch.from_numpy(array) for name, array in arrays.items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


def load_checkpoint(path: Path) -> tuple[Network, Prior, CheckpointInfo]:
    """All that a checkpoint holds. Raises BadCheckpoint."""
    info = read_info(path)
    network = load_network(info)
    return network, load_prior(info), info


def check_tensors(info: CheckpointInfo) -> None:
    """Compare names and shapes with what the config asks for, without reading or allocating any values.

    Raises BadCheckpoint naming the first tensor that differs, its shape and the one expected.
    """
    expected = expected_shapes(info.config)
    for name, shape in expected.items():
        found = info.tensors.get(name)
        if found is None:
            raise BadCheckpoint(f"{info.path}: tensor {name} is missing: shape {shape} is expected")
        if found.shape != shape:
            raise BadCheckpoint(f"{info.path}: tensor {name} has shape {found.shape}: {shape} is expected")
    for name, tensor in info.tensors.items():
        if name not in expected and name not in TENSOR_NAMES:
            raise BadCheckpoint(f"{info.path}: tensor {name} of shape {tensor.shape} is not part of the network")


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor of a network of this config, by its name in the file."""
    with torch.device("meta"):
        state = build_network(config).state_dict()
    return {_PREFIX + name: tuple(value.shape) for name, value in state.items()}
