"""Windscreen, side windows, pillars, mirrors and what is on the roof."""

from __future__ import annotations

import itertools

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.raster import Canvas, Faces, between_points, darker, rounded
from vae_core.training.cars.shade import Light

_TRIM = (0.05, 0.05, 0.055)
_LIGHT = (0.80, 0.83, 0.86)
# where the rearmost pane of a family ends, below and above, as f of `Body.cabin_side`
_REAR_ENDS = {"hatchback": (0.80, 0.62), "tall": (0.90, 0.84), "saloon": (0.66, 0.66), "coupe": (0.70, 0.50),
              "crossover": (0.84, 0.76), "suv": (0.92, 0.90), "van": (0.92, 0.90)}  # fmt: skip


def draw_windscreen(canvas: Canvas, body: Body, light: Light) -> None:
    """The windscreen with its black border, wipers and, through clear glass, seats and steering wheel."""
    params = body.params
    border = between_points(rounded(np.array([[-0.89, 0.0], [0.89, 0.0], [0.86, 0.97], [-0.86, 0.97]]), 0.06, 1), 0.2)
    canvas.polygon(body.cabin_front(border[:, 0], border[:, 1]), _TRIM)
    w = np.linspace(0.05, 0.93, 13)[:, None]
    g = np.linspace(-1.0, 1.0, 15)[None, :] * (0.85 - 0.02 * w)
    inside = 0.045 + 0.30 * (1.0 - params.glass_tint)

    def shade(faces: Faces) -> Points:
        row, column = faces.place[:, 0], faces.place[:, 1]
        ceiling = inside * (0.6 + 0.9 * (1 - row)) * (1.0 - 0.3 * np.abs(column - 0.5))
        streak = 0.20 * params.glass_glare * np.clip(1.4 * row - 0.9 * column + 0.15, 0.0, 0.6)
        return light.glass(faces, 0.0) + (ceiling + streak)[:, None]

    grid = body.cabin_front(g + 0 * w, w + 0 * g)
    canvas.grid(grid, shade, np.array([params.length_m / 2, 0.0, params.cowl_z_m]))
    _draw_cabin(canvas, body)
    for start in (-0.75, 0.05):
        line = np.linspace(0.0, 1.0, 6)
        canvas.line(body.cabin_front(start + 0.62 * line, 0.04 + 0.09 * line), _TRIM, 0.014)


def _draw_cabin(canvas: Canvas, body: Body) -> None:
    """Head rests, mirror and steering wheel as dim shapes behind the windscreen."""
    clear = 1.0 - body.params.glass_tint
    angle = np.linspace(0, 2 * np.pi, 14)
    back = rounded(np.array([[-0.46, 0.42], [0.30, 0.42], [0.24, 0.74], [-0.42, 0.74]]), 0.2, 1)
    canvas.polygon(body.cabin_front(back[:, 0], back[:, 1]), _LIGHT, 0.42 * clear * clear)
    for g in (-0.45, 0.45):
        canvas.polygon(
            body.cabin_front(g + 0.13 * np.cos(angle), 0.44 + 0.16 * np.sin(angle)), _TRIM, 0.15 + 0.5 * clear
        )
        seat = rounded(np.array([[g - 0.24, 0.06], [g + 0.24, 0.06], [g + 0.2, 0.36], [g - 0.2, 0.36]]))
        canvas.polygon(body.cabin_front(seat[:, 0], seat[:, 1]), _TRIM, 0.12 + 0.45 * clear)
    wheel = np.stack([0.47 + 0.17 * np.cos(angle), 0.12 + 0.16 * np.sin(angle)], axis=-1)
    canvas.line(body.cabin_front(wheel[:, 0], wheel[:, 1]), _TRIM, 0.022, 0.3 + 0.4 * clear)
    mirror = np.array([[-0.09, 0.80], [0.09, 0.80], [0.09, 0.88], [-0.09, 0.88]])
    canvas.polygon(body.cabin_front(mirror[:, 0], mirror[:, 1]), _TRIM, 0.8)


