"""From files to fitted pictures, in several processes where there are many."""

from __future__ import annotations

import io
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.errors import BadImage
from vae_core.imaging.decoding import FORMATS, decode_fitted
from vae_core.imaging.encoding import encode_image
from vae_core.preparation.fingerprints import Fingerprint, fingerprint
from vae_core.preparation.opening import Address
from vae_core.preparation.processes import do_beside
from vae_core.preparation.recipe import Recipe
from vae_core.preparation.sources import Candidate, Rejected
from vae_core.preparation.splits import content_hash

_CHUNK = 16
# To spawn a process and import what it needs takes as long as some hundred pictures.
_WORTH_A_PROCESS = 256
_VALUES = np.arange(256)


class Picture(NamedTuple):
    """A file that has become a picture of the wanted size.

    sha256: of its pixels. width, height: of the file's picture, in pixels as stored. file_bytes: size of the file.
    png: the fitted picture as a file.
    sums, squares: sum over its pixels of the values, 0 to 255, and of their squares; red, green and blue.
    """

    name: str
    sha256: str
    width: int
    height: int
    file_bytes: int
    look: Fingerprint
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    png: bytes


def read_pictures(
    address: Address, candidates: Sequence[Candidate], recipe: Recipe, processes: int
) -> Generator[Picture | Rejected]:
    """Each candidate's picture, or why there is none, in order. Leaving the iterator early ends the processes.

    processes: at most this many; few candidates are read here. Raises StoreError or StoreUnavailable, or
    PermanentError if a process died.
    """
    chunks = [candidates[start : start + _CHUNK] for start in range(0, len(candidates), _CHUNK)]
    begin = partial(_Reader, address, recipe)
    processes = min(processes, len(candidates) // _WORTH_A_PROCESS)
    if processes > 1:
        with closing(do_beside(begin, chunks, processes)) as results:
            for result in results:
                yield from result
        return
    with closing(begin()) as reader:
        for chunk in chunks:
            yield from reader.do(chunk)


def make_picture(name: str, data: bytes, recipe: Recipe, max_pixels: int) -> Picture:
    """The picture in these bytes. Raises BadImage as `decode_fitted` does, or with reason `too_small`."""
    pixels = decode_fitted(data, size=recipe.size, fit=recipe.fit, max_pixels=max_pixels)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
    if min(width, height) < recipe.min_side:
        raise BadImage(
            "too_small", f"{width}x{height}; each side needs {recipe.min_side} pixels to become {recipe.size}"
        )
    counts = np.reshape(Image.fromarray(pixels).histogram(), (3, len(_VALUES)))  # by channel and value
    return Picture(
        name=name,
        sha256=content_hash(pixels),
        width=width,
        height=height,
        file_bytes=len(data),
        look=fingerprint(pixels),
        sums=_integers(counts @ _VALUES),
        squares=_integers(counts @ _VALUES**2),
        png=encode_image(pixels, "png"),
    )


def _integers(values: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


class _Reader:
    """A source opened by the process that reads from it."""

    def __init__(self, address: Address, recipe: Recipe) -> None:
        self._source = address.open()
        self._recipe, self._max_pixels = recipe, address.settings.max_input_pixels
        self._threads = ThreadPoolExecutor(address.readers) if address.readers > 1 else None

    def do(self, chunk: Sequence[Candidate]) -> list[Picture | Rejected]:
        fetched = self._threads.map(self._fetch, chunk) if self._threads else map(self._fetch, chunk)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of odd but readable files
            return [self._made(candidate, data) for candidate, data in zip(chunk, fetched, strict=True)]

    def close(self) -> None:
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        self._source.close()

    def _fetch(self, candidate: Candidate) -> bytes | BadImage:
        try:
            return self._source.read(candidate)
        except BadImage as error:
            return error

    def _made(self, candidate: Candidate, data: bytes | BadImage) -> Picture | Rejected:
        try:
            if isinstance(data, BadImage):
                raise data
            return make_picture(candidate.name, data, self._recipe, self._max_pixels)
        except BadImage as error:
            return Rejected(candidate.name, error.reason, str(error))
