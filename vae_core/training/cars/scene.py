"""What is behind and below the car: the background of the photograph and the shadow on the ground."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Camera
from vae_core.training.cars.params import CarParams


def backdrop(params: CarParams, pixels: int) -> Image.Image:
    """A plain picture (pixels x pixels, RGB), mostly white."""
    level = params.background_level
    down = np.linspace(0.0, 1.0, pixels)
    if params.background == "grey":
        column = 0.80 + 0.16 * np.clip(down * 1.3, 0, 1) * level
    elif params.background == "floor":
        column = np.where(down < 0.55, level, level - 0.16 * np.clip((down - 0.55) / 0.3, 0, 1))
    else:
        column = np.full(pixels, 1.0 if params.background == "white" else level)
    tint = np.array([0.93, 0.97, 1.0]) if params.background == "tint" else np.ones(3)
    rows = np.clip(column[:, None] * tint * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(rows[:, None, :]).resize((pixels, pixels), Image.Resampling.NEAREST)


def cast_shadow(image: Image.Image, body: Body, camera: Camera) -> Image.Image:
    """The picture with a soft shadow under the car, darkest near the wheels."""
    params = body.params
    reduction = 4
    small = image.width // reduction
    mask = Image.new("L", (small, small), 0)
    draw = ImageDraw.Draw(mask)
    for grow, darkness in ((1.05, 0.45), (0.98, 0.8), (0.9, 1.0)):
        x = params.length_m / 2 + (body.x[::6] - params.length_m / 2) * (1 + (grow - 1) * 0.5)
        ground = np.stack([x, body.y[::6] * grow, np.zeros_like(x)], axis=-1)
        draw.polygon((camera.project(ground) / reduction).ravel().tolist(), fill=int(255 * params.shadow * darkness))
    mask = mask.filter(ImageFilter.GaussianBlur(small * 0.014)).resize(image.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(image, Image.merge("RGB", [ImageChops.invert(mask)] * 3))
