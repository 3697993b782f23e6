"""The curves of a training as a picture: loss, PSNR, KL and active units against the images shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vae_core.training.metrics import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES = (10.0, 7.0)
_DPI = 110


def draw_curves(rows: Sequence[Row], path: Path, *, images: int) -> None:
    """Write the curves of these lines of `metrics.csv` as a PNG, in one step. images: in an epoch."""
    from matplotlib.figure import Figure  # late: it takes a while, and not every training draws

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI)
    figure.subplots_adjust(left=0.06, right=0.985, bottom=0.075, top=0.955, wspace=0.14, hspace=0.16)
    ((loss, psnr), (kl, units)) = figure.subplots(2, 2, sharex=True)
    _curve(loss, rows, "loss", "loss", "objective, as minimised")
    _curve(psnr, rows, "psnr_db", "training, of samples", "PSNR of reconstructions, dB")
    _curve(psnr, rows, "held_out_psnr_db", "held out, of means", "PSNR of reconstructions, dB")
    _curve(kl, rows, "kl", "KL", "KL, nats per image")
    _curve(units, rows, "active_units", "active units", "latent dimensions in use")
    units.set_ylim(bottom=0)
    for axes in (kl, units):
        axes.set_xlabel(f"image-steps (an epoch is {images})")
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", metadata={"Software": None})
    partial.replace(path)


def _curve(axes: Axes, rows: Sequence[Row], column: str, label: str, title: str) -> None:
    points = [(int(row["image_steps"]), float(row[column])) for row in rows if row[column]]
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.margins(x=0.02)
    if points:
        axes.plot(*zip(*points, strict=True), label=label, linewidth=1.4, marker="." if len(points) < 40 else "")
    if len(axes.lines) > 1:
        axes.legend(fontsize=9)
