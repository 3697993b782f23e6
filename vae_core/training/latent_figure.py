"""The picture of one or more latent maps, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vae_core.training.latent_map import LatentMap, Parameter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

_PANEL_INCHES = (7.0, 7.4)
_DPI = 110
_MORE_COLOURS = ("navy", "gold", "teal", "indigo", "lime", "crimson", "black", "salmon", "peru", "skyblue")


class Panel(NamedTuple):
    """One map and the name that stands above it."""

    name: str
    map: LatentMap


def draw_maps(panels: Sequence[Panel], parameter: Parameter, out: Path) -> None:
    """Write the maps as a PNG, in one step. Points have the colour of the parameter, draws from N(0, I) are crosses."""
    from matplotlib.figure import Figure  # late: it takes a while

    figure = Figure(figsize=(len(panels) * _PANEL_INCHES[0] + 1.0, _PANEL_INCHES[1]), dpi=_DPI, layout="constrained")
    axes = list(figure.subplots(1, len(panels), squeeze=False)[0])
    for place, panel in zip(axes, panels, strict=True):
        place.set_title(
            f"{panel.name}\nto the nearest image, against image to image: N(0, I) {panel.map.empty_standard:.2f}, "
            f"fitted prior {panel.map.empty_prior:.2f}",
            loc="left",
            fontsize=10,
        )
        place.set_xticks([])
        place.set_yticks([])
        draws = panel.map.draws
        place.scatter(draws[:, 0], draws[:, 1], c="0.55", marker="x", s=14, linewidths=0.7, label="N(0, I)")
        shown = _scatter(place, panel.map, parameter)
    if not parameter.is_kind:
        figure.colorbar(shown, ax=axes, label=parameter.name, shrink=0.7)
    axes[-1].legend(loc="upper right", fontsize=8, title=parameter.name if parameter.is_kind else None)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    try:
        figure.savefig(partial, format="png", metadata={"Software": None})
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _scatter(axes: Axes, latent_map: LatentMap, parameter: Parameter) -> PathCollection:
    """The encoded images in the colours of the parameter, kinds with an entry in the legend each."""
    points = latent_map.points
    if not parameter.is_kind:
        return axes.scatter(points[:, 0], points[:, 1], c=parameter.values, cmap="viridis", s=11)
    for number, kind in enumerate(np.unique(parameter.values)):
        rows = points[parameter.values == kind]
        colour = f"C{number}" if number < 10 else _MORE_COLOURS[number - 10]
        shown = axes.scatter(rows[:, 0], rows[:, 1], color=colour, s=11, label=str(kind))
    return shown
