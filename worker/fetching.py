"""Reading one input image: what is wrong with it becomes a listed error, what is wrong with the store is raised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae_core.errors import BadImage, ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError
from vae_core.imaging.decoding import decode_fitted
from vae_core.jobs.records import ItemError
from vae_core.storage.base import Store


class Limits(NamedTuple):
    """What one input may be at most, before it is decoded."""

    input_bytes: int
    input_pixels: int


class Wanted(NamedTuple):
    """An image to read: where it is, the version that was planned, and what to call it where it is listed."""

    store: Store
    key: str
    tag: str
    shown: str


def fetch_fitted(index: int, wanted: Wanted, *, size: int, fit: str, limits: Limits) -> NDArray[np.uint8] | ItemError:
    """The image as uint8 RGB (size, size, 3), or why item `index` cannot be made of it. Raises the store's errors."""
    try:
        data = _read(wanted, limits)
        return decode_fitted(data, size=size, fit=fit, max_pixels=limits.input_pixels)
    except BadImage as error:
        code, message = error.reason, str(error)
    except (ObjectMissing, ObjectTooLarge, ObjectChanged, StoreError) as error:
        code, message = error.code, str(error)
    return ItemError(index=index, source=wanted.shown, code=code, message=message)


def _read(wanted: Wanted, limits: Limits) -> bytes:
    """The object's content. What a store that fails for a moment may say of any object, it has to say twice."""

    def read() -> bytes:
        return wanted.store.read(wanted.key, max_bytes=limits.input_bytes, if_tag=wanted.tag).data

    try:
        return read()
    except (ObjectMissing, StoreError):
        wanted.store.check()  # raises where it is not this object alone
        return read()
