"""The tensors of a checkpoint file, as NumPy arrays: equal weights are written as equal bytes.

The file is not written by the safetensors library because that one puts its metadata in random order, and jobs are
pinned to the file's SHA-256.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vae_core.errors import BadCheckpoint
from vae_core.model.checkpoint import FORMAT_VERSION, CheckpointInfo, file_sha256
from vae_core.model.config import ModelConfig

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
}


def read_tensors(info: CheckpointInfo, names: Collection[str]) -> dict[str, np.ndarray]:
    """The named tensors as float32 (64-bit integers stay such), each its own copy.

    Raises BadCheckpoint when one is missing, or holds a value that is not finite.
    """
    found = {}
    try:
        with info.path.open("rb") as file:
            for name in names:
                if name not in info.tensors:
                    raise BadCheckpoint(f"{info.path}: has no tensor {name}")
                tensor = info.tensors[name]
                file.seek(tensor.offset)
                values = np.frombuffer(file.read(tensor.size_bytes), _DTYPES[tensor.dtype]).reshape(tensor.shape)
                found[name] = values.astype(np.int64 if tensor.dtype == "I64" else np.float32)
                if not np.isfinite(found[name]).all():
                    raise BadCheckpoint(f"{info.path}: tensor {name} holds a value that is not finite")
    except (OSError, ValueError) as exc:
        raise BadCheckpoint(f"{info.path}: cannot be read: {exc}") from exc
    return found


def write_checkpoint(
    path: Path, config: ModelConfig, tensors: Mapping[str, np.ndarray], notes: Mapping[str, str]
) -> str:
    """Write the file, in one step: readers see the old one or the new. Returns its SHA-256.

    tensors: float16, float32, float64 or int64. notes: what is to be kept beside the config, such as `training`. The
    same arguments always give the same bytes.
    """
    metadata = {**notes, "format_version": FORMAT_VERSION, "model_config": config.to_json()}
    codes = {dtype: code for code, dtype in _DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    end = 0
    arrays = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        code = codes[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [start, end]}
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)  # the data starts at a multiple of eight
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for array in arrays.values():
                file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return file_sha256(path)
