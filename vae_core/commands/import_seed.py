"""`vaecore import-seed`: from the published weights to a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.commands.params import PATH

if TYPE_CHECKING:
    from vae_core.model.network import Network
    from vae_core.model.prior import Prior

_COMPONENTS = (1, 2, 4, 8, 16, 32)
_MIN_IMAGES = 20


@click.command("import-seed")
@click.argument("file", type=PATH)
@click.argument("out", type=PATH)
@click.option(
    "--prior-from", "data", type=PATH, help="Fit the prior to these images, best those that it was trained on."
)
def import_seed_command(file: Path, out: Path, data: Path | None) -> None:
    """Turn FILE, the published weights as state_dict or TorchScript trace, into the checkpoint OUT.

    Nothing in FILE is run. DATA is what `vaecore train` takes. Without it the prior is N(0, I).
    """
    from vae_core.errors import InvalidValue

    if not out.parent.is_dir() or out.is_dir():
        raise InvalidValue(f"{out} cannot be written: name a file in a folder that is there")
    if out.exists() and file.exists() and out.samefile(file):
        raise InvalidValue(f"{out} is the file to be read: name another one to write")

    from vae_core.importing.published import read_published
    from vae_core.model.prior import Prior
    from vae_core.model.weights import save_network

    published = read_published(file)
    if data is None:
        prior = Prior.standard(published.network.config.latent_dim)
        note = "N(0, I), as no images were given to fit one to"
    else:
        prior, count = _fitted_prior(published.network, data)
        note = f"mixture of {len(prior.weights)}, fitted to the encodings of {count} images"
    notes = {
        "imported_from": file.name.encode(errors="replace").decode(),
        "imported_kind": published.kind,
        "imported_sha256": published.sha256,
        "prior": note,
    }
    sha256 = save_network(out, published.network, prior, notes)
    click.echo(f"prior: {note}" + ("" if data else " (--prior-from DATA)"), err=True)
    click.echo(f"{out} {sha256}")


def _fitted_prior(network: Network, data: Path) -> tuple[Prior, int]:
    """The mixture that fits the encoded images of `data` best, and how many images it was fitted to."""
    import torch

    from vae_core.errors import InvalidValue
    from vae_core.training.aggregate import fit_prior
    from vae_core.training.dataset import open_dataset

    images, held_out, _ = open_dataset(data, network.config.image_size)
    if len(images) < _MIN_IMAGES:
        raise InvalidValue(f"{data} has {len(images)} images to fit a prior to: at least {_MIN_IMAGES} are needed")
    components: Sequence[int] = _COMPONENTS
    if not len(held_out):  # nothing to choose the number of components by
        held_out, components = images, [1]
    try:
        return fit_prior(network, images, held_out, components, seed=0), len(images)
    except (InvalidValue, torch.linalg.LinAlgError) as exc:  # type: ignore[attr-defined]
        raise InvalidValue(f"{data}: no Gaussians fit what its images are encoded to: leave --prior-from out") from exc
