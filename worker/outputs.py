"""A job's outputs as pixels again, for what is made of them when it is finished."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.storage.base import Store


def read_image(store: Store, key: str) -> NDArray[np.uint8]:
    """An image that a part wrote, as uint8 RGB (H, W, 3). Raises the store's errors."""
    with Image.open(io.BytesIO(store.read(key).data)) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)
