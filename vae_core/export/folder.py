"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.export.info import INFO_NAME, PRIOR_NAME, read_info
from vae_core.jobs.checks import shown


@contextlib.contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """An empty folder to write into, beside `out`, which takes its name at the end; after an error it is removed.

    An earlier export of this name is replaced. Raises InvalidValue when `out` is anything else that exists, or holds
    anything else, or when its parent is no folder; OSError when it cannot be written.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100  # takes `..` out, and gives `.` a name, but leaves links
    _check_free(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        yield partial
        _take_place(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_free(out: Path) -> None:
    if not out.parent.is_dir():
        raise InvalidValue(f"--out {out}: {out.parent} is no folder: name one that exists")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InvalidValue(f"--out {out} exists and is no folder: name a new one")
    # An earlier export is removed, and whoever put something beside it would lose that.
    others = sorted({path.name for path in out.iterdir()} - _export_names(out)) if out.is_dir() else []
    if others:
        raise InvalidValue(
            f"--out {out} holds {shown(others[0])}, which is no part of an export: name a new or an empty folder"
        )


def _export_names(folder: Path) -> set[str]:
    """Names of the files that an export in this folder consists of; none where there is no whole export."""
    try:
        info = read_info(folder)
    except BadCheckpoint:
        return set()
    return {INFO_NAME, PRIOR_NAME, *(function.file for function in info.functions.values())}


def _take_place(partial: Path, out: Path) -> None:
    if not out.exists():
        partial.rename(out)
        return
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.rename(old)
    try:
        partial.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
