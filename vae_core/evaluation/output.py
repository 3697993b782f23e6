"""The files of an evaluation: `evaluation.json` and `evaluation.html`."""

from __future__ import annotations

import os
from pathlib import Path

from vae_core.evaluation.gallery import Gallery
from vae_core.evaluation.page import make_page
from vae_core.evaluation.report import Evaluation

JSON_NAME = "evaluation.json"
PAGE_NAME = "evaluation.html"


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
