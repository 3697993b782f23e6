"""The pictures of an evaluation, as arrays: what the page shows beside the figures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vae_core.evaluation.foreground import Mask
from vae_core.evaluation.subject import Images


@dataclass(frozen=True)
class Sheet:
    """Rows of equally many images, each with its name; what stands one below the other belongs together.

    rows: uint8 (N, S, S, 3) by name. captions: one for each column, or none. note: what they are.
    """

    rows: dict[str, Images] = field(default_factory=dict)
    captions: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Gallery:
    """Filled while the figures are worked out; a sheet without rows is not shown. samples: one grid for each label."""

    reconstructions: Sheet = Sheet()
    samples: dict[str, Images] = field(default_factory=dict)
    neighbours: Sheet = Sheet()
    denoised: Sheet = Sheet()
    midpoints: Sheet = Sheet()
    photographs: Sheet = Sheet()


def marked(images: Images, masks: Mask) -> Images:
    """The images with all but their foreground paled: what the foreground's figures are measured on."""
    tinted = (images // 5 + np.array([150, 172, 204], dtype=np.uint8)).astype(np.uint8)
    result: NDArray[np.uint8] = np.where(masks[..., None], images, tinted)
    return result
