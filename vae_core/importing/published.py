"""The published network from the files it was published in: a state dictionary, or a TorchScript trace."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vae_core.errors import BadCheckpoint
from vae_core.importing.archives import MAX_FILE_BYTES, Archive, open_archive
from vae_core.importing.pickles import Made, shown
from vae_core.importing.stored import FLOATS, SCRIPT_CLASSES, TensorRef, values_of
from vae_core.model.config import ModelConfig
from vae_core.model.reference import REFERENCE_CONFIG, ReferenceNetwork, published_name

# Under which of its keys a training loop's file has the weights, likely ones first; others are looked at too.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
_COUNTER = "num_batches_tracked"
# Of a trace: modules and tensors, and letters of a name. One module may stand in many places, each with its own name.
_MAX_PARTS = 10_000
_MAX_NAME = 500
_FIRST = re.compile(r"(?:^|.*\.)(?=encode\.0\.weight$)")


class Published(NamedTuple):
    """A network read from a file. kind: `state_dict` or `TorchScript trace`. sha256: of the file."""

    network: ReferenceNetwork
    kind: str
    sha256: str


def read_published(path: Path, config: ModelConfig = REFERENCE_CONFIG) -> Published:
    """The network in the file, float32 on the CPU, in evaluation mode; nothing in the file is run.

    Weights may be float16, bfloat16 or float64 and lie on any device, in a dictionary below `state_dict`, `model` or
    the like, and have names with a common prefix, such as `module.`. Raises BadCheckpoint, saying which tensor is at
    fault, what was found and what is expected.
    """
    data = _read(path)
    archive = open_archive(data, str(path))
    tensors, kind = _named_tensors(archive.content, str(path))
    tensors = _without_prefix(tensors)
    with torch.device("meta"):  # the starting weights would be drawn only to be replaced
        network = ReferenceNetwork(config)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    _check(tensors, {published_name(name): shape for name, shape in shapes.items()}, str(path))
    state = {}
    for name in shapes:
        state[name] = _values(name, tensors, archive, str(path))
    network.load_state_dict(state, assign=True)
    return Published(network.eval(), kind, hashlib.sha256(data).hexdigest())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as exc:
        raise BadCheckpoint(f"{path}: no such file; name the .pt file that holds the published weights") from exc
    except OSError as exc:
        raise BadCheckpoint(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    if len(data) > MAX_FILE_BYTES:
        raise BadCheckpoint(f"{path}: is too large: at most {MAX_FILE_BYTES} bytes are allowed")
    return data


def _named_tensors(content: object, where: str) -> tuple[dict[str, TensorRef], str]:
    """The tensors by their names, at least one, and the kind of file."""
    if isinstance(content, Made) and content.maker.module.split(".")[0] == SCRIPT_CLASSES:
        tensors = _attributes(content, where)
        if not tensors:
            raise BadCheckpoint(
                f"{where}: is a trace without named weights, as torch.jit.freeze leaves it: "
                "import the trace as it was before, or the state_dict"
            )
        return tensors, "TorchScript trace"
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{where}: holds no dictionary of tensors: save `model.state_dict()`")
    inner = {key: _tensors_of(value) for key, value in content.items() if isinstance(value, dict)}
    ranked = sorted(inner, key=lambda key: _WRAPPERS.index(key) if key in _WRAPPERS else len(_WRAPPERS))
    candidates = [each for each in (_tensors_of(content), *(inner[key] for key in ranked)) if each]
    if not candidates:
        keys = ", ".join(_key_shown(key) for key in list(content)[:8]) or "none"
        raise BadCheckpoint(f"{where}: holds no tensors by name, at its top or one below; its keys: {keys}")
    fitting = [each for each in candidates if any(map(_FIRST.match, each))]
    return (fitting or candidates)[0], "state_dict"


def _key_shown(key: object) -> str:
    # Python refuses to write out a number of very many digits.
    return hex(key)[:40] if isinstance(key, int) and key.bit_length() > 100 else shown(str(key), 40)


def _tensors_of(items: Mapping[object, object]) -> dict[str, TensorRef]:
    return {key: value for key, value in items.items() if isinstance(key, str) and isinstance(value, TensorRef)}


def _attributes(module: Made, where: str) -> dict[str, TensorRef]:
    """The tensors of a TorchScript module and of those below it, by their dotted names."""
    found: dict[str, TensorRef] = {}
    waiting = [("", module)]
    modules = 0
    while waiting:
        prefix, each = waiting.pop()
        modules += 1
        if max(modules, len(waiting), len(found)) > _MAX_PARTS or len(prefix) > _MAX_NAME:
            raise BadCheckpoint(f"{where}: is a trace of more modules, or deeper ones, than a network has")
        state = each.state if isinstance(each.state, dict) else {}
        for name, value in state.items():
            if isinstance(value, TensorRef):
                found[f"{prefix}{name}"] = value
            elif isinstance(value, Made):
                waiting.append((f"{prefix}{name}.", value))
    return found


def _without_prefix(tensors: Mapping[str, TensorRef]) -> dict[str, TensorRef]:
    """The tensors under their published names, where all have the same words before these."""
    prefixes = {match[0] for match in map(_FIRST.match, tensors) if match}
    prefix = prefixes.pop() if len(prefixes) == 1 else ""
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def _check(tensors: Mapping[str, TensorRef], expected: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Compare all names, shapes and types, before any number is read."""
    wanted = {name: shape for name, shape in expected.items() if not name.endswith(_COUNTER)}
    missing = [f"{name}, shape {shape}" for name, shape in wanted.items() if name not in tensors]
    extra = [f"{shown(name)}, shape {value.shape}" for name, value in tensors.items() if name not in expected]
    other = [
        f"{name}, shape {tensors[name].shape} where {shape} is expected"
        for name, shape in wanted.items()
        if name in tensors and tensors[name].shape != shape
    ]
    types = [
        f"{name}, {tensors[name].storage.dtype} where {', '.join(FLOATS)} are allowed"
        for name in wanted
        if name in tensors and tensors[name].storage.dtype not in FLOATS
    ]
    faults = {"missing": missing, "too many": extra, "of another shape": other, "of another type": types}
    told = [f"{len(names)} {fault} (the first is {names[0]})" for fault, names in faults.items() if names]
    if told:
        raise BadCheckpoint(f"{where}: is not the published network: of its tensors {'; '.join(told)}")


def _values(name: str, tensors: Mapping[str, TensorRef], archive: Archive, where: str) -> torch.Tensor:
    """The numbers of one tensor of the network, as float32; how many batches it has seen is not kept."""
    if name.endswith(_COUNTER):
        return torch.zeros((), dtype=torch.int64)
    public = published_name(name)
    tensor = tensors[public]
    array = values_of(tensor, archive.numbers(tensor.storage))
    if not np.isfinite(array).all():
        raise BadCheckpoint(f"{where}: tensor {public} holds a value that is not finite, or too large for float32")
    if public.endswith("running_var") and array.min() < 0:
        raise BadCheckpoint(f"{where}: tensor {public} holds a variance below 0: {array.min():g}")
    return torch.from_numpy(array)
