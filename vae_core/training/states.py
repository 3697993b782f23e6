"""The file that a stopped run goes on from: written whole or not at all."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from vae_core.errors import InvalidValue

FORMAT = 2


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and texts in one step: a kill, or a full disk, leaves the old file or the new one."""
    # In memory first: torch's own writer turns a full disk into an error that does not say so.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` wrote, on the CPU. Raises InvalidValue when it is damaged, or of another version."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as exc:
        raise InvalidValue(f"{path}: is not a readable training state: {exc}; take it away to start anew") from exc
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InvalidValue(f"{path}: was written by another version of vaecore: give another folder for the run")
    return state
