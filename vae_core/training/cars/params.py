"""The parameters of one drawing: the car, its paint and fittings, and the photograph that is taken of it."""

from __future__ import annotations

import msgspec


class CarParams(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides one drawing besides its size; lengths in metres, angles in degrees, flat for a CSV row.

    Axes: x runs from the front bumper (0) to the rear (length_m), y to the side that faces the camera, z up.
    Fields named *_frac are shares of the length. `population` holds the ranges.
    """

    seed: int
    index: int
    family: str
    length_m: float
    width_m: float
    height_m: float
    wheelbase_frac: float
    front_overhang_m: float
    wheel_diameter_m: float
    clearance_m: float
    nose_z_m: float  # height of the bonnet's front edge
    cowl_z_m: float  # height of the windscreen's foot
    cowl_frac: float  # where along the car the windscreen's foot, its top, the roof's end and the rear glass's foot are
    roof_front_frac: float
    roof_rear_frac: float
    glass_rear_frac: float
    belt_rise_m: float  # how much higher the windows' lower edge is at the rear
    roof_drop_m: float  # how much lower the roof's edge is at the rear
    tumblehome_m: float  # how far the roof's edge lies inside the windows' lower edge
    plan_power: float  # exponent of the outline from above: higher is boxier
    crease: float  # strength of the side's character lines, 0 to 1
    bonnet_crown_m: float
    paint: str
    paint_red: float  # base colour, each 0 to 1
    paint_green: float
    paint_blue: float
    gloss: float  # 0 dull to 1 mirror-like
    roof_style: str  # body, black
    cladding: float  # height share of unpainted dark plastic along the sill, 0 is none
    rails: bool
    aerial: bool
    rear_spoiler: bool
    glass_tint: float  # 0 clear to 1 privacy glass
    glass_glare: float  # strength of what the glass mirrors
    lamp_style: str  # almond, swept, square, round
    lamp_width_m: float
    lamp_height_m: float
    grille_style: str  # bars, mesh, slats, slot, body
    grille_shape: str  # trapezoid, hexagon, band
    grille_width_frac: float  # share of the car's width
    grille_height_m: float
    intake_height_m: float
    intake_style: str  # plain, smile, frame
    indicators: bool  # orange ones inside the headlamps
    fog_lamps: bool
    skid_plate: bool
    chrome: float  # 0 none to 1 plenty
    plate: str  # none, white, dark
    wheel_style: str  # five, twin, many, mesh, cover
    wheel_spokes: int
    wheel_grey: float
    rim_frac: float  # rim radius as a share of the tyre's
    steer_deg: float
    yaw_deg: float  # 0 is straight from the front, 90 straight from the side
    camera_distance_m: float
    camera_height_m: float
    squash: float  # width of the picture against its natural width, as in photographs resized to a square
    margin_frac: float  # empty border at the tightest side
    shift_x: float  # where the spare room goes: -1 left or up, 1 right or down
    shift_y: float
    light_azimuth_deg: float  # from the camera's direction, positive towards the side of the car
    light_elevation_deg: float
    exposure: float
    contrast: float
    shadow: float  # darkness of the ground shadow, 0 to 1
    background: str  # white, grey, floor, tint
    background_level: float
