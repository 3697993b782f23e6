"""A canvas of polygons at a multiple of the final size, and grids of points painted on it from far to near."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from vae_core.training.cars.camera import Camera, Points

Colours = NDArray[np.float64]
Shader = Callable[["Faces"], Colours]


class Faces(NamedTuple):
    """Visible faces of a grid: each has a centre and a unit normal (N, 3) and its place (row, column) as 0 to 1."""

    centres: Points
    normals: Points
    place: Points


class Canvas:
    """An RGB picture drawn `supersample` times too large; every coordinate in it is in those larger pixels."""

    def __init__(self, background: Image.Image, camera: Camera) -> None:
        self.image = background
        self.camera = camera
        self._begin()

    def _begin(self) -> None:
        """Pens for the picture: one that blends, and a faster one that does not."""
        self._draw = ImageDraw.Draw(self.image, "RGBA")
        self._solid = ImageDraw.Draw(self.image)

    def soften(self, radius: float) -> None:
        """Blur all that is drawn so far by a box of that radius."""
        self.image = self.image.filter(ImageFilter.BoxBlur(radius))
        self._begin()

    def polygon(self, points: Points, colour: tuple[float, float, float], alpha: float = 1.0) -> None:
        """Fill the projection of a closed line (N, 3) in metres; colour and alpha are 0 to 1."""
        outline = self.camera.project(points).ravel().tolist()
        if alpha < 1.0:
            self._draw.polygon(outline, fill=_bytes(colour, alpha))
        else:
            self._solid.polygon(outline, fill=_bytes(colour, alpha)[:3])

    def line(self, points: Points, colour: tuple[float, float, float], width_m: float, alpha: float = 1.0) -> None:
        """Stroke an open line (N, 3) in metres, as wide as that many metres are at its mean distance."""
        distance = float(np.mean((points - self.camera.eye) @ self.camera.forward))
        width = max(1, round(width_m * self.camera.scale[1] / distance))
        joint = "curve" if width > 4 else None  # the gaps between the pieces of a thin line are too small to be seen
        self._draw.line(
            self.camera.project(points).ravel().tolist(), fill=_bytes(colour, alpha), width=width, joint=joint
        )

    def grid(self, grid: Points, shade: Shader, inside: Points | None = None) -> None:
        """Paint the faces of a grid (rows, columns, 3) that look at the camera, far ones first.

        shade: colours (N, 3), 0 to 1, of those faces. inside: a point (or one per face, by broadcasting) that the
        normals point away from; without it they point up.
        """
        diagonal = grid[1:, 1:] - grid[:-1, :-1]
        other = grid[1:, :-1] - grid[:-1, 1:]
        normals = np.cross(diagonal, other)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        centres = (grid[1:, 1:] + grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:]) / 4
        outward = normals[..., 2] if inside is None else ((centres - inside) * normals).sum(axis=-1)
        normals *= np.where(outward < 0, -1.0, 1.0)[..., None]
        seen = ((self.camera.eye - centres) * normals).sum(axis=-1) > 0
        rows, columns = np.nonzero(seen)
        pixels = self.camera.project(grid)
        corners = np.stack([pixels[:-1, :-1], pixels[:-1, 1:], pixels[1:, 1:], pixels[1:, :-1]], axis=2)[rows, columns]
        place = np.stack([rows / max(grid.shape[0] - 2, 1), columns / max(grid.shape[1] - 2, 1)], axis=-1)
        faces = Faces(centres[rows, columns], normals[rows, columns], place)
        colours = np.clip(shade(faces) * 255.0 + 0.5, 0, 255).astype(np.uint8).astype(np.int64)
        # a colour as one whole number is what PIL takes fastest
        inks = colours[:, 0] | colours[:, 1] << 8 | colours[:, 2] << 16
        distance = ((faces.centres - self.camera.eye) ** 2).sum(axis=-1)
        order = np.argsort(-distance, kind="stable")
        fill = self._solid.polygon
        for outline, ink in zip(corners[order].reshape(-1, 8).tolist(), inks[order].tolist(), strict=True):
            fill(outline, ink)


def darker(colour: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    """The colour times a factor."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _bytes(colour: tuple[float, float, float], alpha: float) -> tuple[int, int, int, int]:
    """The colour as PIL takes it."""
    red, green, blue = (min(max(int(value * 255.0 + 0.5), 0), 255) for value in colour)
    return red, green, blue, min(max(int(alpha * 255.0 + 0.5), 0), 255)


def between_points(points: Points, step: float) -> Points:
    """A closed outline (N, 2) with points added so that no edge is longer than step: it then follows a curved skin."""
    edges = np.roll(points, -1, axis=0) - points
    counts = np.maximum(1, np.ceil(np.hypot(edges[:, 0], edges[:, 1]) / step)).astype(np.intp)
    edge = np.repeat(np.arange(len(points)), counts)
    share = (np.arange(len(edge)) - (np.cumsum(counts) - counts)[edge]) / counts[edge]
    return np.asarray(points[edge] + edges[edge] * share[:, None])


def rounded(points: Points, share: float = 0.25, rounds: int = 2) -> Points:
    """A closed outline (N, 2) with its corners cut off repeatedly (Chaikin's scheme)."""
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        first = points + share * (following - points)
        second = following - share * (following - points)
        points = np.stack([first, second], axis=1).reshape(-1, 2)
    return points
