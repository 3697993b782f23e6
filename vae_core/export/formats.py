"""What each export format can do: write a function to a file, and load that file as whoever deploys it will."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import numpy as np

from vae_core.errors import InvalidValue
from vae_core.export.functions import Function

# float32 rows in, float32 rows out, one array for each output of the function.
Runner: TypeAlias = Callable[[np.ndarray], Sequence[np.ndarray]]

_MODULES = {"onnx": "onnx_file", "pt2": "pt2_file", "torchscript": "torchscript_file"}
FORMATS = tuple(_MODULES)
# Where a format's notes stand that has no metadata of its own, such as ONNX has: a file inside the file.
NOTES_NAME = "vaejob.json"
# Of the inputs that a graph is taken from. Not one: one row is what torch.export takes for a fixed size.
EXAMPLE_ROWS = 2


class Format(Protocol):
    """One module of this package for each format."""

    SUFFIX: str

    def write(self, function: Function, path: Path, notes: Mapping[str, str]) -> None:
        """Write the function, its batch of any size, with `notes` inside the file."""

    def load(self, path: Path) -> Runner:
        """The file's function, run on the CPU by what runs such files."""

    def versions(self) -> dict[str, str]:
        """Of everything that had a part in writing and checking the file."""


def open_format(name: str) -> Format:
    """The format called `name`. Raises InvalidValue when a package that it needs is not installed."""
    try:
        module = import_module(f"vae_core.export.{_MODULES[name]}")
    except ModuleNotFoundError as exc:
        raise InvalidValue(
            f"--to {name} needs the package {exc.name}, which is not installed: pip install 'vaejob[export]'"
        ) from exc
    return cast("Format", module)
