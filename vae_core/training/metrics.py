"""The table of how a training went, which goes on where the training does."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from vae_core.training.trainer import StepResult

COLUMNS = ("image_steps", "seconds", "loss", "mse", "kl", "gradient_norm", "learning_rate", "held_out_psnr_db")


class Metrics:
    """Appends to `metrics.csv`. Seconds count the time that the run was at work, over all its parts.

    Opening it drops lines of image-steps after `image_steps`: the run that wrote them was killed before it saved its
    state, and they are about to be done again.
    """

    def __init__(self, path: Path, image_steps: int) -> None:
        self._path = path
        rows = [row for row in _read(path) if int(row[0]) <= image_steps]
        before = float(rows[-1][1]) if rows else 0.0
        self._started = time.monotonic() - before
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])

    def add(self, image_steps: int, result: StepResult, held_out_psnr_db: float | None) -> float:
        """One more line. Returns the seconds so far."""
        seconds = time.monotonic() - self._started
        numbers = [f"{value:.6g}" for value in result]
        psnr = "" if held_out_psnr_db is None else f"{held_out_psnr_db:.3f}"
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([image_steps, f"{seconds:.1f}", *numbers, psnr])
        return seconds


def _read(path: Path) -> list[list[str]]:
    """The whole lines of the table; one cut off by a kill is left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in list(csv.reader(file))[1:] if len(row) == len(COLUMNS)]
