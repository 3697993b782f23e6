"""TorchScript traces, which torch 2.14 deprecates, for those who still deploy them with libtorch or an old torch."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from vae_core.export.formats import EXAMPLE_ROWS, NOTES_NAME, Runner
from vae_core.export.functions import Function
from vae_core.export.torch_file import notes_text, runner, versions

__all__ = ["SUFFIX", "load", "versions", "write"]  # a format, see `formats`

SUFFIX = ".pt"


def write(function: Function, path: Path, notes: Mapping[str, str]) -> None:
    """Write a trace of the function; `notes` are the extra file vaejob.json."""
    content = io.BytesIO()  # on a full disk torch's own writer ends the process
    with _deprecation_known():
        # torch's own check of the trace runs at the traced batch size only; ours follows at several.
        example = (torch.zeros(EXAMPLE_ROWS, *function.input_shape),)
        trace = torch.jit.trace(function.module, example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(trace, content, _extra_files={NOTES_NAME: notes_text(notes)})
    path.write_bytes(content.getvalue())


def load(path: Path) -> Runner:
    """The file's function, run by torch."""
    with _deprecation_known():
        module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    return runner(module)


@contextlib.contextmanager
def _deprecation_known() -> Iterator[None]:
    """Whoever asks for this format has been told by its help; torch need not say it at each call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is deprecated")
        yield
