"""Light on paint and glass: a lamp, a bright ceiling, a dark horizon and the floor, and how gloss mirrors them."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.camera import Camera, Points
from vae_core.training.cars.params import CarParams
from vae_core.training.cars.raster import Colours, Faces


def smooth_step(low: float, high: float, value: Points) -> Points:
    """0 below low, 1 above high, smooth between."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


class Light:
    """The light of one photograph."""

    def __init__(self, params: CarParams, camera: Camera) -> None:
        self.params = params
        self.eye = camera.eye
        azimuth = np.radians(180.0 - params.yaw_deg - params.light_azimuth_deg)
        elevation = np.radians(params.light_elevation_deg)
        flat = np.cos(elevation)
        self.to_lamp = np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])
        # the light's tint: what is bluish in the shade is yellowish in the sun
        self._tint = np.array([1.0 + 0.05 * params.warmth, 1.0, 1.0 - 0.06 * params.warmth])

    def _view(self, faces: Faces) -> tuple[Points, Points, Points]:
        """Unit vectors to the camera, their cosine to the normal, and the mirrored directions."""
        view = self.eye - faces.centres
        view /= np.linalg.norm(view, axis=-1, keepdims=True)
        cosine = np.clip((view * faces.normals).sum(axis=-1), 0.0, 1.0)
        return view, cosine, 2.0 * cosine[:, None] * faces.normals - view

    def surroundings(self, direction: Points, height: Points) -> Points:
        """Brightness (N,) seen in these directions: soft boxes above, a dark horizon, a floor dark near the car."""
        z = direction[:, 2]
        ceiling = 0.40 + 0.60 * smooth_step(0.10, 0.50, z)
        boxes = (
            1.3
            * smooth_step(0.3, 0.7, np.cos(3.0 * np.arctan2(direction[:, 1], -direction[:, 0])))
            * smooth_step(0.05, 0.35, z)
        )
        floor = 0.16 + 0.60 * smooth_step(0.0, 0.5, -z) * smooth_step(0.1, 0.8, height)
        skyline = 1.0 - 0.75 * self.params.horizon * np.exp(-(((z - 0.03) / 0.11) ** 2))
        share = smooth_step(-0.05, 0.05, z)
        return np.asarray(((ceiling + boxes) * share + floor * (1.0 - share)) * skyline)

    def paint(self, faces: Faces, base: tuple[float, float, float], gloss: float) -> Colours:
        """Colours (N, 3) of a painted surface: diffuse and flakes under a clear coat (Schlick's Fresnel term)."""
        view, cosine, mirrored = self._view(faces)
        params = self.params
        up = faces.normals[:, 2]
        lamp = np.clip(faces.normals @ self.to_lamp, 0.0, 1.0)
        halfway = view + self.to_lamp
        halfway /= np.linalg.norm(halfway, axis=-1, keepdims=True)
        shine = np.clip((faces.normals * halfway).sum(axis=-1), 0.0, 1.0)
        height = faces.centres[:, 2]
        low = smooth_step(0.0, 0.70, height)
        diffuse = (0.30 + 0.22 * up + 0.52 * lamp * params.contrast) * (0.62 + 0.38 * low) + 0.11
        # flakes shine where the surface faces the eye or the lamp, and leave the rest darker than plain paint
        flakes = params.metallic * (0.55 * shine**9 + 0.20 * cosine**3 - 0.18)
        scene = self.surroundings(mirrored, height)
        fresnel = (0.07 + 0.50 * (1.0 - cosine) ** 4) * gloss
        sheen = fresnel * scene + 0.40 * gloss * shine**50
        matter = np.array(base) * (np.maximum(diffuse + flakes, 0.05) * (1.0 + 0.22 * (scene - 0.6)))[:, None] * 1.14
        colour = (matter + sheen[:, None]) * self._tint
        return np.asarray(_rolled(colour * params.exposure))

    def glass(self, faces: Faces, inside: float) -> Colours:
        """Colours (N, 3) of glazing over a cabin of brightness `inside`: bluish, mirroring more at a flat angle."""
        _, cosine, mirrored = self._view(faces)
        fresnel = 0.06 + 0.85 * (1.0 - cosine) ** 3.2
        glare = self.params.glass_glare * fresnel * self.surroundings(mirrored, faces.centres[:, 2] + 1.0)
        tint = np.array([0.92, 1.0, 1.06]) * self._tint
        return np.asarray(_rolled((inside + glare[:, None]) * tint))


def _rolled(colour: Colours) -> Colours:
    """Colours with the brightest part compressed, as film does, so that white paint keeps its shape."""
    knee = 0.78
    over = np.maximum(colour - knee, 0.0)
    return np.where(colour > knee, knee + (1.0 - knee) * (1.0 - np.exp(-over / (1.0 - knee))) * 0.98, colour)
