"""How a training tells of itself: a bar on a terminal, lines anywhere else."""

from __future__ import annotations

import contextlib
import logging
from types import TracebackType

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from vae_core.training.metrics import Row, psnr_db
from vae_core.training.trainer import StepResult

_LOG = logging.getLogger(__name__)


class Progress:
    """A bar over image-steps with the rate and the time left; use it as a context manager.

    shown: whether there is a bar; without it every row of the table is a line of the log, with it only those that have
    something beside what the bar shows.
    """

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self._total, self._shown = total, shown
        self._bar = tqdm(
            total=total,
            initial=done,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            smoothing=0.05,
            disable=not shown,
        )
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Progress:
        if self._shown:
            self._stack.enter_context(logging_redirect_tqdm())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._bar.close()

    def step(self, images: int, result: StepResult) -> None:
        """One more step of so many images."""
        if self._shown:
            texts = f"loss {result.loss:.3f}, PSNR {psnr_db(result.mse):.2f} dB, KL {result.kl:.0f}"
            self._bar.set_postfix_str(texts, refresh=False)
            self._bar.update(images)

    def row(self, row: Row) -> None:
        """One more row of the table."""
        if self._shown and not row["active_units"]:
            return
        text = (
            f"image-step {row['image_steps']} of {self._total}  {float(row['seconds']):.0f} s"
            f"  loss {float(row['loss']):.4f}  PSNR {float(row['psnr_db']):.2f} dB  KL {float(row['kl']):.1f} nats"
        )
        if row["held_out_psnr_db"]:
            text += f"  held-out PSNR {float(row['held_out_psnr_db']):.2f} dB"
        if row["active_units"]:
            text += f"  {row['active_units']} active units"
        _LOG.info(text)
