"""The table of how a training went, which goes on where the training does."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vae_core.training.trainer import StepResult

COLUMNS = (
    "image_steps",
    "seconds",
    "loss",
    "mse",
    "psnr_db",
    "kl",
    "beta",
    "gradient_norm",
    "learning_rate",
    "judge_loss",
    "held_out_psnr_db",
    "active_units",
)
Row = dict[str, str]


class Measured(NamedTuple):
    """What is found out while sheets are made.

    held_out_psnr_db: None without validation images. active_units: latent dimensions whose posterior mean varies over
    the training images by more than 0.01 (Burda et al., "Importance Weighted Autoencoders", 2016).
    """

    held_out_psnr_db: float | None
    active_units: int


class Window:
    """The mean of some steps' results, since it was last emptied.

    sums: what is to be kept of it in a saved state; empty, or the number of steps and then the sum of each field.
    """

    def __init__(self, sums: Sequence[float] = ()) -> None:
        self.sums = list(sums)

    def add(self, result: StepResult) -> None:
        """One more step."""
        values = (1.0, *result)
        self.sums = [total + value for total, value in zip(self.sums, values, strict=True)] if self.sums else [*values]

    def take(self) -> StepResult:
        """The mean, of at least one step; the window is empty afterwards."""
        count, *totals = self.sums
        self.sums = []
        return StepResult(*(total / count for total in totals))


class Metrics:
    """Appends to `metrics.csv`. Seconds count the time that the run was at work, over all its parts.

    Opening it drops lines of image-steps after `image_steps`: the run that wrote them was killed before it saved its
    state, and they are about to be done again. rows: all lines so far, by column.
    """

    def __init__(self, path: Path, image_steps: int) -> None:
        self._path = path
        self.rows = [row for row in _read(path) if int(row["image_steps"]) <= image_steps]
        before = float(self.rows[-1]["seconds"]) if self.rows else 0.0
        self._started = time.monotonic() - before
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([row[column] for column in COLUMNS] for row in self.rows)
        partial.replace(path)

    def add(self, image_steps: int, result: StepResult, measured: Measured | None) -> Row:
        """One more line, which is on the disk when this returns."""
        numbers = {"psnr_db": psnr_db(result.mse), **result._asdict()}
        row = {
            "image_steps": str(image_steps),
            "seconds": f"{time.monotonic() - self._started:.1f}",
            **{name: f"{value:.6g}" for name, value in numbers.items()},
            "held_out_psnr_db": "",
            "active_units": "",
        }
        if measured is not None:
            row["active_units"] = str(measured.active_units)
            if measured.held_out_psnr_db is not None:
                row["held_out_psnr_db"] = f"{measured.held_out_psnr_db:.3f}"
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([row[column] for column in COLUMNS])
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)
        return row


def psnr_db(mse: float) -> float:
    """Peak signal-to-noise ratio of this mean squared error of values in [0, 1]; at most 100."""
    return -10.0 * math.log10(max(mse, 1e-10))


def _read(path: Path) -> list[Row]:
    """The whole lines of the table; one cut off by a kill is left out, and so is a table of other columns."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file)) or [[]]
    if tuple(header) != COLUMNS:
        return []
    return [dict(zip(COLUMNS, line, strict=True)) for line in lines if len(line) == len(COLUMNS)]
