"""The parameters of one drawing: the car, its paint and fittings, and the photograph that is taken of it."""

from __future__ import annotations

import msgspec


class CarParams(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides one drawing besides its size; lengths in metres, angles in degrees, flat for a CSV row.

    Axes: x runs from the front bumper (0) to the rear (length_m), y to the side that faces the camera, z up.
    Fields named *_frac are shares of the length. `families` and `population` hold the ranges.
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
    nose_slope: float  # 0 an upright face to 1 a sloping one
    bumper_m: float  # how far the bumper stands out before the grille
    flare_m: float  # how far the wings stand out over the wheels
    shoulder_frac: float  # height of the line along the side, as a share of the lower shell's
    crease: float  # strength of the side's character lines, 0 to 1
    bonnet_crown_m: float
    paint: str
    paint_red: float  # base colour, each 0 to 1
    paint_green: float
    paint_blue: float
    gloss: float  # 0 dull to 1 mirror-like
    metallic: float  # 0 plain to 1 with bright flakes
    roof_style: str  # body, black, white
    cladding: float  # height share of unpainted dark plastic along the sill, 0 is none
    rails: bool
    aerial: bool
    rear_spoiler: bool
    dark_pillars: bool  # window frames black, else in the colour of the body between the doors
    chrome_belt: bool  # a bright strip below the side windows
    glass_tint: float  # 0 clear to 1 privacy glass
    glass_glare: float  # strength of what the glass mirrors
    lamp_style: str  # almond, swept, square, round
    lamp_width_m: float
    lamp_height_m: float
    lamp_dark: float  # 0 a bright reflector to 1 a dark housing
    day_lights: str  # strip of day running lights: none, below, above
    grille_style: str  # bars, mesh, slats, slot, body
    grille_shape: str  # trapezoid, hexagon, band, tall
    grille_width_frac: float  # share of the car's width
    grille_height_m: float
    badge: str  # round, oval, wings, none
    intake_height_m: float
    intake_style: str  # plain, smile, frame, split
    indicators: bool  # orange ones inside the headlamps
    fog_lamps: bool
    skid_plate: bool
    chrome: float  # 0 none to 1 plenty
    plate: str  # none, white, dark, silver
    wheel_style: str  # five, twin, many, mesh, cover
    wheel_spokes: int
    wheel_turn: float  # angle of the first spoke as a share of a turn
    wheel_grey: float
    wheel_dark: float  # darkness of what shows between the spokes, 0 to 1
    rim_frac: float  # rim radius as a share of the tyre's
    steer_deg: float
    mirrored: bool  # False has the front at the left, as the photographs do; True at the right
    yaw_deg: float  # 0 is straight from the front, 90 straight from the side
    roll_deg: float  # of the camera: positive lowers the front
    camera_distance_m: float
    camera_height_m: float
    squash: float  # width of the picture against its natural width, as in photographs resized to a square
    margin_frac: float  # empty border at the tightest side; below 0 the car is cropped by that much
    shift_x: float  # where the spare room goes: -1 left or up, 1 right or down
    shift_y: float
    light_azimuth_deg: float  # from the camera's direction, positive towards the side of the car
    light_elevation_deg: float
    horizon: float  # darkness of the horizon that paint and glass mirror, 0 to 1
    exposure: float
    contrast: float
    warmth: float  # white balance: -1 bluish to 1 yellowish
    softness_px: float  # blur of the lens, in pixels of a picture 128 wide
    shadow: float  # darkness of the ground shadow, 0 to 1
    shadow_reach: float  # how far it reaches beyond the car, 0 to 1
    floor_mirror: float  # how much the floor mirrors the car, 0 to 1
    background: str  # white, grey, floor, tint, room, outdoor, dark
    background_level: float
    background_hue: float  # of what is coloured in it, 0 to 1
    horizon_y: float  # where wall or sky meets the ground, as a share of the picture's height
