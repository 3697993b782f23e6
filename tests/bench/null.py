"""A model that costs nothing, which leaves what everything else costs: `python -m tests.bench.null parts` is a worker.

Pictures are of the usual size, and each has its own. With `NULLENCODER` set, files cost nothing either, and hold a few
bytes each: what is left is the control plane.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

ENCODER = "NULLENCODER"
_SIDE, _LATENT = 128, 64
_PICTURES = 64


class NullEngine:
    """Stands in for `Engine` where jobs sample."""

    batch_size = 256  # as on a GPU
    streams = 1
    image_size, latent_dim = _SIDE, _LATENT
    device_type = "cpu"

    def __init__(self, checkpoint_sha256: str = "") -> None:
        self.checkpoint_sha256 = checkpoint_sha256
        self.kind = NullKind()
        self.pool = ThreadPoolExecutor(self.streams)
        draw = np.random.default_rng(3)
        rough = draw.integers(0, 256, (_PICTURES, 8, 8, 3), dtype=np.uint8)
        pictures = rough.repeat(_SIDE // 8, axis=1).repeat(_SIDE // 8, axis=2)
        # Any of them and those after it, without a copy.
        self._pictures = np.resize(pictures, (_PICTURES + self.batch_size, *pictures.shape[1:]))

    def sample_latents(
        self, seed: int, indices: Sequence[int], temperature: float = 1.0, *, standard: bool = False
    ) -> NDArray[np.float32]:
        return np.repeat(np.asarray(indices, dtype=np.float32)[:, None], _LATENT, axis=1)

    def decode(self, z: NDArray[np.float32]) -> NDArray[np.uint8]:
        first = int(z[0, 0]) % _PICTURES
        pixels: NDArray[np.uint8] = self._pictures[first : first + len(z)]
        return pixels


class NullKind:
    device = "none"

    def __str__(self) -> str:
        return "null"


def main() -> None:
    """`vaeworker`, whose children have this engine; torch is never loaded."""
    from vae_core.imaging.encoding import encode_image
    from vae_core.model.allocator import keep_freed_memory
    from worker import part_writer, parts_role
    from worker.cli import main as vaeworker
    from worker.engines import Engines
    from worker.probe import Findings

    loaded: dict[str, NullEngine] = {}

    def get(_engines: Engines, sha256: str) -> NullEngine:
        if sha256 not in loaded:
            loaded[sha256] = NullEngine(sha256)
            keep_freed_memory()  # as a real one does
            gc.freeze()
        return loaded[sha256]

    Engines.get = get
    parts_role.probe = lambda settings: Findings(["cpu"] * settings.processes, "null")
    if os.environ.get(ENCODER):
        file = encode_image(np.zeros((1, 1, 3), dtype=np.uint8), "png")
        part_writer.encode_image = lambda pixels, image_format, quality=None: file
        part_writer.atlas_tile = lambda pixels: pixels[:1, :1]
    vaeworker()


if __name__ == "__main__":
    main()