def _panes(body: Body) -> list[Points]:
    """Panes of the near side as quadrilaterals (f, w): lower front, lower rear, upper rear, upper front."""
    family = body.params.family
    ends = _REAR_ENDS[family]
    long = family in ("suv", "van", "crossover")
    pillar = -0.06 if long else 0.18 if family == "coupe" else 0.0
    rear_door = 0.52 if long else None
    panes = [np.array([[-0.86, 0.06], [pillar - 0.03, 0.06], [pillar - 0.035, 0.88], [-0.82, 0.88]])]
    if rear_door is None:
        panes.append(np.array([[pillar + 0.03, 0.06], [ends[0], 0.09], [ends[1], 0.86], [pillar + 0.025, 0.88]]))
    else:
        panes.append(
            np.array(
                [[pillar + 0.03, 0.06], [rear_door - 0.03, 0.07], [rear_door - 0.05, 0.87], [pillar + 0.025, 0.88]]
            )
        )
        panes.append(np.array([[rear_door + 0.03, 0.07], [ends[0], 0.12], [ends[1], 0.83], [rear_door + 0.01, 0.87]]))
    return panes


def draw_side_windows(canvas: Canvas, body: Body, light: Light) -> None:
    """Side windows in a black frame, with a gradient of what they mirror."""
    params = body.params
    panes = _panes(body)
    end = panes[-1]
    frame = np.array(
        [[-0.895, 0.02], [end[1, 0] + 0.035, end[1, 1] - 0.04], [end[2, 0] + 0.03, end[2, 1] + 0.05], [-0.86, 0.93]]
    )
    outline = between_points(rounded(frame, 0.07, 2), 0.12)
    canvas.polygon(body.cabin_side(outline[:, 0], outline[:, 1]), _TRIM)
    if not params.dark_pillars:
        _draw_pillars(canvas, body, panes)
    if params.chrome_belt:
        f = np.linspace(-0.88, end[1, 0], 14)
        canvas.line(body.cabin_side(f, np.full(14, 0.015)), (0.75, 0.76, 0.78), 0.02)
    inside = 0.035 + 0.30 * (1.0 - params.glass_tint)
    centre = np.array([params.length_m / 2, 0.0, params.cowl_z_m])

    def shade(faces: Faces) -> Points:
        row, column = faces.place[:, 0], faces.place[:, 1]
        depth = inside * (1.15 - 0.75 * (1 - row)) * (1.0 - 0.25 * column)
        streak = 0.16 * params.glass_glare * np.clip(1.2 * row + 0.8 * column - 0.7, 0.0, 0.5)
        return light.glass(faces, 0.0) + (depth + streak)[:, None]

    for pane in panes:
        u = np.linspace(0, 1, 8)[:, None, None]
        v = np.linspace(0, 1, 8)[None, :, None]
        patch = (1 - u) * ((1 - v) * pane[0] + v * pane[1]) + u * ((1 - v) * pane[3] + v * pane[2])
        canvas.grid(body.cabin_side(patch[..., 0], patch[..., 1]), shade, centre)
        _draw_beyond(canvas, body, pane)
        _draw_streak(canvas, body, pane)


def _draw_pillars(canvas: Canvas, body: Body, panes: list[Points]) -> None:
    """The pillars between the panes in the colour of the body instead of black."""
    params = body.params
    colour = darker((params.paint_red, params.paint_green, params.paint_blue), 0.72)
    for front, rear in itertools.pairwise(panes):
        pillar = np.array([front[1], rear[0], rear[3], front[2]])
        pillar[:, 0] += np.array([0.014, -0.014, -0.014, 0.014])
        pillar[:, 1] += np.array([-0.04, -0.04, 0.05, 0.05])
        canvas.polygon(body.cabin_side(pillar[:, 0], pillar[:, 1]), colour)


