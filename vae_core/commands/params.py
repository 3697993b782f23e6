"""What several commands of `vaecore` take alike."""

from __future__ import annotations

import os
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


def check_writable(option: str, path: Path) -> None:
    """Raises InvalidValue, naming the option, for a file that cannot be written. Looked at before any long work."""
    from vae_core.errors import InvalidValue

    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if path.is_dir():
        raise InvalidValue(f"{option} {path} is a folder: a file is expected")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidValue(f"{option} {path} cannot be written: {folder} is no folder that one may write to")


def processors() -> int:
    """How many processors this machine has."""
    return os.cpu_count() or 1
