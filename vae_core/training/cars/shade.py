"""Light on paint and glass: a lamp, a bright ceiling, a white floor and what they look like in a glossy surface."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.camera import Camera, Points
from vae_core.training.cars.params import CarParams
from vae_core.training.cars.raster import Colours, Faces


def _step(low: float, high: float, value: Points) -> Points:
    """0 below low, 1 above high, smooth between."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


class Light:
    """The studio of one photograph."""

    def __init__(self, params: CarParams, camera: Camera) -> None:
        self.params = params
        self.eye = camera.eye
        azimuth = np.radians(180.0 - params.yaw_deg - params.light_azimuth_deg)
        elevation = np.radians(params.light_elevation_deg)
        flat = np.cos(elevation)
        self.to_lamp = np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])

    def _view(self, faces: Faces) -> tuple[Points, Points, Points]:
        """Unit vectors to the camera, their cosine to the normal, and the mirrored directions."""
        view = self.eye - faces.centres
        view /= np.linalg.norm(view, axis=-1, keepdims=True)
        cosine = np.clip((view * faces.normals).sum(axis=-1), 0.0, 1.0)
        return view, cosine, 2.0 * cosine[:, None] * faces.normals - view

    @staticmethod
    def surroundings(direction: Points, height: Points) -> Points:
        """Brightness (N,) seen in these directions: soft boxes above, a dim horizon, a floor dark near the car."""
        z = direction[:, 2]
        ceiling = 0.25 + 0.75 * _step(0.08, 0.55, z)
        boxes = 1.5 * _step(0.35, 0.6, np.cos(3.0 * np.arctan2(direction[:, 1], -direction[:, 0]))) * _step(0.0, 0.3, z)
        floor = 0.22 + 0.48 * _step(0.0, 0.5, -z) * _step(0.1, 0.8, height)
        return np.asarray(np.where(z > 0, ceiling + boxes, floor))

    def paint(self, faces: Faces, base: tuple[float, float, float], gloss: float) -> Colours:
        """Colours (N, 3) of a painted surface: diffuse and flakes under a clear coat (Schlick's Fresnel term)."""
        view, cosine, mirrored = self._view(faces)
        up = faces.normals[:, 2]
        lamp = np.clip(faces.normals @ self.to_lamp, 0.0, 1.0)
        halfway = view + self.to_lamp
        halfway /= np.linalg.norm(halfway, axis=-1, keepdims=True)
        shine = np.clip((faces.normals * halfway).sum(axis=-1), 0.0, 1.0)
        low = _step(0.05, 0.75, faces.centres[:, 2])
        diffuse = (0.30 + 0.20 * up + 0.52 * lamp * self.params.contrast) * (0.66 + 0.34 * low) + 0.12
        flakes = 0.35 * gloss * shine**10
        fresnel = (0.05 + 0.45 * (1.0 - cosine) ** 5) * gloss
        sheen = fresnel * self.surroundings(mirrored, faces.centres[:, 2]) + 0.35 * gloss * shine**45
        colour = np.array(base) * (diffuse + flakes)[:, None] * 1.12 + sheen[:, None]
        return np.asarray(_rolled(colour * self.params.exposure))

    def glass(self, faces: Faces, inside: float) -> Colours:
        """Colours (N, 3) of glazing over a cabin of brightness `inside`: bluish, mirroring more at a flat angle."""
        _, cosine, mirrored = self._view(faces)
        fresnel = 0.06 + 0.8 * (1.0 - cosine) ** 3.5
        glare = self.params.glass_glare * fresnel * self.surroundings(mirrored, faces.centres[:, 2] + 1.0)
        tint = np.array([0.92, 1.0, 1.06])
        return np.asarray(_rolled((inside + glare[:, None]) * tint))


def _rolled(colour: Colours) -> Colours:
    """Colours with the brightest part compressed, as film does, so that white paint keeps its shape."""
    knee = 0.78
    over = np.maximum(colour - knee, 0.0)
    return np.where(colour > knee, knee + (1.0 - knee) * (1.0 - np.exp(-over / (1.0 - knee))) * 0.98, colour)