def _draw_streak(canvas: Canvas, body: Body, pane: Points) -> None:
    """A slanting band of the sky that the pane mirrors."""
    left, right = float(pane[0, 0]), float(pane[1, 0])
    wide = right - left
    start = 0.15 + 0.5 * body.params.wheel_turn
    band = np.array([[start - 0.10, 0.08], [start + 0.12, 0.08], [start + 0.34, 0.86], [start + 0.06, 0.86]])
    band[:, 0] = left + wide * np.clip(band[:, 0], 0.03, 0.94)
    canvas.polygon(body.cabin_side(band[:, 0], band[:, 1]), _LIGHT, 0.16 * body.params.glass_glare)


def _draw_beyond(canvas: Canvas, body: Body, pane: Points) -> None:
    """What shows through the pane: the bright window of the far side, and before it a seat with its head rest."""
    clear = 1.0 - body.params.glass_tint
    middle = pane.mean(axis=0)
    far = middle + (pane - middle) * np.array([0.62, 0.60]) + np.array([-0.05, -0.04])
    canvas.polygon(body.cabin_side(far[:, 0], far[:, 1]), _LIGHT, 0.6 * clear * clear)
    place = 0.4 * pane[0, 0] + 0.6 * pane[1, 0]
    width = 0.16 * (pane[1, 0] - pane[0, 0])
    seat = rounded(
        np.array([[place - width, 0.08], [place + width * 1.2, 0.08], [place + width * 1.5, 0.6], [place, 0.62]])
    )
    canvas.polygon(body.cabin_side(seat[:, 0], seat[:, 1]), _TRIM, 0.12 + 0.6 * clear)


def draw_mirrors(canvas: Canvas, body: Body, light: Light, colour: tuple[float, float, float]) -> None:
    """The near door mirror, and the far one where it shows past the pillar."""
    for side in (-1.0, 1.0):
        foot = body.cabin_side(np.array([-0.86]), np.array([0.10]))[0] * np.array([1.0, side, 1.0])
        theta = np.linspace(0, np.pi, 8)[:, None]
        phi = np.linspace(0, 2 * np.pi, 13)[None, :]
        ball = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta) + 0 * phi, np.sin(theta) * np.sin(phi)], axis=-1)
        # a rounded box rather than an egg
        ball = np.sign(ball) * np.abs(ball) ** 0.6 * np.array([0.055, 0.105, 0.062])
        centre = foot + np.array([-0.02, side * 0.13, 0.05])
        canvas.line(np.stack([foot, centre]), _TRIM, 0.05)
        canvas.grid(ball + centre, lambda faces: light.paint(faces, colour, 0.5), centre)


def draw_roof_fittings(canvas: Canvas, body: Body, colour: tuple[float, float, float]) -> None:
    """Spoiler at the roof's end, roof rails and aerial."""
    params = body.params
    if params.rear_spoiler:
        edge = body.cabin_side(np.array([0.93]), np.ones(1))[0]
        lip = edge + np.array([0.16, -0.02, -0.02])
        mirrored = np.array([1.0, -1.0, 1.0])
        canvas.polygon(np.stack([edge, lip, lip * mirrored, edge * mirrored]), darker(colour, 0.85))
        canvas.polygon(
            np.stack([edge, lip, lip - np.array([0, 0, 0.05]), edge - np.array([0, 0, 0.04])]), darker(colour, 0.5)
        )
    if params.rails:
        f = np.linspace(-0.80, 0.86, 14)
        for side in (-1.0, 1.0):
            rail = (body.cabin_side(f, np.ones(14)) + np.array([0.0, -0.04, 0.05])) * np.array([1.0, side, 1.0])
            rail[[0, -1], 2] -= 0.05
            canvas.line(rail, (0.12, 0.12, 0.13) if params.chrome < 0.6 else (0.66, 0.67, 0.69), 0.028)
    if params.aerial:
        foot = np.array([params.length_m * (params.roof_front_frac + 0.05), 0.0, params.height_m - 0.01])
        canvas.line(np.stack([foot, foot + np.array([0.14, 0.0, 0.20])]), (0.1, 0.1, 0.1), 0.012)
