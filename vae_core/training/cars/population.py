"""The cars on the road: how the parameters of a drawing are distributed, and one car drawn from them at random."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.families import FAMILIES, PAINTS, RUGGED, Family
from vae_core.training.cars.params import CarParams

# (low, high) of what every family draws alike
SHARED: dict[str, tuple[float, float]] = {
    "wheelbase_frac": (0.605, 0.645),
    "bumper_m": (0.0, 0.07),
    "flare_m": (0.0, 0.035),
    "shoulder_frac": (0.66, 0.84),
    "crease": (0.2, 1.0),
    "bonnet_crown_m": (0.03, 0.07),
    "gloss": (0.45, 1.0),
    "glass_tint": (0.1, 1.0),
    "glass_glare": (0.2, 1.0),
    "lamp_width_m": (0.36, 0.58),
    "lamp_height_m": (0.12, 0.20),
    "lamp_dark": (0.0, 1.0),
    "grille_width_frac": (0.40, 0.62),
    "grille_height_m": (0.09, 0.20),
    "intake_height_m": (0.11, 0.22),
    "chrome": (0.0, 1.0),
    "wheel_turn": (0.0, 1.0),
    "wheel_grey": (0.45, 0.95),
    "wheel_dark": (0.3, 1.0),
    "rim_frac": (0.64, 0.77),
    "steer_deg": (-4.0, 16.0),
    "yaw_deg": (24.0, 60.0),
    "camera_distance_m": (4.8, 10.0),
    "camera_height_m": (1.0, 2.1),
    "shift_x": (-0.6, 0.6),
    "shift_y": (-0.6, 0.7),
    "light_azimuth_deg": (-45.0, 75.0),
    "light_elevation_deg": (34.0, 75.0),
    "horizon": (0.1, 1.0),
    "contrast": (0.85, 1.2),
    "warmth": (-1.0, 1.0),
    "shadow": (0.15, 0.97),
    "shadow_reach": (0.0, 1.0),
    "background_level": (0.90, 1.0),
    "background_hue": (0.0, 1.0),
    "horizon_y": (0.30, 0.62),
}

# (low, high) of what is not drawn evenly, and the power of the even number that gives it: above 1 favours the low end
SKEWED: dict[str, tuple[float, float, float]] = {
    "squash": (0.48, 0.98, 1.3),
    "margin_frac": (-0.02, 0.19, 1.15),
    "softness_px": (0.0, 0.6, 2.2),
    "floor_mirror": (0.0, 0.22, 3.0),
}

BACKGROUNDS = {"white": 0.64, "grey": 0.09, "floor": 0.10, "tint": 0.05, "room": 0.04, "outdoor": 0.05, "dark": 0.03}

MIRRORED_SHARE = 0.05
"""Share of cars with the front at the right. Such sets of photographs are nearly all turned one way, and cars of the
other way cost a model of few dimensions as much as all else together."""


def pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """One key, with probability in proportion to its share."""
    names = list(shares)
    edges = np.cumsum([shares[name] for name in names])
    return names[min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(names) - 1)]


def between(rng: np.random.Generator, limits: tuple[float, float], power: float = 1.0) -> float:
    """Within the limits, evenly unless power says otherwise; rounded so that a table of parameters stays readable and
    reproduces the drawing."""
    share = rng.random() ** power
    return round(float(limits[0] + (limits[1] - limits[0]) * share), 4)


def around(rng: np.random.Generator, middle: float, spread: float) -> float:
    """Within spread of the middle and most often near it: the mean of three even numbers."""
    return round(float(middle + spread * (rng.random(3).sum() * 2.0 / 3.0 - 1.0)), 4)


def draw_params(seed: int, index: int) -> CarParams:
    """The parameters of car `index` of `seed`, each 0 to 2**64 - 1.

    Chance comes only from Philox keyed by the two (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3).
    """
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
    family = pick(rng, {name: entry.weight for name, entry in FAMILIES.items()})
    limits = FAMILIES[family]
    dimensions = {name: between(rng, getattr(limits, name)) for name in Family._fields[1:]}
    shared = {name: between(rng, interval) for name, interval in SHARED.items()}
    skewed = {name: between(rng, (low, high), power) for name, (low, high, power) in SKEWED.items()}
    paint = pick(rng, {name: share for name, (share, _) in PAINTS.items()})
    red, green, blue = _tinted(rng, PAINTS[paint][1])
    rugged = family in RUGGED
    return CarParams(
        seed=seed, index=index, family=family, paint=paint, paint_red=red, paint_green=green, paint_blue=blue,
        front_overhang_m=round(between(rng, (0.175, 0.205)) * dimensions["length_m"], 4),
        metallic=0.15 if paint == "white" and rng.random() < 0.7 else between(rng, (0.1, 1.0)),
        roof_style=pick(rng, {"body": 0.87, "black": 0.10, "white": 0.03}),
        cladding=between(rng, (0.08, 0.22)) * (rng.random() < (0.7 if rugged else 0.12)),
        rails=bool(rng.random() < (0.75 if rugged else 0.25 if family in ("van", "tall") else 0.04)),
        aerial=bool(rng.random() < 0.4),
        rear_spoiler=bool(family in ("hatchback", "crossover") and rng.random() < 0.4),
        dark_pillars=bool(rng.random() < 0.6), chrome_belt=bool(rng.random() < 0.25),
        lamp_style=pick(rng, {"almond": 0.36, "swept": 0.40, "square": 0.17, "round": 0.07}),
        day_lights=pick(rng, {"none": 0.55, "below": 0.25, "above": 0.2}),
        grille_style=pick(rng, {"bars": 0.3, "mesh": 0.27, "slats": 0.15, "slot": 0.18, "body": 0.1}),
        grille_shape=pick(rng, {"trapezoid": 0.35, "hexagon": 0.30, "band": 0.2, "tall": 0.15}),
        badge=pick(rng, {"round": 0.4, "oval": 0.3, "wings": 0.2, "none": 0.1}),
        intake_style=pick(rng, {"plain": 0.35, "smile": 0.25, "frame": 0.22, "split": 0.18}),
        indicators=bool(rng.random() < 0.3),
        fog_lamps=bool(rng.random() < 0.75), skid_plate=bool(rng.random() < (0.6 if rugged else 0.05)),
        plate=pick(rng, {"none": 0.35, "white": 0.33, "dark": 0.22, "silver": 0.10}),
        wheel_style=pick(rng, {"five": 0.32, "twin": 0.27, "many": 0.2, "mesh": 0.1, "cover": 0.11}),
        wheel_spokes=int(rng.integers(5, 8)),
        mirrored=bool(rng.random() < MIRRORED_SHARE),
        roll_deg=around(rng, 0.0, 4.0), exposure=around(rng, 1.0, 0.16),
        background=pick(rng, BACKGROUNDS),
        **dimensions, **shared, **skewed,
    )  # fmt: skip


def _tinted(rng: np.random.Generator, base: tuple[int, int, int]) -> tuple[float, float, float]:
    """The base colour with a small change of lightness and of each channel, as 0 to 1."""
    lightness = 1.0 + 0.30 * (rng.random() - 0.5)
    # the change of a channel grows with it, so that black stays black
    shares = [value / 255.0 * (lightness + 0.08 * (rng.random() - 0.5)) for value in base]
    channels = [min(max(share, 0.02), 0.96) for share in shares]
    return round(channels[0], 4), round(channels[1], 4), round(channels[2], 4)
