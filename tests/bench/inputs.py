"""Pictures to reconstruct: JPEGs of drawn cars, as a camera's thumbnails are."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vae_core.storage.base import Store

SIDE = 256
_QUALITY = 88
_SHADES = 24


def write_pictures(store: Store, count: int) -> None:
    """Writes `count` pictures, 256x256, all of them different."""
    draw = np.random.default_rng(11)
    for number in range(count):
        # Smooth at large and grainy at small scale: a JPEG of some 15 KB, as that of a photograph of this size.
        rough = draw.integers(0, 256, (_SHADES, _SHADES, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(rough).resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(np.int16)
        picture = np.clip(picture + draw.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=_QUALITY)
        store.write(f"{number:05d}.jpg", buffer.getvalue())
