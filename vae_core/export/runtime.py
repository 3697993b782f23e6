"""An export in ONNX, run by onnxruntime: what an engine does, on machines that have no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.export.info import ExportInfo, checked_bytes, read_info, read_prior
from vae_core.model.prior import Prior


class ExportedModel:
    """Arrays go in and come out as they do at `vae_core.model.engine.Engine`; build it with `ExportedModel.open`.

    Rows are run one at a time, so that no item's result depends on its neighbours.
    """

    def __init__(self, info: ExportInfo, prior: Prior, encoder: Any, decoder: Any) -> None:
        """encoder, decoder: sessions of onnxruntime. Callers use `ExportedModel.open`."""
        self._prior = prior
        self._encoder = encoder
        self._decoder = decoder
        self.checkpoint_sha256 = info.checkpoint_sha256
        self.image_size = info.config.image_size
        self.latent_dim = info.config.latent_dim

    @classmethod
    def open(cls, folder: Path) -> ExportedModel:
        """Load the folder that `vaecore export --to onnx` wrote; every file is held against its SHA-256.

        `reconstruct.onnx` is not needed: it is the other two in one. Raises BadCheckpoint.
        """
        info = read_info(folder)
        if info.format != "onnx":
            raise BadCheckpoint(f"{folder}: is an export to {info.format[:20]}: one to onnx is expected")
        encoder, decoder = (_session(folder, info, name) for name in ("encode", "decode"))
        return cls(info, read_prior(folder, info), encoder, decoder)

    def sample_latents(self, seed: int, indices: Sequence[int], temperature: float = 1.0) -> np.ndarray:
        """The latent of each (seed, index), float32 (B, Z): to the bit what an engine gives. Raises InvalidValue."""
        return self._prior.sample(seed, indices, temperature)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """The image of each latent: float32 (B, Z) -> uint8 (B, H, W, 3). Raises InvalidValue for another shape."""
        _check(latents, "latents", np.dtype(np.float32), (self.latent_dim,))
        rows = [self._decoder.run(["images"], {"latents": latent[None]})[0][0] for latent in latents]
        images = np.stack(rows).transpose(0, 2, 3, 1)  # (B, 3, H, W) -> (B, H, W, 3)
        return np.ascontiguousarray(np.rint(images * np.float32(255.0)).clip(0, 255).astype(np.uint8))

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The posterior mean of each image: uint8 (B, H, W, 3) -> float32 (B, Z). Raises InvalidValue."""
        _check(images, "images", np.dtype(np.uint8), (self.image_size, self.image_size, 3))
        values = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255.0)  # -> (B, 3, H, W)
        return np.stack([self._encoder.run(["mean"], {"images": image[None]})[0][0] for image in values])

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Each image encoded and decoded from its posterior mean: uint8 (B, H, W, 3) both ways. Raises InvalidValue."""
        return self.decode(self.encode(images))


def _session(folder: Path, info: ExportInfo, name: str) -> Any:
    function = info.functions.get(name)
    if function is None:
        raise BadCheckpoint(f"{folder}: has no function {name}; export the checkpoint again")
    data = checked_bytes(folder / function.file, function.sha256)
    try:
        return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime raises a type for each of its status codes: the file is unusable
        raise BadCheckpoint(f"{folder / function.file}: onnxruntime cannot load it: {exc}") from exc


def _check(rows: np.ndarray, what: str, dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> None:
    if rows.dtype != dtype or rows.shape[1:] != row_shape or len(rows) == 0:
        raise InvalidValue(
            f"{what} are {rows.dtype} {rows.shape}: {dtype} (B, {str(row_shape)[1:-1].strip(',')}) is expected"
        )
