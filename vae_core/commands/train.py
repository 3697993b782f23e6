"""`vaecore train`: from images to a checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from vae_core.commands.params import PATH, processors


@click.command("train")
@click.argument("data", type=PATH, required=False)
@click.option("--out", type=PATH, required=True, help="Folder of the run; a run that was stopped goes on from there.")
@click.option("--preset", "preset_name", default="default", show_default=True, help="default, small or photos.")
@click.option("--image-steps", type=int, help="Images to show in all; the preset's number if left out.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option("--beta", type=float, help="Weight of the KL term.")
@click.option("--seed", type=int, help="Of starting weights, order of the images and drawn cars.")
@click.option("--cars", "car_count", type=int, help="Draw this many cars to train on, instead of DATA.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--threads", type=int, help="Threads for computation on the CPU.")
def train_command(
    data: Path | None,
    out: Path,
    preset_name: str,
    image_steps: int | None,
    batch_size: int | None,
    beta: float | None,
    seed: int | None,
    car_count: int | None,
    device: str,
    threads: int | None,
) -> None:
    """Train a network on DATA, a folder of images or a .npy array, and write OUT/checkpoint.safetensors."""
    import logging
    import sys

    from vae_core.errors import InvalidValue
    from vae_core.training.config import changed, preset

    if (data is None) == (car_count is None):
        raise InvalidValue("give either DATA, a folder of images or a .npy file, or --cars N, and not both")
    config = changed(preset(preset_name), image_steps=image_steps, batch_size=batch_size, beta=beta, seed=seed)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)

    import torch

    from vae_core.model.devices import find_device
    from vae_core.training.data import drawn_cars, open_images
    from vae_core.training.run import Run

    size = config.model.image_size
    if data is not None:
        images = open_images(data, size)
    else:
        images = drawn_cars(out, car_count or 0, config.seed, size, processors())
    if threads is not None:
        torch.set_num_threads(threads)
    run = Run(config, images, out, find_device(device))
    run.train()
    click.echo(f"{run.checkpoint_path} {run.export()}")
