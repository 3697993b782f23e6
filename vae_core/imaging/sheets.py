"""Many images on one: atlases for the page, labelled contact sheets for people."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vae_core.imaging.encoding import encode_image, encode_jpeg

PAPER = (250, 250, 249)
_INK = (28, 25, 23)
_FAINT = (120, 113, 108)
_MARGIN = 24
_GAP = 8
_LABEL_PX = 11
_TITLE_PX = 20
_ATLAS_COLUMNS = 16
_ATLAS_TILE_PX = 128
_ATLAS_QUALITY = 80


class Tile(NamedTuple):
    """One cell of a contact sheet: uint8 RGB images (H, W, 3) shown side by side, and a line below them."""

    images: tuple[NDArray[np.uint8], ...]
    label: str


def atlas_columns(images: int) -> int:
    """Tiles in a row of an atlas: 16, or as many as make it square where that is more."""
    return max(_ATLAS_COLUMNS, math.ceil(math.sqrt(images)))


def atlas_tile(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The uint8 image (S, S, 3) as an atlas shows it: at most 128 pixels wide, reduced by a whole factor."""
    factor = math.ceil(image.shape[0] / _ATLAS_TILE_PX)
    return np.asarray(Image.fromarray(image).reduce(factor)) if factor > 1 else image


def atlas(images: Sequence[NDArray[np.uint8]]) -> bytes:
    """The images' tiles, all of one size, in rows of `atlas_columns` without gaps, as a JPEG.

    A WebP of this quality is a third smaller, and takes ten times as long: more than all else that becomes of a sample.
    """
    columns = atlas_columns(len(images))
    size = atlas_tile(images[0]).shape[0]
    rows = math.ceil(len(images) / columns)
    sheet = np.empty((rows * size, columns * size, 3), dtype=np.uint8)
    sheet[(rows - 1) * size :] = 255  # where the last row may have no tiles
    for number, image in enumerate(images):
        top, left = number // columns * size, number % columns * size
        sheet[top : top + size, left : left + size] = atlas_tile(image)
    return encode_jpeg(sheet, _ATLAS_QUALITY, "420")


def contact_sheet(tiles: Sequence[Tile], *, title: str, columns: int) -> bytes:
    """A PNG of labelled tiles, row by row, under a title; all tiles hold equally many images of one size.

    columns: tiles in a row, at most; fewer tiles make a narrower sheet.
    """
    height, width = tiles[0].images[0].shape[:2] if tiles else (0, 0)
    cell_w = width * (len(tiles[0].images) if tiles else 0)
    cell_h = height + _LABEL_PX + 6
    columns = max(1, min(columns, len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    title_font = ImageFont.load_default(_TITLE_PX)
    sheet_w = max(columns * (cell_w + _GAP) - _GAP, math.ceil(title_font.getlength(title))) + 2 * _MARGIN
    top = _MARGIN + _TITLE_PX + 18
    sheet = Image.new("RGB", (sheet_w, top + rows * (cell_h + _GAP) + _MARGIN - _GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, font=title_font, fill=_INK)
    label_font = ImageFont.load_default(_LABEL_PX)
    for number, tile in enumerate(tiles):
        x = _MARGIN + number % columns * (cell_w + _GAP)
        y = top + number // columns * (cell_h + _GAP)
        for place, pixels in enumerate(tile.images):
            sheet.paste(Image.fromarray(pixels), (x + place * width, y))
        draw.text((x, y + height + 3), _shortened(tile.label, label_font, cell_w), font=label_font, fill=_FAINT)
    return encode_image(np.asarray(sheet), "png")


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """`text` on one line, its beginning replaced by an ellipsis where it is wider than `width` pixels."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if font.getlength(text) <= width:
        return text
    # Halving: measuring takes time for each letter, and a key may have a thousand.
    start = bisect_left(range(len(text)), True, key=lambda place: font.getlength(f"…{text[place:]}") <= width)
    return f"…{text[start:]}"
