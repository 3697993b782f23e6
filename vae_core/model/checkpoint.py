"""What stands in the header of a checkpoint, one safetensors file with weights, config, format version and notes.

The layout is that of https://github.com/huggingface/safetensors#format: the header's length, the header as JSON, the
bytes of the tensors. Neither torch nor NumPy is needed here, as who submits a job has neither.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from vae_core.errors import BadCheckpoint
from vae_core.model.config import ModelConfig

FORMAT_VERSION = "1"
RUN_CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run
MAX_FILE_BYTES = 4 * 1024**3
_TORCH_FILES = (b"PK\x03\x04", b"\x80\x02")  # a zip, or a pickle of the old kind
_MAX_HEADER_BYTES = 4 * 1024**2
_MAX_TENSORS = 10_000
# Bytes per value of the types that are read.
_ITEM_SIZES = {"F64": 8, "F32": 4, "F16": 2, "I64": 8}


class TensorInfo(msgspec.Struct, frozen=True):
    """One tensor of the file. offset, size_bytes: where its bytes stand, from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


class CheckpointInfo(msgspec.Struct, frozen=True):
    """What a checkpoint says of itself.

    sha256: of the whole file, 64 hex digits. metadata: all of the file's own notes, among them `training`.
    """

    path: Path
    sha256: str
    size_bytes: int
    config: ModelConfig
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]


class _RawTensor(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def checkpoint_name(path: Path) -> str:
    """What tells checkpoints apart: the file's name, or for a run's, which are all alike, its folder's."""
    return path.resolve().parent.name if path.name == RUN_CHECKPOINT else path.stem


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, 64 hex digits. Raises BadCheckpoint when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise BadCheckpoint(f"{path}: cannot be read: {exc.strerror or exc}") from exc


def read_info(path: Path) -> CheckpointInfo:
    """Header and hash of the checkpoint at `path`; its tensors' values are not looked at.

    Raises BadCheckpoint, in one line, when the file is missing, is not a safetensors file, is cut short, has a header
    that contradicts itself, or carries no valid model config.
    """
    header, size_bytes, data_start = _read_header(path)
    metadata = _metadata(header.pop("__metadata__", None), path)
    tensors = _tensors(header, path, data_start, size_bytes)
    config = _config(metadata, path)
    return CheckpointInfo(path, file_sha256(path), size_bytes, config, tensors, metadata)


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes > MAX_FILE_BYTES:
                raise BadCheckpoint(f"{path}: {size_bytes} bytes is too large: at most {MAX_FILE_BYTES} are allowed")
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(_MAX_HEADER_BYTES, size_bytes - 8):
                why = "its header's length is out of range"
                if prefix.startswith(_TORCH_FILES):
                    why = "PyTorch wrote it, and `vaecore import-seed` can make one of published weights"
                raise BadCheckpoint(f"{path}: is not a safetensors file: {why}")
            text = file.read(length)
    except FileNotFoundError as exc:
        raise BadCheckpoint(f"{path}: no such file; name a checkpoint that `vaecore train` wrote") from exc
    except OSError as exc:
        raise BadCheckpoint(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    try:
        header = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
        raise BadCheckpoint(f"{path}: is not a safetensors file: its header is not a JSON object") from exc
    return header, size_bytes, 8 + length


def _metadata(raw: object, path: Path) -> dict[str, str]:
    if raw is None:
        raise BadCheckpoint(f"{path}: has no metadata, so no model config: it was not written by `vaecore`")
    try:
        return msgspec.convert(raw, type=dict[str, str])
    except msgspec.ValidationError as exc:
        raise BadCheckpoint(f"{path}: its metadata is not valid: {exc}") from exc


def _tensors(header: Mapping[str, Any], path: Path, data_start: int, size_bytes: int) -> dict[str, TensorInfo]:
    if len(header) > _MAX_TENSORS:
        raise BadCheckpoint(f"{path}: has {len(header)} tensors: at most {_MAX_TENSORS} are allowed")
    tensors = {}
    for name, entry in header.items():
        try:
            raw = msgspec.convert(entry, type=_RawTensor)
        except msgspec.ValidationError as exc:
            raise BadCheckpoint(f"{path}: the entry of tensor {name[:80]} is not valid: {exc}") from exc
        if raw.dtype not in _ITEM_SIZES:
            raise BadCheckpoint(
                f"{path}: tensor {name[:80]} has type {raw.dtype[:20]}: {', '.join(_ITEM_SIZES)} are allowed"
            )
        start, end = raw.data_offsets
        wanted = math.prod(raw.shape) * _ITEM_SIZES[raw.dtype]
        if min(raw.shape, default=0) < 0 or not 0 <= start <= end <= size_bytes - data_start or end - start != wanted:
            raise BadCheckpoint(
                f"{path}: tensor {name[:80]} lies outside the file or does not fit its shape {raw.shape}"
            )
        tensors[name] = TensorInfo(raw.dtype, tuple(raw.shape), data_start + start, end - start)
    return tensors


def _config(metadata: Mapping[str, str], path: Path) -> ModelConfig:
    version, text = metadata.get("format_version"), metadata.get("model_config")
    if version is None or text is None:
        raise BadCheckpoint(f"{path}: has no model config in its metadata: it was not written by `vaecore`")
    if version != FORMAT_VERSION:
        raise BadCheckpoint(f"{path}: has format version {version[:20]}: {FORMAT_VERSION} is allowed")
    return ModelConfig.from_json(text, where=str(path))
