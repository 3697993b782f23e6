"""The animations of an interpolation: its frames as one WebP and one GIF, shown over and over."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_FRAMES = 600
_SAVE: dict[str, dict[str, Any]] = {
    "WEBP": {"quality": 85, "method": 4},
    "GIF": {"optimize": False, "disposal": 1},
}


def shown_frames(film: Sequence[int]) -> list[int]:
    """The positions that are shown, at most 600 of them, spread evenly, so that a file stays of a size to look at."""
    return list(film[:: -(-len(film) // MAX_FRAMES)]) if film else []


def animation(frames: Sequence[NDArray[np.uint8]], file_format: str, fps: int) -> bytes:
    """An animated file of the uint8 RGB frames (H, W, 3), at least one, that starts again at its end.

    file_format: `WEBP`, or `GIF`, which holds 256 colours a frame. fps: frames a second; a GIF counts in hundredths of
    a second, and browsers take less than two of them for ten.
    """
    first, *others = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(
        buffer,
        format=file_format,
        save_all=True,
        append_images=others,
        duration=max(20, 10 * round(100 / fps)) if file_format == "GIF" else round(1000 / fps),
        loop=0,
        **_SAVE[file_format],
    )
    return buffer.getvalue()
