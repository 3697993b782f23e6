"""A training run in a folder: settings, metrics, sheets, state to go on from, and at its end the checkpoint."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import msgspec
import numpy as np
import torch

from vae_core.model.weights import save_network
from vae_core.training.aggregate import fit_prior, posterior_moments, whiten_latents
from vae_core.training.average import refresh_batch_norm
from vae_core.training.config import TrainingConfig
from vae_core.training.data import Batches, to_tensor
from vae_core.training.metrics import Metrics
from vae_core.training.mixture import fit_mixture
from vae_core.training.sheets import reconstruction_sheet, sample_sheet, save_sheet
from vae_core.training.trainer import StepResult, Trainer

_LOG = logging.getLogger(__name__)
_LOG_EVERY = 2_000
_SHEET_IMAGES = 32
_PRIOR_IMAGES = 2000
_NORM_BATCHES = 64


class Run:
    """Trains in the folder `out`, going on from `out/state.pt` when there is one.

    images: uint8 (N, H, W, 3); the last `config.holdout` of them, at most a fifth, are only measured on. Beside the
    state, the folder holds config.json, metrics.csv, sheets/ and, at the end, checkpoint.safetensors.
    """

    def __init__(self, config: TrainingConfig, images: np.ndarray, out: Path, device: torch.device) -> None:
        held_out = max(1, min(config.holdout, len(images) // 5))
        self.config, self.out = config, out
        self.images, self.held_out = images[:-held_out], images[-held_out:]
        self.trainer = Trainer(config, device)
        out.mkdir(parents=True, exist_ok=True)
        if self._state_path.exists():
            self.trainer.load_state(self._state_path)
            _LOG.info("going on at image-step %d", self.trainer.image_steps)
        self._metrics = Metrics(out / "metrics.csv", self.trainer.image_steps)
        (out / "config.json").write_text(config.to_json() + "\n", encoding="utf-8")

    @property
    def _state_path(self) -> Path:
        return self.out / "state.pt"

    @property
    def checkpoint_path(self) -> Path:
        """Where the finished checkpoint is written."""
        return self.out / "checkpoint.safetensors"

    def train(self) -> None:
        """Train to the end of the schedule. Raises TrainingDiverged; the state on disk stays that of the last save."""
        config = self.config
        saved_at = time.monotonic()
        next_line = (self.trainer.image_steps // _LOG_EVERY + 1) * _LOG_EVERY
        next_sheet = (self.trainer.image_steps // config.sheet_every + 1) * config.sheet_every
        batches = Batches(
            self.images,
            config.batch_size,
            config.seed,
            start=self.trainer.image_steps // config.batch_size,
            max_shift_px=config.max_shift_px,
            jitter=config.color_jitter,
        )
        with batches as stream:
            while not self.trainer.done:
                result = self.trainer.step(next(stream))
                if self.trainer.image_steps >= next_line:
                    next_line += _LOG_EVERY
                    self._record(result, None)
                if self.trainer.image_steps >= next_sheet:
                    next_sheet += config.sheet_every
                    self._record(result, self._write_sheets())
                if time.monotonic() - saved_at > config.state_every_s:
                    self.trainer.save_state(self._state_path)
                    saved_at = time.monotonic()
        self.trainer.save_state(self._state_path)

    def export(self) -> str:
        """Whiten the latents, fit the prior and write the checkpoint. Returns its SHA-256.

        Works from the averaged weights, which are changed by it; the state on disk is not.
        """
        network = self.trainer.average.network
        device = self.trainer.device
        step = max(1, len(self.images) // (_NORM_BATCHES * self.config.batch_size))
        chosen = self.images[::step][: _NORM_BATCHES * self.config.batch_size]
        refresh_batch_norm(network, [to_tensor(part).to(device) for part in _split(chosen, self.config.batch_size)])
        if network.whitens:
            whiten_latents(network, self.images)
        prior = fit_prior(network, self.images, self.held_out, self.config.components, self.config.seed)
        psnr = held_out_psnr(self.trainer, self.held_out)
        _LOG.info("prior of %d components; held-out PSNR %.2f dB", len(prior.weights), psnr)
        save_sheet(sample_sheet(network, prior, 64), self.out / "sheets" / "final-samples.png")
        save_sheet(
            reconstruction_sheet(network, self.held_out[:_SHEET_IMAGES]),
            self.out / "sheets" / "final-reconstructions.png",
        )
        stages = [{"from": start, "config": msgspec.Raw(config.encode())} for start, config in self.trainer.stages]
        notes = {
            "training": msgspec.json.encode(stages).decode(),
            "image_steps": str(self.trainer.image_steps),
            "training_images": str(len(self.images)),
            "held_out_psnr_db": f"{psnr:.2f}",
        }
        return save_network(self.checkpoint_path, network, prior, notes, half=True)

    def _write_sheets(self) -> float:
        """Sheets of the averaged network as it is now. Returns its PSNR on the held-out images."""
        network, folder = self.trainer.average.network, self.out / "sheets"
        name = f"{self.trainer.image_steps:08d}"
        means, _ = posterior_moments(network, self.images[:_PRIOR_IMAGES])
        save_sheet(sample_sheet(network, fit_mixture(means.numpy(), 1), _SHEET_IMAGES), folder / f"{name}-samples.png")
        save_sheet(reconstruction_sheet(network, self.held_out[:_SHEET_IMAGES]), folder / f"{name}-reconstructions.png")
        return held_out_psnr(self.trainer, self.held_out)

    def _record(self, result: StepResult, psnr: float | None) -> None:
        """One more line of metrics.csv, and of the log."""
        seconds = self._metrics.add(self.trainer.image_steps, result, psnr)
        _LOG.info(
            "image-step %d of %d  %.0f s  loss %.4f  PSNR %.2f dB  KL %.1f nats%s",
            self.trainer.image_steps,
            self.config.image_steps,
            seconds,
            result.loss,
            -10.0 * math.log10(max(result.mse, 1e-10)),
            result.kl,
            "" if psnr is None else f"  held-out PSNR {psnr:.2f} dB",
        )


@torch.inference_mode()
def held_out_psnr(trainer: Trainer, images: np.ndarray) -> float:
    """Mean over `images`, uint8 (N, H, W, 3), of the PSNR in dB of the averaged network's reconstructions."""
    values = []
    for part in _split(images, 64):
        originals = to_tensor(part).to(trainer.device)
        error = (trainer.average.network(originals) - originals).square().mean(dim=(1, 2, 3))  # (B,)
        values.append(-10.0 * torch.log10(error.clamp(min=1e-10)))
    return float(torch.cat(values).mean())


def _split(images: np.ndarray, size: int) -> list[np.ndarray]:
    return [images[start : start + size] for start in range(0, len(images), size)]
