"""The table of a training as TensorBoard reads it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from vae_core.training.metrics import COLUMNS, Row

_NOT_DRAWN = ("image_steps", "seconds")


class Board:
    """Writes each column of the table as a curve, into a folder for `tensorboard --logdir`.

    What an earlier part of the run wrote after `image_steps` is hidden: it is about to be done again.
    """

    def __init__(self, folder: Path, image_steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: it is an extra, and slow to load

        self._writer = SummaryWriter(str(folder), purge_step=image_steps + 1)

    def add(self, row: Row) -> None:
        """One more point of each curve."""
        step = int(row["image_steps"])
        for column in COLUMNS:
            if column not in _NOT_DRAWN and row[column]:
                self._writer.add_scalar(column, float(row[column]), step)
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()


def open_board(folder: Path, image_steps: int) -> Board | None:
    """A board in `folder`, or None where TensorBoard is not installed."""
    return Board(folder, image_steps) if importlib.util.find_spec("tensorboard") else None
