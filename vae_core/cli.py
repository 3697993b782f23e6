"""The `vaecore` command: draw cars, train on them, look into a checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.errors import VaejobError

if TYPE_CHECKING:
    from vae_core.model.checkpoint import CheckpointInfo

_PATH = click.Path(path_type=Path)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Make what a worker runs: data, training, checkpoints."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@click.argument("out", type=_PATH)
@click.option("--n", "count", type=int, required=True, help="How many cars.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed draws the same cars.")
@click.option("--size", type=int, default=128, show_default=True, help="Side of an image, in pixels.")
@click.option("--processes", type=int, default=None, help="Default: one per processor.")
def cars(out: Path, count: int, seed: int, size: int, processes: int | None) -> None:
    """Draw cars as PNG files, and cars.csv with their parameters, into the folder OUT."""
    from vae_core.jobs.checks import check_int
    from vae_core.training.cars.dataset import write_cars

    check_int("--n", count, 1, 10_000_000)
    written = write_cars(out, seed, count, size, processes or _processors())
    click.echo(f"{written} cars written to {out}, {count - written} were there", err=True)


@cli.command()
@click.argument("data", type=_PATH, required=False)
@click.option("--out", type=_PATH, required=True, help="Folder of the run; a run that was stopped goes on from there.")
@click.option("--preset", "preset_name", default="default", show_default=True, help="default, small or photos.")
@click.option("--image-steps", type=int, help="Images to show in all; the preset's number if left out.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option("--beta", type=float, help="Weight of the KL term.")
@click.option("--seed", type=int, help="Of starting weights, order of the images and drawn cars.")
@click.option("--cars", "car_count", type=int, help="Draw this many cars to train on, instead of DATA.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--threads", type=int, help="Threads for computation on the CPU.")
def train(
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
        images = drawn_cars(out, car_count or 0, config.seed, size, _processors())
    if threads is not None:
        torch.set_num_threads(threads)
    run = Run(config, images, out, find_device(device))
    run.train()
    click.echo(f"{run.checkpoint_path} {run.export()}")


@cli.command()
@click.argument("checkpoint", type=_PATH)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def info(checkpoint: Path, as_json: bool) -> None:
    """Say what the file CHECKPOINT holds: its SHA-256, the network's sizes, how it was trained."""
    from vae_core.model.checkpoint import read_info

    found = read_info(checkpoint)
    click.echo(_info_json(found) if as_json else _info_text(found))


def _info_json(found: CheckpointInfo) -> str:
    import msgspec

    shapes = {name: tensor.shape for name, tensor in found.tensors.items()}
    content = {
        "path": str(found.path),
        "sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "config": found.config,
        "metadata": found.metadata,
        "tensors": shapes,
    }
    return msgspec.json.encode(content).decode()


def _info_text(found: CheckpointInfo) -> str:
    import math

    import msgspec

    values = sum(math.prod(tensor.shape) for tensor in found.tensors.values())
    rows = {
        "file": str(found.path),
        "sha256": found.sha256,
        "size": f"{found.size_bytes / 1e6:.2f} MB, {len(found.tensors)} tensors, {values / 1e6:.2f} M values",
        **{name: str(value) for name, value in msgspec.structs.asdict(found.config).items()},
        **{name: _cut(text) for name, text in sorted(found.metadata.items()) if name != "model_config"},
    }
    return "\n".join(f"{name:<18}  {text}" for name, text in rows.items())


def _cut(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}… (whole with --json)"


def _processors() -> int:
    import os

    return os.cpu_count() or 1


def main(args: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 a fault of ours, 2 refused, 130 interrupted."""
    arguments = sys.argv[1:] if args is None else args
    debug = "--debug" in arguments
    try:
        cli.main(arguments, prog_name="vaecore", standalone_mode=False)
        return 0
    except VaejobError as error:
        return _told(debug, str(error), 2)
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _told(debug, error.format_message() + where, 2)
    except OSError as error:
        return _told(debug, f"cannot use {error.filename}: {error.strerror}", 2)
    except (click.Abort, KeyboardInterrupt):
        return _told(debug, "interrupted; the same command goes on from the last saved state", 130)
    except Exception as error:  # noqa: BLE001 - told in one line; nothing is half written
        return _told(debug, f"unexpected {type(error).__name__}: {error}; `vaecore --debug ...` shows where", 1)


def _told(debug: bool, message: str, code: int) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
