"""Pictures in memory that processes share, and what a process makes of some of them: PNGs, or a piece of a shard.

Nothing here loads torch, as every encoding process imports it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from tests.bench.on_gpu.shards import shard_members

# What a picture that cannot be compressed needs beside its pixels: PNG's own bytes, its JSON, and tar's padding.
_SPARE_BYTES = 4096


@dataclass(frozen=True)
class Slots:
    """A file of `count` batches of pictures, which processes map into their memory.

    Each picture has room for its pixels, which make way for what is made of them.
    """

    path: Path
    count: int
    batch: int
    image_size: int

    @property
    def pixel_bytes(self) -> int:
        """Of one picture."""
        return self.image_size**2 * 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slots, pictures in each, bytes for each."""
        return self.count, self.batch, self.pixel_bytes + _SPARE_BYTES

    @property
    def size_bytes(self) -> int:
        return int(np.prod(self.shape))

    def create(self) -> NDArray[np.uint8]:
        """Makes the file, and maps it."""
        with self.path.open("xb") as file:
            file.truncate(self.size_bytes)
        return self.mapped()

    def mapped(self) -> NDArray[np.uint8]:
        return np.asarray(np.memmap(self.path, np.uint8, "r+", shape=self.shape))

    def fill(self, rows: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> None:
        """Copies pictures (n, H, W, 3) into the first n of the rows."""
        rows[: len(pixels), : self.pixel_bytes] = pixels.reshape(len(pixels), -1)  # (n, H, W, 3) -> (n, H * W * 3)

    def pictures(self, rows: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """The picture (H, W, 3) in each of the rows."""
        for row in rows:
            yield row[: self.pixel_bytes].reshape(self.image_size, self.image_size, 3)


class Piece(NamedTuple):
    """Rows `start` to `stop` of a slot. first: the index of the image in the first of them."""

    slot: int
    start: int
    stop: int
    first: int


class Made(NamedTuple):
    """What became of a piece: how many bytes stand in its rows now, and the seconds that its core was at it."""

    size_bytes: int
    png_s: float
    pack_s: float


@cache
def png_encoder() -> tuple[str, Callable[[NDArray[np.uint8]], bytes]]:
    """What encodes, and its name: the project's own encoder, or Pillow where its libraries are not installed."""
    if missing := [name for name in ("fpng", "simplejpeg") if find_spec(name) is None]:
        return f"png pillow {PIL.__version__} level 1, as there is no {missing[0]} here", _pillow_png
    from vae_core.imaging.encoding import encode_image, encoder_name  # needs both

    return encoder_name("png"), partial(encode_image, image_format="png")


def encode_pictures(slots: Slots, start: int, stop: int) -> int:
    """Bytes of the PNGs of these pictures of the first slot, which stay as they are."""
    _, encode = png_encoder()
    return sum(len(encode(pixels)) for pixels in slots.pictures(_mapped(slots)[0, start:stop]))


def make_piece(slots: Slots, piece: Piece) -> Made:
    """Replaces the pictures of a piece by its members of a shard, as a worker would write them."""
    _, encode = png_encoder()
    rows = _mapped(slots)[piece.slot, piece.start : piece.stop]
    began = time.thread_time()
    encoded = [encode(pixels) for pixels in slots.pictures(rows)]
    then = time.thread_time()
    members = shard_members(piece.first, encoded)
    room = rows.reshape(-1)  # (n, room) -> (n * room,)
    if len(members) > len(room):
        raise ValueError(f"{len(members)} bytes of a shard are too many: {len(room)} fit")
    room[: len(members)] = np.frombuffer(members, np.uint8)
    return Made(len(members), then - began, time.thread_time() - then)


@lru_cache(maxsize=1)
def _mapped(slots: Slots) -> NDArray[np.uint8]:
    return slots.mapped()


def _pillow_png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
