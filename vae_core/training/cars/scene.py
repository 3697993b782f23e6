"""What is behind and below the car: the background of the photograph, and its shadow and mirror image on the ground."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Camera, Points
from vae_core.training.cars.params import CarParams
from vae_core.training.cars.shade import smooth_step

_SMALL = 4
"""Shadows and blurred backgrounds are drawn this many times smaller."""


def backdrop(params: CarParams, pixels: int) -> Image.Image:
    """A plain picture (pixels x pixels, RGB), mostly white."""
    if params.background == "white":
        return Image.new("RGB", (pixels, pixels), (255, 255, 255))
    draw = {"room": _room, "outdoor": _outdoor, "dark": _dark}.get(params.background, _studio)
    small = np.clip(draw(params, pixels // _SMALL) * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(small).resize((pixels, pixels), Image.Resampling.BILINEAR)


def _studio(params: CarParams, pixels: int) -> Points:
    """A light wall: even with a tint, grey with a fall-off, or above a floor."""
    level = params.background_level
    down = np.linspace(0.0, 1.0, pixels)[:, None]
    if params.background == "grey":
        across = np.linspace(-1.0, 1.0, pixels)[None, :]
        picture = (0.76 + 0.20 * params.background_hue) + 0.16 * np.clip(down * 1.3, 0, 1) * level - 0.06 * across**2
    elif params.background == "floor":
        fall = smooth_step(params.horizon_y, params.horizon_y + 0.35, down)
        picture = level - 0.22 * fall * (0.4 + 0.6 * params.background_hue) + np.zeros((1, pixels))
    else:
        picture = np.full((pixels, pixels), level)
    hue = _hue(params.background_hue) if params.background == "tint" else np.ones(3)
    return np.asarray(picture[..., None] * (0.88 + 0.12 * hue))


def _room(params: CarParams, pixels: int) -> Points:
    """A coloured wall over a grey floor, the light brighter behind the car."""
    down, across = np.mgrid[0 : 1 : pixels * 1j, -1 : 1 : pixels * 1j]
    edge = smooth_step(params.horizon_y - 0.02, params.horizon_y + 0.06, down)[..., None]
    lit = 0.75 + 0.35 * np.exp(-(across**2 + 4.0 * (down - params.horizon_y) ** 2))
    wall = (0.42 + 0.26 * params.background_level * _hue(params.background_hue)) * lit[..., None]
    floor = (0.45 + 0.25 * down * lit)[..., None] * np.ones(3)
    return np.asarray(wall * (1.0 - edge) + floor * edge)


def _outdoor(params: CarParams, pixels: int) -> Points:
    """Sky over a blurred band of trees or houses over a road."""
    down, across = np.mgrid[0 : 1 : pixels * 1j, 0 : 1 : pixels * 1j]
    hue, level, line = params.background_hue, params.background_level, params.horizon_y
    sky = np.array([0.66, 0.80, 0.94]) * level + (0.10 + 0.22 * hue) * np.clip(down / line, 0, 1)[..., None]
    # three waves of unlike length stand for tree tops
    phase = 6.28 * hue
    tops = 0.5 + 0.5 * np.sin(9.0 * across + phase) * np.sin(23.0 * across + 3.0 * phase) + 0.2 * np.sin(51.0 * across)
    trees = np.array([0.20, 0.28, 0.18]) * (1.0 - hue) + np.array([0.42, 0.40, 0.38]) * hue
    height = 0.05 + 0.13 * tops * (0.4 + 0.6 * np.abs(np.sin(3.0 * phase)))
    band = smooth_step(-0.03, 0.03, down - (line - height))[..., None]
    ground = np.array([0.50, 0.49, 0.47]) + 0.20 * (down - line)[..., None] * (1.0 - 1.5 * hue)
    road = smooth_step(-0.012, 0.012, down - line)[..., None]
    picture = sky * (1.0 - band) + trees * band
    return np.asarray(picture * (1.0 - road) + ground * road)


def _dark(params: CarParams, pixels: int) -> Points:
    """A dark studio with a pool of light on the floor."""
    down, across = np.mgrid[0 : 1 : pixels * 1j, -1 : 1 : pixels * 1j]
    pool = np.exp(-(1.5 * across**2 + 12.0 * (down - 0.85) ** 2))
    depth = 0.02 + 0.25 * (params.background_level - 0.9) * 10.0 * params.horizon
    return np.asarray(
        (depth + 0.22 * params.shadow_reach * pool)[..., None] * (0.7 + 0.6 * _hue(params.background_hue))
    )


def _hue(turn: float) -> Points:
    """A soft colour from greenish over bluish to reddish; the channels are 0 to 1."""
    return np.asarray(0.5 + 0.5 * np.cos(2.0 * np.pi * (turn * 0.8 + np.array([0.15, 0.70, 0.45]))))


def cast_shadow(image: Image.Image, body: Body, camera: Camera) -> Image.Image:
    """The picture with a soft shadow under the car, darkest near the wheels, and perhaps a dim mirror image."""
    params = body.params
    size = image.width // _SMALL
    if params.floor_mirror > 0.06:
        image = _mirrored(image, body, camera)
    mask = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(mask)
    reach = params.shadow_reach
    for grow, darkness in ((1.10 + 0.16 * reach, 0.22), (1.04 + 0.04 * reach, 0.5), (0.97, 0.8), (0.9, 1.0)):
        x = params.length_m / 2 + (body.x[::6] - params.length_m / 2) * (1 + (grow - 1) * 0.5)
        ground = np.stack([x, body.y[::6] * grow, np.zeros_like(x)], axis=-1)
        # the lamp pushes the outer shadow to the other side
        ground[:, 1] += (grow - 0.9) * 0.9 * np.sin(np.radians(params.light_azimuth_deg))
        draw.polygon((camera.project(ground) / _SMALL).ravel().tolist(), fill=int(255 * params.shadow * darkness))
    mask = mask.filter(ImageFilter.GaussianBlur(size * (0.010 + 0.012 * reach)))
    mask = mask.resize(image.size, Image.Resampling.BILINEAR)
    image.paste((0, 0, 0), mask=mask)
    return image


def _mirrored(image: Image.Image, body: Body, camera: Camera) -> Image.Image:
    """The picture with what a smooth floor mirrors of the lower body."""
    params = body.params
    size = image.width // _SMALL
    mask = Image.new("L", (size, size), 0)
    s = np.linspace(-body.half_width, body.s_at_x(params.length_m * 0.99), 40)
    top = body.skin(s, np.full(40, 0.6 * params.nose_z_m), 0.0)
    low = body.skin(s, np.full(40, params.clearance_m), 0.0)
    band = np.concatenate([low, top[::-1]]) * np.array([1.0, 1.0, -1.0])
    outline = (camera.project(band) / _SMALL).ravel().tolist()
    ImageDraw.Draw(mask).polygon(outline, fill=int(255 * params.floor_mirror))
    mask = mask.filter(ImageFilter.GaussianBlur(size * 0.02)).resize(image.size, Image.Resampling.BILINEAR)
    channels = (params.paint_red, params.paint_green, params.paint_blue)
    colour = Image.new("RGB", image.size, tuple(int(200 * channel) for channel in channels))
    return Image.composite(colour, image, mask)
