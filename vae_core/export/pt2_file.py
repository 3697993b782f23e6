"""Files of torch.export, which `torch.export.load` reads without this project's code."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch

from vae_core.export.formats import EXAMPLE_ROWS, NOTES_NAME, Runner
from vae_core.export.functions import Function
from vae_core.export.torch_file import notes_text, runner, versions

__all__ = ["SUFFIX", "load", "versions", "write"]  # a format, see `formats`

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
    content = io.BytesIO()  # on a full disk torch's own writer ends the process
    torch.export.save(program, content, extra_files={NOTES_NAME: notes_text(notes)})
    path.write_bytes(content.getvalue())


def load(path: Path) -> Runner:
    """The file's function, run by torch."""
    module = torch.export.load(path).module()
    return runner(module)
