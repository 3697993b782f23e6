"""Files of torch.export, which `torch.export.load` reads without this project's code."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from vae_core.export.formats import EXAMPLE_ROWS, NOTES_NAME, Runner
from vae_core.export.functions import Function

SUFFIX = ".pt2"


def write(function: Function, path: Path, notes: Mapping[str, str]) -> None:
    """Write the function; `notes` are the extra file vaejob.json."""
    program = torch.export.export(
        function.module,
        (torch.zeros(EXAMPLE_ROWS, *function.input_shape),),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it holds this machine's paths
    text = msgspec.json.encode(dict(notes), order="sorted").decode()
    content = io.BytesIO()  # on a full disk torch's own writer ends the process
    torch.export.save(program, content, extra_files={NOTES_NAME: text})
    path.write_bytes(content.getvalue())


def load(path: Path) -> Runner:
    """The file's function, run by torch."""
    module = torch.export.load(path).module()

    def run(rows: np.ndarray) -> Sequence[np.ndarray]:
        with torch.inference_mode():
            results = module(torch.from_numpy(rows))
        return [tensor.numpy() for tensor in (results if isinstance(results, tuple) else (results,))]

    return run


def versions() -> dict[str, str]:
    """Of everything that had a part in writing and checking the file."""
    return {"torch": str(torch.__version__)}
