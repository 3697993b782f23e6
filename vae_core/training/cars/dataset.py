"""Many drawings at once: as a stream in order, as one array, or as a folder of PNG files with a table of parameters."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.errors import InvalidValue
from vae_core.preparation.processes import do_beside
from vae_core.training.cars.draw import MAX_KEY, MAX_SIZE, MIN_SIZE, check_number, draw_car
from vae_core.training.cars.params import CarParams
from vae_core.training.cars.population import draw_params

TABLE = "cars.csv"
MAX_COUNT = 1_000_000  # six digits in a file name
_CHUNK = 16

Drawing = tuple[int, NDArray[np.uint8], CarParams]


class _Artist:
    """What a spawned process does: draw some cars."""

    def __init__(self, seed: int, size: int) -> None:
        self._seed, self._size = seed, size

    def do(self, indices: Sequence[int]) -> list[Drawing]:
        return [(index, *draw_car(self._seed, index, self._size)) for index in indices]

    def close(self) -> None:
        """Nothing stays open."""


def draw_many(seed: int, start: int, count: int, size: int = 128, processes: int = 1) -> Generator[Drawing]:
    """Index, image (size, size, 3) uint8 and parameters of cars start to start + count - 1, in this order.

    processes: 1 draws here; more are spawned, each given whole chunks, and what they draw is the same. Leaving the
    iterator early ends them. Raises InvalidValue at once for a number out of its range; PermanentError if one dies.
    """
    check_number("seed", seed, 0, MAX_KEY)
    check_number("start", start, 0, MAX_KEY)
    check_number("count", count, 0, MAX_KEY - start)
    return _drawn(seed, range(start, start + count), size, processes)


def _drawn(seed: int, indices: range | list[int], size: int, processes: int) -> Generator[Drawing]:
    """The drawings of these indices, in this order."""
    check_number("size", size, MIN_SIZE, MAX_SIZE)
    check_number("processes", processes, 1, 1024)
    return _stream(partial(_Artist, seed, size), indices, processes)


def _stream(begin: Callable[[], _Artist], indices: range | list[int], processes: int) -> Generator[Drawing]:
    """Apart from `_drawn`, so that a refusal comes with the call and not with the first image."""
    if processes == 1 or len(indices) <= _CHUNK:
        artist = begin()
        for index in indices:
            yield from artist.do([index])
        return
    starts = range(0, len(indices), _CHUNK)
    chunks = (indices[start : start + _CHUNK] for start in starts)
    with closing(do_beside(begin, chunks, min(processes, len(starts)))) as results:
        for drawings in results:
            yield from drawings


def draw_array(seed: int, start: int, count: int, size: int = 128, processes: int = 1) -> NDArray[np.uint8]:
    """Cars start to start + count - 1 as one array (count, size, size, 3), uint8 RGB.

    It needs count x size x size x 3 bytes: 49 kB a car at 128 pixels. Raises as `draw_many` does.
    """
    drawings = draw_many(seed, start, count, size, processes)
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    for index, image, _ in drawings:
        images[index - start] = image
    return images


def write_cars(
    out_dir: Path,
    seed: int,
    count: int,
    size: int = 128,
    processes: int = 1,
    report: Callable[[int, int], None] | None = None,
) -> int:
    """Write `000000.png` and so on for cars 0 to count - 1, and `cars.csv` with their parameters.

    Returns how many images were drawn, which leaves out those that were there. report is told how many are there and
    how many there will be, at the start and after each image.
    Each file appears whole or not at all. Images already there are kept when the folder's table has this seed, so an
    interrupted run goes on where it stopped; the table is therefore written first, and holds the size as its last
    column; it keeps the rows of more cars, if there are.
    Raises InvalidValue for a number out of its range, or a folder that holds cars of another seed or size.
    """
    check_number("seed", seed, 0, MAX_KEY)
    check_number("count", count, 1, MAX_COUNT)
    check_number("size", size, MIN_SIZE, MAX_SIZE)
    if out_dir.exists() and not out_dir.is_dir():
        raise InvalidValue(f"OUT {str(out_dir)!r} is a file: give a folder")
    out_dir.mkdir(parents=True, exist_ok=True)
    listed = max(count, _cars_there(out_dir / TABLE, seed, size))
    _write_whole(out_dir / TABLE, _table(seed, listed, size))
    missing = [index for index in range(count) if not (out_dir / f"{index:06d}.png").exists()]
    tell = report or (lambda done, total: None)
    tell(count - len(missing), count)
    for done, (index, image, _) in enumerate(_drawn(seed, missing, size, processes), start=1):
        encoded = io.BytesIO()
        Image.fromarray(image).save(encoded, format="PNG", compress_level=6)
        _write_whole(out_dir / f"{index:06d}.png", encoded.getvalue())
        tell(count - len(missing) + done, count)
    return len(missing)


def _cars_there(table: Path, seed: int, size: int) -> int:
    """How many cars the table lists, 0 where there is none. Raises InvalidValue if it is of another seed or size."""
    if not table.exists():
        return 0
    with table.open(newline="", encoding="utf-8", errors="replace") as lines:
        rows = csv.DictReader(lines)
        first = next(rows, None)
        count = 0 if first is None else 1 + sum(1 for _ in rows)
    found = (str(seed), str(size)) if first is None else (first.get("seed"), first.get("size_px"))
    if None in found:
        raise InvalidValue(f"OUT {str(table.parent)!r} holds a {TABLE} that is no table of cars: give another folder")
    if found != (str(seed), str(size)):
        raise InvalidValue(
            f"OUT {str(table.parent)!r} holds cars of seed {found[0]} and size {found[1]}, not of seed {seed} and "
            f"size {size}: give an empty folder, or the one that this run began"
        )
    return count


def _table(seed: int, count: int, size: int) -> bytes:
    """The parameters of cars 0 to count - 1 as CSV with a header; drawn again here, which takes no rendering."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*CarParams.__struct_fields__, "size_px"])
    for index in range(count):
        params = draw_params(seed, index)
        writer.writerow([*msgspec.structs.astuple(params), size])
    return text.getvalue().encode()


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside the file, then rename over it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
