"""One drawing of a car, a function of seed, index and size alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vae_core.errors import InvalidValue
from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Camera, Points, aim, fit
from vae_core.training.cars.face import draw_face
from vae_core.training.cars.flank import draw_bonnet_gap, draw_flank, draw_underside
from vae_core.training.cars.glazing import draw_mirrors, draw_roof_fittings, draw_side_windows, draw_windscreen
from vae_core.training.cars.params import CarParams
from vae_core.training.cars.population import draw_params
from vae_core.training.cars.raster import Canvas
from vae_core.training.cars.scene import backdrop, cast_shadow
from vae_core.training.cars.shade import Light
from vae_core.training.cars.skin import PLASTIC
from vae_core.training.cars.wheels import draw_arch, far_wheels, near_wheels

MAX_KEY = 2**64 - 1
MIN_SIZE, MAX_SIZE = 16, 1024
_ROOF_PAINTS = {"black": (0.06, 0.06, 0.065), "white": (0.88, 0.89, 0.90)}


def draw_car(seed: int, index: int, size: int = 128) -> tuple[NDArray[np.uint8], CarParams]:
    """The drawing (size, size, 3), uint8 RGB, and the parameters of car `index` of `seed`.

    seed and index are 0 to 2**64 - 1, size is 16 to 1024 pixels. Chance is keyed by (seed, index), so cars can be drawn
    in any order and anywhere, and are the same.
    Raises InvalidValue for a number out of its range.
    """
    check_number("seed", seed, 0, MAX_KEY)
    check_number("index", index, 0, MAX_KEY)
    check_number("size", size, MIN_SIZE, MAX_SIZE)
    params = draw_params(seed, index)
    return render(params, size), params


def check_number(field: str, value: int, low: int, high: int) -> None:
    """Raise InvalidValue unless value is a whole number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise InvalidValue(f"{field} {value!r} is out of range: a whole number from {low} to {high}")


def render(params: CarParams, size: int) -> NDArray[np.uint8]:
    """The drawing (size, size, 3) of these parameters."""
    supersample = 3 if size <= 256 else 2
    pixels = size * supersample
    body = Body(params)
    shell, deck, cabin, roof = body.shell(), body.deck(), body.cabin(), body.roof()
    camera = _fitted(body, (shell, deck, cabin, roof), pixels)
    canvas = Canvas(cast_shadow(backdrop(params, pixels), body, camera), camera)
    light = Light(params, camera)
    colour = (params.paint_red, params.paint_green, params.paint_blue)
    paint = partial(light.paint, base=colour, gloss=params.gloss)
    top = partial(light.paint, base=_ROOF_PAINTS.get(params.roof_style, colour), gloss=params.gloss)
    draw_underside(canvas, body)
    for wheel in (*far_wheels(body), *near_wheels(body)):
        wheel.draw_tread(canvas)
    canvas.grid(shell, paint, _axis_inside(shell, params))
    canvas.grid(deck, paint)
    canvas.grid(cabin, paint, _axis_inside(cabin, params))
    canvas.grid(roof, top)
    # the facets of the sheets vanish here, before anything with an edge is drawn on them
    canvas.soften(0.9 * supersample / 3)
    draw_flank(canvas, body, colour)
    draw_face(canvas, body)
    draw_bonnet_gap(canvas, body, colour)
    draw_windscreen(canvas, body, light)
    draw_side_windows(canvas, body, light)
    draw_roof_fittings(canvas, body, colour)
    for wheel in near_wheels(body):
        draw_arch(canvas, body, wheel, PLASTIC if params.cladding else None)
        wheel.draw_face(canvas)
    draw_mirrors(canvas, body, light, colour)
    return _photographed(canvas.image, params, size)


def _photographed(drawn: Image.Image, params: CarParams, size: int) -> NDArray[np.uint8]:
    """The drawing reduced to its size, through a lens that may be soft, turned over if it is mirrored."""
    image = drawn.resize((size, size), Image.Resampling.BOX)
    radius = params.softness_px * size / 128
    if radius > 0.1:
        image = image.filter(ImageFilter.GaussianBlur(radius))
    if params.mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)


def _axis_inside(grid: Points, params: CarParams) -> Points:
    """For each face of a grid a point on the car's long axis at its height, which its normal points away from."""
    centres = (grid[1:, 1:] + grid[:-1, :-1]) / 2
    inside = np.zeros_like(centres)
    inside[..., 0] = np.clip(centres[..., 0], 0.3 * params.length_m, 0.7 * params.length_m)
    inside[..., 2] = centres[..., 2]
    return inside


def _fitted(body: Body, surfaces: tuple[Points, ...], pixels: int) -> Camera:
    """The camera with all of the car, its wheels included, in the frame."""
    wheels = [wheel.circle(wheel.radius) for wheel in (*near_wheels(body), *far_wheels(body))]
    outline = np.concatenate([grid.reshape(-1, 3) for grid in (*surfaces, *wheels)])
    return fit(aim(body.params), outline, body.params, pixels)
