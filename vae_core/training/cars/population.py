"""The cars on the road: how the parameters of a drawing are distributed, and one car drawn from them at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vae_core.training.cars.params import CarParams


class Family(NamedTuple):
    """Share of a body family and its (low, high) of each dimension; fields as in `CarParams`."""

    weight: float
    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    wheel_diameter_m: tuple[float, float]
    clearance_m: tuple[float, float]
    nose_z_m: tuple[float, float]
    cowl_z_m: tuple[float, float]
    cowl_frac: tuple[float, float]
    roof_front_frac: tuple[float, float]
    roof_rear_frac: tuple[float, float]
    glass_rear_frac: tuple[float, float]
    belt_rise_m: tuple[float, float]
    plan_power: tuple[float, float]
    tumblehome_m: tuple[float, float]


FAMILIES: dict[str, Family] = {
    "hatchback": Family(
        0.32,
        (3.5, 4.1),
        (1.60, 1.78),
        (1.45, 1.57),
        (0.58, 0.65),
        (0.16, 0.19),
        (0.74, 0.83),
        (0.95, 1.03),
        (0.22, 0.26),
        (0.39, 0.44),
        (0.84, 0.90),
        (0.955, 0.98),
        (0.03, 0.12),
        (4.8, 6.6),
        (0.10, 0.17),
    ),
    "saloon": Family(
        0.28,
        (4.0, 4.7),
        (1.68, 1.84),
        (1.42, 1.52),
        (0.60, 0.68),
        (0.15, 0.18),
        (0.71, 0.80),
        (0.93, 1.00),
        (0.25, 0.28),
        (0.405, 0.44),
        (0.68, 0.74),
        (0.835, 0.875),
        (0.03, 0.10),
        (4.8, 6.6),
        (0.11, 0.18),
    ),
    "suv": Family(
        0.26,
        (3.9, 4.7),
        (1.74, 1.90),
        (1.60, 1.82),
        (0.66, 0.72),
        (0.20, 0.25),
        (0.92, 1.03),
        (1.08, 1.17),
        (0.23, 0.28),
        (0.385, 0.43),
        (0.87, 0.93),
        (0.965, 0.985),
        (0.02, 0.10),
        (6.0, 9.0),
        (0.07, 0.13),
    ),
    "van": Family(
        0.14,
        (3.5, 4.5),
        (1.55, 1.78),
        (1.62, 1.84),
        (0.58, 0.65),
        (0.16, 0.19),
        (0.80, 0.92),
        (1.00, 1.10),
        (0.17, 0.21),
        (0.32, 0.37),
        (0.92, 0.955),
        (0.975, 0.99),
        (0.01, 0.07),
        (5.4, 8.0),
        (0.05, 0.12),
    ),
}

# (low, high) of what every family draws alike
SHARED: dict[str, tuple[float, float]] = {
    "wheelbase_frac": (0.605, 0.645),
    "roof_drop_m": (0.02, 0.09),
    "crease": (0.2, 1.0),
    "bonnet_crown_m": (0.03, 0.07),
    "gloss": (0.45, 1.0),
    "glass_tint": (0.15, 1.0),
    "glass_glare": (0.25, 1.0),
    "lamp_width_m": (0.40, 0.60),
    "lamp_height_m": (0.14, 0.20),
    "grille_width_frac": (0.42, 0.60),
    "grille_height_m": (0.10, 0.20),
    "intake_height_m": (0.11, 0.21),
    "chrome": (0.0, 1.0),
    "wheel_grey": (0.50, 0.92),
    "rim_frac": (0.66, 0.74),
    "steer_deg": (-4.0, 9.0),
    "yaw_deg": (27.0, 57.0),
    "camera_distance_m": (5.5, 10.0),
    "camera_height_m": (1.05, 1.80),
    "squash": (0.66, 0.97),
    "margin_frac": (0.015, 0.07),
    "shift_x": (-0.6, 0.6),
    "shift_y": (-0.5, 0.7),
    "light_azimuth_deg": (-60.0, 60.0),
    "light_elevation_deg": (38.0, 72.0),
    "exposure": (0.90, 1.08),
    "contrast": (0.85, 1.15),
    "shadow": (0.45, 0.95),
}

# share and base colour; roughly the yearly surveys of the paint makers, with more of what sells in India
PAINTS: dict[str, tuple[float, tuple[int, int, int]]] = {
    "white": (0.24, (226, 228, 230)),
    "silver": (0.15, (166, 170, 175)),
    "grey": (0.13, (88, 92, 98)),
    "black": (0.10, (24, 25, 28)),
    "red": (0.13, (178, 22, 28)),
    "blue": (0.08, (26, 64, 146)),
    "light blue": (0.04, (104, 148, 196)),
    "brown": (0.04, (92, 68, 54)),
    "beige": (0.04, (176, 162, 138)),
    "orange": (0.025, (206, 100, 34)),
    "maroon": (0.015, (98, 18, 30)),
    "green": (0.01, (62, 96, 74)),
}


def pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """One key, with probability in proportion to its share."""
    names = list(shares)
    edges = np.cumsum([shares[name] for name in names])
    return names[min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(names) - 1)]


def between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """Uniform within the limits, rounded so that a table of parameters stays readable and reproduces the drawing."""
    return round(float(limits[0] + (limits[1] - limits[0]) * rng.random()), 4)


def draw_params(seed: int, index: int) -> CarParams:
    """The parameters of car `index` of `seed`, each 0 to 2**64 - 1.

    Chance comes only from Philox keyed by the two (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3).
    """
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
    family = pick(rng, {name: entry.weight for name, entry in FAMILIES.items()})
    limits = FAMILIES[family]
    dimensions = {name: between(rng, getattr(limits, name)) for name in Family._fields[1:]}
    shared = {name: between(rng, interval) for name, interval in SHARED.items()}
    paint = pick(rng, {name: share for name, (share, _) in PAINTS.items()})
    red, green, blue = _tinted(rng, PAINTS[paint][1])
    rugged = family == "suv"
    return CarParams(
        seed=seed, index=index, family=family, paint=paint, paint_red=red, paint_green=green, paint_blue=blue,
        front_overhang_m=round(between(rng, (0.185, 0.205)) * dimensions["length_m"], 4),
        roof_style=pick(rng, {"body": 0.90, "black": 0.10}),
        cladding=between(rng, (0.10, 0.22)) * (rng.random() < (0.7 if rugged else 0.12)),
        rails=bool(rng.random() < (0.75 if rugged else 0.25 if family == "van" else 0.05)),
        aerial=bool(rng.random() < 0.4),
        rear_spoiler=bool(family == "hatchback" and rng.random() < 0.4),
        lamp_style=pick(rng, {"almond": 0.4, "swept": 0.35, "square": 0.17, "round": 0.08}),
        grille_style=pick(rng, {"bars": 0.3, "mesh": 0.25, "slats": 0.15, "slot": 0.2, "body": 0.1}),
        intake_style=pick(rng, {"plain": 0.45, "smile": 0.3, "frame": 0.25}),
        grille_shape=pick(rng, {"trapezoid": 0.45, "hexagon": 0.35, "band": 0.2}),
        indicators=bool(rng.random() < 0.3),
        fog_lamps=bool(rng.random() < 0.7), skid_plate=bool(rng.random() < (0.6 if rugged else 0.05)),
        plate=pick(rng, {"none": 0.35, "white": 0.4, "dark": 0.25}),
        wheel_style=pick(rng, {"five": 0.35, "twin": 0.25, "many": 0.2, "mesh": 0.1, "cover": 0.1}),
        wheel_spokes=int(rng.integers(5, 8)),
        background=pick(rng, {"white": 0.78, "grey": 0.08, "floor": 0.1, "tint": 0.04}),
        background_level=between(rng, (0.93, 1.0)),
        **dimensions, **shared,
    )  # fmt: skip


def _tinted(rng: np.random.Generator, base: tuple[int, int, int]) -> tuple[float, float, float]:
    """The base colour with a small change of lightness and of each channel, as 0 to 1."""
    lightness = 1.0 + 0.24 * (rng.random() - 0.5)
    channels = [min(max(value / 255.0 * lightness + 0.03 * (rng.random() - 0.5), 0.02), 0.96) for value in base]
    return round(channels[0], 4), round(channels[1], 4), round(channels[2], 4)
