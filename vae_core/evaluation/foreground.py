"""Which pixels of a picture show its subject, found by what the picture's border looks like."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vae_core.evaluation.subject import Floats, Images

Mask = NDArray[np.bool_]

_MIN_TOLERANCE = 10.0  # grey levels: what JPEG leaves of a flat background
_ROUNDS = 4
_START_TOLERANCE = 60.0
_MIN_BORDER_SHARE = 0.2
_MIN_PART = 0.005  # of the picture: smaller parts are specks
_SQUARE = np.ones((3, 3), dtype=bool)
_CLEAN_SHARE = 0.8
_CLEAN_TOLERANCE = 16.0


class Background(NamedTuple):
    """What the border says of the background.

    surface: float64 (S, S, 3), its colour at each pixel, a polynomial fitted to the border. share: of the border's
    pixels that lie on it; a car that touches the border does not. tolerance: grey levels within which a pixel counts
    as background.
    """

    surface: Floats
    share: float
    tolerance: float

    @property
    def clean(self) -> bool:
        """Whether at least 80 % of the border is one smooth colour, within 16 grey levels."""
        return self.share >= _CLEAN_SHARE and self.tolerance <= _CLEAN_TOLERANCE


def fit_background(image: NDArray[np.uint8]) -> Background:
    """The background of a uint8 RGB image (S, S, 3): flat, or shaded smoothly as a studio's is.

    Least squares on the pixels of a thin border, those far off left out and the fit repeated.
    """
    size = image.shape[0]
    terms = _terms(size)  # (S, S, 7)
    border = np.ones((size, size), dtype=bool)
    width = max(1, size // 64)
    border[width:-width, width:-width] = False
    colours = image[border].astype(np.float64)  # (P, 3)
    kept = (np.abs(colours - np.median(colours, axis=0)) <= _START_TOLERANCE).all(axis=1)
    flat = np.median(colours, axis=0)
    factors: NDArray[np.floating] = np.zeros((terms.shape[2], 3))
    errors = np.abs(colours - flat).max(axis=1)
    factors[0] = flat
    for _ in range(_ROUNDS):
        if kept.mean() < _MIN_BORDER_SHARE:
            break
        factors = np.linalg.lstsq(terms[border][kept], colours[kept], rcond=None)[0]
        errors = np.abs(colours - terms[border] @ factors).max(axis=1)  # (P,)
        kept = errors <= max(6.0, 3.0 * float(np.median(errors[kept])))
    spread = float(np.sqrt(np.square(errors[kept]).mean())) if kept.any() else 255.0
    return Background(terms @ factors, float(kept.mean()), max(_MIN_TOLERANCE, 4.0 * spread))


def foreground_mask(image: NDArray[np.uint8], background: Background | None = None) -> Mask:
    """True where the uint8 RGB image (S, S, 3) shows something other than its background, its shadow included.

    Pixels that differ from the background, gaps between them closed and holes filled, specks dropped, then widened by
    as much as an edge may be blurred: S / 64 pixels. Empty for a picture of one colour.
    """
    size = image.shape[0]
    steps = max(1, round(size / 64))
    found = background or fit_background(image)
    different = np.abs(image - found.surface).max(axis=2) > found.tolerance
    margin = 2 * steps
    closed = ndimage.binary_closing(np.pad(different, margin), _SQUARE, iterations=steps)[
        margin:-margin, margin:-margin
    ]
    opened = ndimage.binary_opening(ndimage.binary_fill_holes(closed), _SQUARE, iterations=steps)
    widened: Mask = ndimage.binary_dilation(_large_parts(opened), _SQUARE, iterations=steps)
    return widened


def foreground_masks(images: Images) -> Mask:
    """The masks of uint8 (N, S, S, 3): (N, S, S)."""
    return np.stack([foreground_mask(image) for image in images])


def _large_parts(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask, _SQUARE)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = sizes >= _MIN_PART * mask.size
    large[0] = False
    kept: Mask = large[labels]
    return kept


def _terms(size: int) -> Floats:
    """Powers of the pixels' places, (S, S, 7): quadratic, and cubic in height, as walls meet floors there."""
    y, x = np.meshgrid(np.linspace(-1.0, 1.0, size), np.linspace(-1.0, 1.0, size), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, y**3], axis=-1)
