"""The body families: how often each occurs, and within which limits its dimensions lie."""

from __future__ import annotations

from typing import NamedTuple


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
    nose_slope: tuple[float, float]
    roof_drop_m: tuple[float, float]


FAMILIES: dict[str, Family] = {
    "hatchback": Family(
        weight=0.26,
        length_m=(3.5, 4.1), width_m=(1.60, 1.78), height_m=(1.45, 1.57), wheel_diameter_m=(0.59, 0.67),
        clearance_m=(0.16, 0.19), nose_z_m=(0.76, 0.86), cowl_z_m=(0.96, 1.05), cowl_frac=(0.22, 0.26),
        roof_front_frac=(0.39, 0.44), roof_rear_frac=(0.83, 0.90), glass_rear_frac=(0.955, 0.98),
        belt_rise_m=(0.03, 0.14), plan_power=(3.3, 5.4), tumblehome_m=(0.14, 0.23), nose_slope=(0.3, 1.0),
        roof_drop_m=(0.03, 0.10),
    ),
    "tall": Family(
        weight=0.09,
        length_m=(3.4, 3.75), width_m=(1.50, 1.65), height_m=(1.62, 1.74), wheel_diameter_m=(0.57, 0.63),
        clearance_m=(0.16, 0.19), nose_z_m=(0.82, 0.92), cowl_z_m=(1.02, 1.10), cowl_frac=(0.20, 0.24),
        roof_front_frac=(0.35, 0.40), roof_rear_frac=(0.90, 0.95), glass_rear_frac=(0.965, 0.985),
        belt_rise_m=(0.0, 0.06), plan_power=(4.2, 7.0), tumblehome_m=(0.09, 0.16), nose_slope=(0.2, 0.8),
        roof_drop_m=(0.01, 0.05),
    ),
    "saloon": Family(
        weight=0.23,
        length_m=(3.95, 4.75), width_m=(1.66, 1.86), height_m=(1.42, 1.53), wheel_diameter_m=(0.60, 0.69),
        clearance_m=(0.15, 0.18), nose_z_m=(0.73, 0.83), cowl_z_m=(0.94, 1.02), cowl_frac=(0.24, 0.28),
        roof_front_frac=(0.40, 0.44), roof_rear_frac=(0.68, 0.75), glass_rear_frac=(0.83, 0.885),
        belt_rise_m=(0.03, 0.11), plan_power=(3.3, 5.4), tumblehome_m=(0.15, 0.25), nose_slope=(0.3, 1.0),
        roof_drop_m=(0.03, 0.10),
    ),
    "coupe": Family(
        weight=0.03,
        length_m=(4.1, 4.6), width_m=(1.74, 1.88), height_m=(1.30, 1.40), wheel_diameter_m=(0.64, 0.71),
        clearance_m=(0.12, 0.15), nose_z_m=(0.66, 0.75), cowl_z_m=(0.88, 0.95), cowl_frac=(0.28, 0.33),
        roof_front_frac=(0.44, 0.49), roof_rear_frac=(0.66, 0.72), glass_rear_frac=(0.87, 0.93),
        belt_rise_m=(0.05, 0.14), plan_power=(3.0, 4.6), tumblehome_m=(0.18, 0.27), nose_slope=(0.5, 1.0),
        roof_drop_m=(0.05, 0.12),
    ),
    "crossover": Family(
        weight=0.14,
        length_m=(3.9, 4.4), width_m=(1.72, 1.86), height_m=(1.56, 1.68), wheel_diameter_m=(0.65, 0.72),
        clearance_m=(0.19, 0.23), nose_z_m=(0.88, 0.98), cowl_z_m=(1.05, 1.13), cowl_frac=(0.23, 0.27),
        roof_front_frac=(0.385, 0.43), roof_rear_frac=(0.86, 0.92), glass_rear_frac=(0.96, 0.98),
        belt_rise_m=(0.03, 0.12), plan_power=(3.8, 6.4), tumblehome_m=(0.12, 0.2), nose_slope=(0.1, 0.7),
        roof_drop_m=(0.02, 0.08),
    ),
    "suv": Family(
        weight=0.14,
        length_m=(4.2, 4.9), width_m=(1.78, 1.94), height_m=(1.70, 1.88), wheel_diameter_m=(0.70, 0.80),
        clearance_m=(0.21, 0.27), nose_z_m=(0.98, 1.10), cowl_z_m=(1.13, 1.22), cowl_frac=(0.24, 0.29),
        roof_front_frac=(0.36, 0.41), roof_rear_frac=(0.92, 0.96), glass_rear_frac=(0.975, 0.99),
        belt_rise_m=(0.0, 0.07), plan_power=(5.0, 8.5), tumblehome_m=(0.1, 0.17), nose_slope=(0.0, 0.4),
        roof_drop_m=(0.0, 0.05),
    ),
    "van": Family(
        weight=0.11,
        length_m=(4.0, 4.7), width_m=(1.65, 1.84), height_m=(1.62, 1.82), wheel_diameter_m=(0.60, 0.68),
        clearance_m=(0.16, 0.20), nose_z_m=(0.80, 0.94), cowl_z_m=(1.00, 1.12), cowl_frac=(0.18, 0.23),
        roof_front_frac=(0.33, 0.39), roof_rear_frac=(0.91, 0.955), glass_rear_frac=(0.975, 0.99),
        belt_rise_m=(0.01, 0.07), plan_power=(4.0, 7.0), tumblehome_m=(0.1, 0.18), nose_slope=(0.4, 1.0),
        roof_drop_m=(0.01, 0.06),
    ),
}  # fmt: skip
RUGGED = ("suv", "crossover")
"""Families that wear cladding, rails and a skid plate more often than not."""

# share and base colour; roughly the yearly surveys of the paint makers, with more of what sells in India
PAINTS: dict[str, tuple[float, tuple[int, int, int]]] = {
    "white": (0.22, (226, 228, 230)),
    "silver": (0.14, (166, 170, 175)),
    "grey": (0.13, (88, 92, 98)),
    "black": (0.10, (24, 25, 28)),
    "red": (0.13, (182, 20, 26)),
    "blue": (0.08, (24, 58, 146)),
    "light blue": (0.035, (104, 148, 204)),
    "brown": (0.04, (86, 64, 52)),
    "beige": (0.045, (172, 158, 134)),
    "orange": (0.03, (206, 98, 28)),
    "maroon": (0.02, (98, 18, 30)),
    "green": (0.012, (62, 96, 74)),
    "yellow": (0.008, (222, 186, 40)),
    "turquoise": (0.01, (30, 132, 146)),
}
