"""A job's outputs as pixels again, for what is made of them when it is finished."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.errors import ObjectMissing
from vae_core.jobs.records import ItemDone
from vae_core.storage.base import Store


def read_output(store: Store, root: str, item: ItemDone) -> NDArray[np.uint8]:
    """The item's image as uint8 RGB (H, W, 3), out of its shard where it lies in one.

    root: of the job's folder. Raises the store's errors.
    """
    key = root + item.key
    if item.offset is None:
        return read_image(store, key)
    data = b"".join(store.stream(key, start=item.offset, size_bytes=item.size_bytes))
    if len(data) != item.size_bytes:
        raise ObjectMissing(f"{store.url}: {key} ends before {item.member} does")
    return _pixels(data)


def read_image(store: Store, key: str) -> NDArray[np.uint8]:
    """An image that a part wrote, as uint8 RGB (H, W, 3). Raises the store's errors."""
    return _pixels(store.read(key).data)


def _pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)
