"""Pictures to prepare, and the command that prepares them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vae_core.preparation.assembly import Prepared, prepare
from vae_core.preparation.opening import Address
from vae_core.preparation.recipe import Recipe
from vae_core.settings import read_settings
from vae_core.training.cars.draw import draw_car

SIZE = 16


def noise(seed: int, size: int = SIZE) -> np.ndarray:
    """(size, size, 3) uint8, like no other."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def car(index: int, size: int) -> np.ndarray:
    """One drawing, scaled to (size, size, 3) uint8."""
    image = Image.fromarray(draw_car(5, index, 96)[0])
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_many(folder: Path, count: int, first: int = 0) -> Path:
    for seed in range(first, first + count):
        write(folder / f"{seed:03d}.png", noise(seed))
    return folder


def address(source: Path | str, tmp_path: Path, **variables: str) -> Address:
    environ = {f"VAEJOB_{name.upper()}": value for name, value in variables.items()}
    return Address(str(source), read_settings({"VAEJOB_HOME": str(tmp_path / "home"), **environ}))


def prepared(source: Path, tmp_path: Path, recipe: Recipe | None = None, **variables: str) -> Prepared:
    """The data set of the source in `tmp_path/out/set.zip`, made in this process."""
    archive = tmp_path / "out" / "set.zip"
    return prepare(address(source, tmp_path, **variables), archive, recipe or Recipe(size=SIZE), overwrite=True)


def codes(result: Prepared) -> dict[str, str]:
    return {each.name: each.code for each in result.report.rejected}


def index(archive: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(archive) as opened:
        return [json.loads(line) for line in opened.read("index.jsonl").splitlines()]


def names(archive: Path) -> set[str]:
    """Of the files that the pictures of a data set come from."""
    return {line["name"] for line in index(archive)}
