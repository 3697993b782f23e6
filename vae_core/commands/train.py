"""`vaecore train`: from images to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.commands.params import PATH, processors

if TYPE_CHECKING:
    from vae_core.model.network import Network
    from vae_core.training.config import TrainingConfig


@click.command("train")
@click.argument("data", type=PATH, required=False)
@click.option("--out", type=PATH, help="Folder of the run; a run that was stopped goes on from there.")
@click.option("--preset", help="default, small, photos, reference, reference-fixed or autoencoder.")
@click.option("--config", "config_path", type=PATH, help="A config as --dry-run prints it, instead of a preset.")
@click.option("--from", "start", type=PATH, help="A checkpoint to go on from, instead of random weights.")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Change any field; may be repeated.")
@click.option("--image-steps", type=int, help="Images to show in all; the preset's number if left out.")
@click.option("--epochs", type=float, help="The same, counted in passes over the training images.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option("--learning-rate", type=float, help="The highest of the run.")
@click.option("--beta", type=float, help="Weight of the KL term.")
@click.option(
    "--denoise", type=float, help="Learn to take noise away whose deviation is 0 to this, of values in [0, 1]."
)
@click.option("--seed", type=int, help="Of starting weights, order of the images and drawn cars.")
@click.option("--cars", "car_count", type=int, help="Draw this many cars to train on, instead of DATA.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--threads", type=int, help="Threads for computation on the CPU.")
@click.option("--tensorboard/--no-tensorboard", default=True, show_default=True, help="Write OUT/tensorboard as well.")
@click.option("--dry-run", is_flag=True, help="Print the config as JSON, and do nothing.")
def train_command(
    data: Path | None,
    out: Path | None,
    preset: str | None,
    config_path: Path | None,
    start: Path | None,
    settings: tuple[str, ...],
    epochs: float | None,
    car_count: int | None,
    device: str,
    threads: int | None,
    tensorboard: bool,
    dry_run: bool,
    **options: int | float | None,
) -> None:
    """Train a network on DATA and write OUT/checkpoint.safetensors.

    DATA is a folder or zip of pictures, the zip of `vaecore prepare`, or a .npy array. Its training part is trained on,
    its validation part measured on; its test part is left for `vaecore evaluate`. A run that was stopped, however that
    happened, goes on when the same command is given again; without --preset and --config it keeps its own settings.
    """
    import logging
    import sys

    from vae_core.errors import InvalidValue
    from vae_core.jobs.checks import check_int

    config = _config(out, preset, config_path, start, settings, options)
    if dry_run:
        import msgspec

        click.echo(msgspec.json.format(config.to_json()))
        return
    if out is None:
        raise InvalidValue("--out is missing: name a folder for the run")
    if out.exists() and not out.is_dir():
        raise InvalidValue(f"--out {out} is a file: name a folder for the run")
    if (data is None) == (car_count is None):
        raise InvalidValue("give either DATA, pictures to train on, or --cars N, and not both")
    if epochs is not None and options["image_steps"] is not None:
        raise InvalidValue("--epochs and --image-steps both say how long the run is: give one of them")
    if car_count is not None:
        check_int("--cars", car_count, 1, 1_000_000)
    if threads is not None:
        check_int("--threads", threads, 1, 1024)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    _train(config, data, car_count, out, start, epochs, device, threads, tensorboard)


def _config(
    out: Path | None,
    preset_name: str | None,
    config_path: Path | None,
    start: Path | None,
    settings: tuple[str, ...],
    options: dict[str, int | float | None],
) -> TrainingConfig:
    """The config that the options ask for, on top of a preset, a file, or what the run in `out` was begun with.

    A checkpoint to start from says what the network is.
    """
    from vae_core.errors import InvalidValue
    from vae_core.model.checkpoint import read_info
    from vae_core.training.config import TrainingConfig, changed, with_settings
    from vae_core.training.presets import preset

    if preset_name is not None and config_path is not None:
        raise InvalidValue("--preset and --config both say what to start from: give one of them")
    begun = None if out is None or preset_name is not None else out / "config.json"
    path = config_path or (begun if begun is not None and begun.exists() else None)
    if path is None:
        config = preset(preset_name or "default")
    else:
        try:
            config = TrainingConfig.from_json(path.read_bytes(), where=str(path))
        except OSError as exc:
            raise InvalidValue(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    pairs = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise InvalidValue(f"--set {setting}: FIELD=VALUE is expected, such as model.latent_dim=32")
        pairs[name] = text
    if start is not None:
        told = next((name for name in pairs if name == "start" or name.partition(".")[0] == "model"), None)
        if told is not None:
            raise InvalidValue(f"--set {told} does not go with --from: the checkpoint says what the network is")
        info = read_info(start)
        config = changed(config, model=info.config, start=info.sha256)
    return changed(with_settings(config, pairs), **options)


def _started(start: Path, config: TrainingConfig) -> Network:
    """The network of the checkpoint that the config is of."""
    from vae_core.errors import InvalidValue
    from vae_core.model.weights import load_checkpoint

    network, _, info = load_checkpoint(start)
    if info.sha256 != config.start:
        raise InvalidValue(f"--from {start} was replaced while it was read: give the command again")
    return network


def _train(
    config: TrainingConfig,
    data: Path | None,
    car_count: int | None,
    out: Path,
    start: Path | None,
    epochs: float | None,
    device_name: str,
    threads: int | None,
    tensorboard: bool,
) -> None:
    import sys

    import torch

    from vae_core.errors import InvalidValue
    from vae_core.model.devices import find_device
    from vae_core.training.config import changed
    from vae_core.training.data import drawn_cars
    from vae_core.training.dataset import open_dataset
    from vae_core.training.interrupts import stop_requests
    from vae_core.training.run import Run

    device = find_device(device_name)
    size = config.model.image_size
    if data is None:
        data = drawn_cars(out, car_count or 0, config.seed, size, processors())
    dataset = open_dataset(data, size)
    if epochs is not None:
        image_steps = epochs * len(dataset.train)
        if not 1 <= image_steps <= 1_000_000_000:
            raise InvalidValue(f"--epochs {epochs:g} is out of range: 1 to 1,000,000,000 images in all are allowed")
        config = changed(config, image_steps=round(image_steps))
    if threads is not None:
        torch.set_num_threads(threads)
    network = None if start is None else _started(start, config)
    run = Run(config, dataset, out, device, start=network, bar=sys.stderr.isatty(), board=tensorboard)
    with stop_requests() as asked:
        finished = run.train(asked)
    if not finished:
        raise KeyboardInterrupt
    click.echo(f"{run.checkpoint_path} {run.export()}")
