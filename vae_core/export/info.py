"""What stands in an export's folder beside its functions: `export.json` and the prior. No torch here."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import msgspec
import numpy as np

from vae_core.errors import BadCheckpoint
from vae_core.model.config import ModelConfig
from vae_core.model.prior import TENSOR_NAMES, Prior

FORMAT_VERSION = "1"
INFO_NAME = "export.json"
PRIOR_NAME = "prior.npz"


class FunctionInfo(msgspec.Struct, frozen=True):
    """One exported function.

    file: its name in the folder. input, outputs: names by which a runtime calls them.
    largest_difference: absolute, from the checkpoint's own result, over all that was compared.
    """

    file: str
    sha256: str
    input: str
    outputs: tuple[str, ...]
    largest_difference: float


class ExportInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What an export says of itself.

    tolerance: what largest_difference was held against. versions: of the packages that wrote and checked the files.
    """

    format_version: str = FORMAT_VERSION
    format: str
    checkpoint_sha256: str
    config: ModelConfig
    code_version: str
    tolerance: float
    functions: dict[str, FunctionInfo]
    prior_sha256: str
    versions: dict[str, str]


def write_info(folder: Path, info: ExportInfo) -> None:
    """Write `export.json`: the same info always gives the same bytes."""
    text = msgspec.json.format(msgspec.json.encode(info, order="sorted"), indent=2)
    (folder / INFO_NAME).write_bytes(text + b"\n")


def read_info(folder: Path) -> ExportInfo:
    """Read `export.json`. Raises BadCheckpoint when it is missing, damaged or of another version."""
    path = folder / INFO_NAME
    try:
        info = msgspec.json.decode(path.read_bytes(), type=ExportInfo)
    except FileNotFoundError as exc:
        raise BadCheckpoint(f"{folder}: is no export: it has no {INFO_NAME}; `vaecore export` makes one") from exc
    except OSError as exc:
        raise BadCheckpoint(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
        raise BadCheckpoint(f"{path}: is not valid: {exc}; export the checkpoint again") from exc
    if info.format_version != FORMAT_VERSION:
        raise BadCheckpoint(f"{path}: has format version {info.format_version[:20]}: {FORMAT_VERSION} is allowed")
    return info


def checked_bytes(path: Path, sha256: str) -> bytes:
    """Content of a file of the export. Raises BadCheckpoint when it is missing or not what `export.json` says."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise BadCheckpoint(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadCheckpoint(f"{path}: is not the file that {INFO_NAME} names; export the checkpoint again")
    return data


def write_prior(folder: Path, prior: Prior) -> None:
    """Write the prior's three arrays, float32, as NumPy's own uncompressed zip, which holds no times."""
    np.savez(folder / PRIOR_NAME, allow_pickle=False, **prior.tensors())


def read_prior(folder: Path, info: ExportInfo) -> Prior:
    """The prior of an export. Raises BadCheckpoint."""
    data = checked_bytes(folder / PRIOR_NAME, info.prior_sha256)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            tensors = {name: arrays[name] for name in TENSOR_NAMES}
    except (ValueError, KeyError, OSError) as exc:
        raise BadCheckpoint(f"{folder / PRIOR_NAME}: is not a prior: {exc}") from exc
    return Prior.from_tensors(tensors, info.config.latent_dim, where=str(folder / PRIOR_NAME))
