"""The files of an evaluation: `evaluation.json` and `evaluation.html`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vae_core.errors import InvalidValue
from vae_core.evaluation.gallery import Gallery
from vae_core.evaluation.page import make_page
from vae_core.evaluation.report import Evaluation

JSON_NAME = "evaluation.json"
PAGE_NAME = "evaluation.html"


def check_folder(folder: Path) -> None:
    """Raises InvalidValue when `folder` cannot be made or written to; makes nothing."""
    if folder.exists() and not folder.is_dir():
        raise InvalidValue(f"--out {folder} is a file: name a folder")
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as exc:
        raise InvalidValue(f"--out {folder} cannot be written to: {exc.strerror or exc}: name another folder") from exc


def write_evaluation(folder: Path, found: Evaluation, gallery: Gallery) -> None:
    """Write both files, each in one step, into `folder`, which is made. Raises OSError."""
    contents = {JSON_NAME: found.to_json(), PAGE_NAME: make_page(found, gallery)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        partial = folder / f".{name}.{os.getpid()}.partial"
        try:
            partial.write_bytes(content)
            partial.replace(folder / name)
        finally:
            partial.unlink(missing_ok=True)
