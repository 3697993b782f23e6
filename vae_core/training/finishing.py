"""The last part of a run: BatchNorm, latents and prior made ready, the checkpoint written, the final sheets drawn."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from vae_core.model.network import Network
from vae_core.model.prior import Prior
from vae_core.model.weights import save_network
from vae_core.training.aggregate import fit_prior, whiten_latents
from vae_core.training.average import refresh_batch_norm
from vae_core.training.config import TrainingConfig
from vae_core.training.data import Batches
from vae_core.training.dataset import Dataset
from vae_core.training.precision import exact
from vae_core.training.sheets import beside_originals_sheet, reconstruction_sheet, sample_sheet, save_sheet
from vae_core.training.trainer import Trainer
from vae_core.training.watching import SHEET_IMAGES, mean_psnr_db

_LOG = logging.getLogger(__name__)
_NORM_BATCHES = 64
_SAMPLES = 64


def export_checkpoint(trainer: Trainer, dataset: Dataset, path: Path, notes: Mapping[str, str]) -> str:
    """Write the averaged network, which is changed by it, with its prior. Returns the file's SHA-256.

    Latents are whitened where the network can be, so that N(0, I) is the Gaussian that fits them best. `notes` go into
    the file. Sheets are written into the folder `sheets` beside it.
    """
    config, network = trainer.config, trainer.average.network
    held_out = dataset.validation[: config.validation_images]
    notes = dict(notes)
    _LOG.info("fitting latents and prior to %d images", len(dataset.train))
    with exact():
        if config.ema_decay > 0.0:  # averaged weights see their maps otherwise than the weights they come from
            refresh_batch_norm(network, _norm_batches(trainer, dataset.train))
        if network.whitens:
            whiten_latents(network, dataset.train)
        prior = _prior(network, dataset, config)
        if len(held_out):
            notes["held_out_psnr_db"] = f"{mean_psnr_db(network, held_out):.2f}"
        told = notes.get("held_out_psnr_db", "unknown")
        _LOG.info("prior of %d components; held-out PSNR %s dB", len(prior.weights), told)
        _write_sheets(network, prior, dataset, path.parent / "sheets")
    return _save(path, network, prior, notes)


def _norm_batches(trainer: Trainer, images: np.ndarray) -> Iterator[Tensor]:
    """Batches as the network saw them in training: the first ones of the run."""
    config = trainer.config
    batches = Batches(images, config.batch_size, config.seed, augmentation=config.augmentation)
    for number in range(_NORM_BATCHES):
        yield trainer.with_noise(batches.batch(number).seen.to(trainer.device), number)


def _prior(network: Network, dataset: Dataset, config: TrainingConfig) -> Prior:
    if config.prior == "standard":
        return Prior.standard(config.model.latent_dim)
    return fit_prior(network, dataset.train, dataset.validation, config.components, config.seed)


def _write_sheets(network: Network, prior: Prior, dataset: Dataset, folder: Path) -> None:
    held_out = dataset.validation if len(dataset.validation) else dataset.train
    save_sheet(sample_sheet(network, prior, _SAMPLES), folder / "final-samples.png")
    save_sheet(reconstruction_sheet(network, held_out[:SHEET_IMAGES]), folder / "final-reconstructions.png")
    save_sheet(beside_originals_sheet(network, prior, dataset.train), folder / "final-generated-beside-originals.png")


def _save(path: Path, network: Network, prior: Prior, notes: Mapping[str, str]) -> str:
    """At half the size where all weights fit into float16."""
    try:
        return save_network(path, network, prior, notes, half=True)
    except ValueError:
        return save_network(path, network, prior, notes)
