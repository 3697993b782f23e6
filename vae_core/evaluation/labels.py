"""What the lines of the tables are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vae_core.model.checkpoint import checkpoint_name

REAL = "real"
BLURRED = "blurred real"
MEAN = "mean image"
NEAREST = "nearest training image"
COPIES = "copies of training images"
HELD_OUT = "held-out images"
_PCA = "PCA-"
_STANDARD = ", N(0, I)"


def standard_label(label: str) -> str:
    """The line of the same model's samples from N(0, I)."""
    return f"{label}{_STANDARD}"


def pca_label(components: int) -> str:
    """The line of PCA with so many components."""
    return f"{_PCA}{components}"


def file_labels(paths: Sequence[Path]) -> list[str]:
    """One label for each file: what it is called, numbered where two are alike or a control is called so."""
    labels: list[str] = []
    taken = {REAL, BLURRED, MEAN, NEAREST, COPIES, HELD_OUT}
    for path in paths:
        name = checkpoint_name(path)
        label, number = name, 1
        while label in taken or label.startswith(_PCA):
            number += 1
            label = f"{name} ({number})".removeprefix(_PCA)
        taken.add(label)
        labels.append(label)
    return labels
