"""The plain script: one process that draws, encodes and saves, a batch after the other.

`python -m tests.bench.peers.plain --count 2000 --folder OUT` prints the seconds that it took once the model was loaded.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
from PIL import Image

from vae_core.model.engine import Engine
from vae_core.settings import SHIPPED_CHECKPOINT

_LEVEL = 1


@click.command()
@click.option("--count", type=click.IntRange(1), required=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(count: int, folder: Path) -> None:
    folder.mkdir(parents=True)
    engine = Engine.load(SHIPPED_CHECKPOINT, device="cpu")  # all of torch's threads at one batch, as usual
    engine.decode(engine.sample_latents(0, range(engine.batch_size)))
    began = time.perf_counter()
    for first in range(0, count, engine.batch_size):
        indices = range(first, min(first + engine.batch_size, count))
        for index, pixels in zip(indices, engine.decode(engine.sample_latents(1, indices)), strict=True):
            Image.fromarray(pixels).save(folder / f"{index:08d}.png", compress_level=_LEVEL)
    click.echo(time.perf_counter() - began)


if __name__ == "__main__":
    main()
