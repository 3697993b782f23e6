"""What several commands of `vaecore` take alike."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from vae_core.errors import InvalidValue

PATH = click.Path(path_type=Path)


def check_out_file(out: Path) -> None:
    """Raises InvalidValue when --out cannot be a file. Looked at before any long work; makes nothing."""
    if out.is_dir():
        raise InvalidValue(f"--out {out} is a folder: name a file")
    _check_room(out, out.absolute().parent)


def check_out_folder(out: Path) -> None:
    """Raises InvalidValue when --out cannot be a folder. Looked at before any long work; makes nothing."""
    if out.exists() and not out.is_dir():
        raise InvalidValue(f"--out {out} is a file: name a folder")
    _check_room(out, out.absolute())


def _check_room(out: Path, folder: Path) -> None:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as exc:
        raise InvalidValue(f"--out {out} cannot be written to: {exc.strerror or exc}: name another place") from exc


def processors() -> int:
    """How many processors this machine has."""
    return os.cpu_count() or 1
