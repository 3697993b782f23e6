"""Atlases: tile i where the page looks for it. Contact sheets: sizes, and labels that stay where they belong."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.imaging.files import Pixels
from vae_core.imaging.sheets import Tile, atlas, atlas_columns, contact_sheet
from vae_core.jobs.spec import MAX_PART_SIZE

BLUE = (10, 20, 200)
LABEL_SPACE = 17


def solid(colour: tuple[int, int, int], side: int = 32) -> Pixels:
    return np.full((side, side, 3), colour, np.uint8)


def coloured(number: int, side: int = 32) -> Pixels:
    """Colours that a lossy format keeps apart."""
    return solid((number % 4 * 80, number // 4 % 4 * 80, number // 16 % 4 * 80), side)


def opened(data: bytes, image_format: str) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == image_format
        return np.array(image.convert("RGB"))


def boxes_of(sheet: Pixels, colour: tuple[int, int, int], side: int) -> list[tuple[int, int]]:
    """Left and top of each square of exactly this colour, row by row; nothing else may have it."""
    there = np.all(sheet == colour, axis=2)
    edges = there & ~np.roll(there, 1, axis=0) & ~np.roll(there, 1, axis=1)
    corners = [(int(x), int(y)) for y, x in np.argwhere(edges)]
    assert all(there[y : y + side, x : x + side].all() for x, y in corners)
    assert there.sum() == len(corners) * side * side
    return corners


@pytest.mark.parametrize(("images", "columns"), [(1, 16), (16, 16), (256, 16), (257, 17), (1024, 32), (16_000, 127)])
def test_atlas_has_16_columns_or_is_square_when_images_are_many(images: int, columns: int) -> None:
    assert atlas_columns(images) == columns


def test_atlas_can_be_shown_when_a_part_is_as_large_as_allowed() -> None:
    tiles = 2 * MAX_PART_SIZE
    columns = atlas_columns(tiles)
    assert columns * 128 <= 16_383
    assert -(-tiles // columns) * 128 <= 16_383


@pytest.mark.parametrize("images", [1, 15, 16, 17, 64, 300])
def test_tile_is_where_the_columns_say_when_on_an_atlas(images: int) -> None:
    sheet = opened(atlas([coloured(number) for number in range(images)]), "JPEG")
    columns = atlas_columns(images)
    assert sheet.shape == (-(-images // columns) * 32, columns * 32, 3)
    for number in range(images):
        top, left = number // columns * 32, number % columns * 32
        centre = sheet[top + 8 : top + 24, left + 8 : left + 24].astype(int)
        assert np.abs(centre - coloured(number)[0, 0]).max() < 25
    empty = [
        sheet[-32 + 8 : -8, place * 32 + 8 : place * 32 + 24] for place in range(images % columns or columns, columns)
    ]
    assert all(part.min() > 245 for part in empty)


@pytest.mark.parametrize(("side", "tile"), [(16, 16), (128, 128), (129, 65), (200, 100), (256, 128), (300, 100)])
def test_tiles_are_reduced_by_a_whole_factor_when_wider_than_128(side: int, tile: int) -> None:
    sheet = opened(atlas([coloured(number, side) for number in (3, 12, 48)]), "JPEG")
    assert sheet.shape == (tile, 16 * tile, 3)
    for place, number in enumerate((3, 12, 48)):
        assert np.abs(sheet[tile // 2, place * tile + tile // 2].astype(int) - coloured(number)[0, 0]).max() < 25


def test_bytes_are_the_same_when_sheets_are_made_again() -> None:
    tiles = [coloured(number) for number in range(20)]
    assert atlas(tiles) == atlas([tile.copy() for tile in tiles])
    labelled = [Tile((tile,), f"tile {number}") for number, tile in enumerate(tiles)]
    assert contact_sheet(labelled, title="t", columns=5) == contact_sheet(labelled, title="t", columns=5)


@pytest.mark.parametrize(
    ("tiles", "columns", "rows", "across"),
    [(1, 10, 1, 1), (9, 10, 1, 9), (10, 10, 1, 10), (11, 10, 2, 10), (5, 2, 3, 2)],
)
def test_tiles_stand_row_by_row_when_on_a_contact_sheet(tiles: int, columns: int, rows: int, across: int) -> None:
    data = contact_sheet([Tile((solid(BLUE),), str(number)) for number in range(tiles)], title="t", columns=columns)
    sheet = opened(data, "PNG")
    corners = boxes_of(sheet, BLUE, 32)
    left, top = corners[0]
    expected = [(left + n % across * 40, top + n // across * (32 + LABEL_SPACE + 8)) for n in range(tiles)]
    assert corners == expected
    assert sheet.shape[1] == 2 * left + across * 40 - 8
    assert sheet.shape[0] == top + rows * (32 + LABEL_SPACE + 8) - 8 + left


def test_images_of_a_tile_touch_when_it_is_a_pair() -> None:
    pair = Tile((solid(BLUE), solid((200, 20, 10))), "a.jpg  31.5 dB")
    sheet = opened(contact_sheet([pair, pair], title="t", columns=5), "PNG")
    (x, y), (next_x, _) = boxes_of(sheet, BLUE, 32)
    assert boxes_of(sheet, (200, 20, 10), 32) == [(x + 32, y), (next_x + 32, y)]
    assert next_x - x == 64 + 8


@pytest.mark.parametrize(
    "label",
    [
        "",
        "00000007",
        "W" * 5000,
        "a/" * 400,
        "日本語の車の写真.jpg",
        "مرحبا بالعالم",
        "🚗🚙",
        "é\u0301" * 99,
        "\udcff",
        "\0",
        "\u202e",
    ],
)
def test_label_stays_below_its_tile_when_it_is_anything(label: str) -> None:
    tiles = [Tile((solid(BLUE),), label)] * 4
    sheet = opened(contact_sheet(tiles, title="", columns=2), "PNG")
    corners = boxes_of(sheet, BLUE, 32)
    assert len(corners) == 4
    paper = sheet[0, 0]
    outside = np.ones(sheet.shape[:2], bool)
    for x, y in corners:
        outside[y : y + 32 + LABEL_SPACE, x - 1 : x + 33] = False
    assert (sheet[outside] == paper).all()


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\u2028", "\x85", "\v"])
def test_label_is_one_line_when_it_has_line_breaks(breaks: str) -> None:
    made = contact_sheet([Tile((solid(BLUE),), f"a{breaks}b")], title="t", columns=1)
    assert made == contact_sheet([Tile((solid(BLUE),), "a" + "?" * len(breaks) + "b")], title="t", columns=1)


def test_end_of_a_label_is_kept_when_it_is_too_long() -> None:
    def made(label: str) -> bytes:
        return contact_sheet([Tile((solid(BLUE, 64),), label)], title="t", columns=1)

    assert made("x" * 300 + " 31.5") == made("y" * 100 + "x" * 200 + " 31.5")
    assert made("x" * 300 + " 31.5") != made("x" * 300 + " 31.6")
    assert made("short") != made("other")


def test_sheet_is_as_wide_as_its_title_when_tiles_are_narrower() -> None:
    narrow = opened(contact_sheet([Tile((solid(BLUE),), "")], title="t", columns=1), "PNG")
    wide = opened(contact_sheet([Tile((solid(BLUE),), "")], title="500 samples, seed 7 " * 3, columns=1), "PNG")
    assert wide.shape[1] > 300 > narrow.shape[1]
    assert wide.shape[0] == narrow.shape[0]
    assert (wide[:, -24:] == wide[0, 0]).all()


def test_sheet_is_a_title_alone_when_there_are_no_tiles() -> None:
    sheet = opened(contact_sheet([], title="0 inputs", columns=5), "PNG")
    assert sheet.shape[0] < 100
    assert (sheet != sheet[0, 0]).any()
