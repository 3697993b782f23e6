"""Fitted pictures on disk until it is known which of them are kept: twenty thousand of them are not for the memory."""

from __future__ import annotations

import io
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.preparation.reading import Picture


class Shelf:
    """Pictures in a temporary file, what is known of them in memory.

    pictures: those put here, in order, without their `png`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: list[tuple[int, int]] = []
        self.pictures: list[Picture] = []

    def put(self, picture: Picture) -> None:
        """Add a picture at the end."""
        start = self._file.seek(0, io.SEEK_END)
        self._places.append((start, self._file.write(picture.png)))
        self.pictures.append(picture._replace(png=b""))

    def png(self, index: int) -> bytes:
        """The file of picture `index`."""
        start, size = self._places[index]
        self._file.seek(start)
        return self._file.read(size)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Picture `index`, uint8 (S, S, 3)."""
        with Image.open(io.BytesIO(self.png(index))) as image:
            return np.asarray(image)
