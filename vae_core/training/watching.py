"""What is measured and drawn in the course of a training, without any effect on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vae_core.model.network import Network
from vae_core.training.aggregate import posterior_moments
from vae_core.training.data import to_tensor
from vae_core.training.metrics import Measured
from vae_core.training.mixture import fit_mixture
from vae_core.training.precision import exact
from vae_core.training.sheets import reconstruction_sheet, sample_sheet, save_sheet

SHEET_IMAGES = 32
_ENCODED_IMAGES = 1000
_LEAST_VARIANCE = 0.01
_BATCH = 64


def write_sheets(network: Network, images: np.ndarray, held_out: np.ndarray, folder: Path, name: str) -> Measured:
    """Sheets of the network as it is now, `name`-samples.png and `name`-reconstructions.png, and what it measures.

    images: of the training; held_out: of the validation, perhaps none; both uint8 (N, H, W, 3). The samples are those
    of a Gaussian fitted to the means, always from the same random numbers: from sheet to sheet, the same latents.
    """
    with exact():
        means, _ = posterior_moments(network, images[:_ENCODED_IMAGES])
        prior = fit_mixture(means.numpy(), 1)
        save_sheet(sample_sheet(network, prior, SHEET_IMAGES), folder / f"{name}-samples.png")
        shown = held_out if len(held_out) else images
        save_sheet(reconstruction_sheet(network, shown[:SHEET_IMAGES]), folder / f"{name}-reconstructions.png")
        active = int((means.var(dim=0) > _LEAST_VARIANCE).sum())
        return Measured(mean_psnr_db(network, held_out) if len(held_out) else None, active)


@torch.inference_mode()
def mean_psnr_db(network: Network, images: np.ndarray) -> float:
    """Mean over `images`, uint8 (N, H, W, 3), of the PSNR in dB of their reconstructions from posterior means."""
    values = []
    for start in range(0, len(images), _BATCH):
        originals = to_tensor(images[start : start + _BATCH]).to(network.device)
        error = (network(originals) - originals).square().mean(dim=(1, 2, 3))  # (B,)
        values.append(-10.0 * torch.log10(error.clamp(min=1e-10)))
    return float(torch.cat(values).mean())
