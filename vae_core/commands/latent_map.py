"""`vaecore latent-map`: latent space in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.commands.params import PATH, check_out_file

if TYPE_CHECKING:
    from vae_core.training.latent_map import Method


@click.command("latent-map")
@click.argument("checkpoint", type=PATH)
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, required=True, help="The PNG file to write.")
@click.option("--beside", type=PATH, help="Another checkpoint, such as an autoencoder, to show beside it.")
@click.option("--color-by", help="A column of cars.csv, or brightness.")
@click.option(
    "--method", type=click.Choice(["tsne", "pca"]), default="tsne", show_default=True, help="How the plane is chosen."
)
@click.option("--n", "count", type=int, default=1000, show_default=True, help="Images to encode, at most.")
@click.option("--draws", type=int, default=500, show_default=True, help="Latents to draw from each prior.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same map.")
def latent_map_command(
    checkpoint: Path,
    data: Path,
    out: Path,
    beside: Path | None,
    color_by: str | None,
    method: Method,
    count: int,
    draws: int,
    seed: int,
) -> None:
    """Show where the images of DATA lie in the latent space of CHECKPOINT.

    DATA is a folder that `vaecore cars` wrote, or anything that `vaecore train` takes; best, what was trained on. Grey
    crosses are draws from N(0, I). Told is how far a draw is from the nearest encoded image, against how far those are
    from each other, by the medians: 1 when a prior fits perfectly, and the more, the emptier the space is.
    """
    from vae_core.errors import InvalidValue
    from vae_core.jobs.checks import check_int
    from vae_core.model.checkpoint import checkpoint_name
    from vae_core.model.weights import load_checkpoint
    from vae_core.training.latent_figure import Panel, draw_maps
    from vae_core.training.latent_map import map_latents, open_pictures

    check_int("--n", count, 3, 20_000)
    check_int("--draws", draws, 1, 20_000)
    check_int("--seed", seed, 0, 2**32 - 1)
    if out.suffix.lower() != ".png":
        raise InvalidValue(f"--out {out} is of unknown type: a path that ends in .png is allowed")
    check_out_file(out)
    paths = [checkpoint, beside] if beside else [checkpoint]
    loaded = [load_checkpoint(path) for path in paths]  # all of them first: a refusal is not to take long
    panels, parameter = [], None
    for path, (network, prior, info) in zip(paths, loaded, strict=True):
        images, parameter = open_pictures(data, info.config.image_size, count, color_by)
        if len(images) < 3:
            raise InvalidValue(f"{data}: holds {len(images)} pictures: at least 3 are needed for a map")
        found = map_latents(network, prior, images, method=method, draws=draws, seed=seed)
        panels.append(Panel(checkpoint_name(path), found))
        ratios = f"{found.empty_standard:.2f} times for N(0, I), {found.empty_prior:.2f} times for its own prior"
        click.echo(f"{path}: from a draw to an encoded image, against from one of {len(images)} to another: {ratios}")
    if parameter is not None:
        draw_maps(panels, parameter, out)
