"""The perspective camera: from metres on the car to pixels of a canvas that the car fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vae_core.training.cars.params import CarParams

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; `scale` and `offset` (x, y) take its image plane to pixels, y downwards."""

    eye: Points
    right: Points
    up: Points
    forward: Points
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def project(self, points: Points) -> Points:
        """Pixels (..., 2) of points (..., 3) in metres; the points must lie in front of the camera."""
        relative = points - self.eye
        depth = relative @ self.forward
        plane = np.empty((*points.shape[:-1], 2))
        plane[..., 0] = relative @ self.right / depth * self.scale[0] + self.offset[0]
        plane[..., 1] = -(relative @ self.up) / depth * self.scale[1] + self.offset[1]
        return plane


def aim(params: CarParams) -> Camera:
    """The camera of this photograph, looking at the middle of the car, not yet fitted to a frame.

    The front of the car comes out at the left and its side at the right; `draw.render` turns the mirrored ones over.
    The axes (x back, y to the near side, z up) are left-handed, so `right` is written out instead of taken from a
    cross product.
    """
    yaw = np.radians(params.yaw_deg)
    target = np.array([params.length_m * 0.48, 0.0, params.height_m * 0.45])
    ground = np.array([-np.cos(yaw), np.sin(yaw), 0.0])
    eye = target + params.camera_distance_m * ground
    eye[2] = params.camera_height_m
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.array([np.sin(yaw), np.cos(yaw), 0.0])
    tilt = -forward[2]
    level = np.sqrt(1.0 - tilt * tilt)
    up = np.array([-ground[0] * tilt, -ground[1] * tilt, level])
    turn = np.radians(params.roll_deg)
    right, up = right * np.cos(turn) - up * np.sin(turn), right * np.sin(turn) + up * np.cos(turn)
    return Camera(eye, right, up, forward)


def fit(camera: Camera, outline: Points, params: CarParams, pixels: int) -> Camera:
    """The camera with the outline (N, 3) of the car filling a square of that many pixels, but for the margin.

    A margin below 0 crops the car by that share at each of the tighter sides.
    """
    plane = camera.project(outline)
    low, high = plane.min(axis=0), plane.max(axis=0)
    room = pixels * (1.0 - 2.0 * params.margin_frac)
    scale = min(room / ((high[0] - low[0]) * params.squash), room / (high[1] - low[1]))
    scales = (float(scale * params.squash), float(scale))
    shifts = (params.shift_x, params.shift_y)
    offsets = []
    for axis in range(2):
        spare = room - (high[axis] - low[axis]) * scales[axis]
        start = pixels * params.margin_frac + spare * (0.5 + 0.5 * shifts[axis])
        offsets.append(float(start - low[axis] * scales[axis]))
    return Camera(camera.eye, camera.right, camera.up, camera.forward, scales, (offsets[0], offsets[1]))
