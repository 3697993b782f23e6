"""What the two formats that torch runs have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import torch

from vae_core.export.formats import Runner


def notes_text(notes: Mapping[str, str]) -> str:
    """The notes as JSON, the same text for the same notes."""
    return msgspec.json.encode(dict(notes), order="sorted").decode()


def runner(module: Callable[[torch.Tensor], Any]) -> Runner:
    """The loaded module as a function of arrays."""

    def run(rows: np.ndarray) -> Sequence[np.ndarray]:
        with torch.inference_mode():
            results = module(torch.from_numpy(rows))
        return [tensor.numpy() for tensor in (results if isinstance(results, tuple) else (results,))]

    return run


def versions() -> dict[str, str]:
    """Of everything that had a part in writing and checking the file."""
    return {"torch": str(torch.__version__)}
