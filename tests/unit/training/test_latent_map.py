"""Latent space in two dimensions, and how empty it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.checkpoints import write_tiny_checkpoint
from vae_core import cli
from vae_core.model.prior import Prior
from vae_core.model.weights import load_checkpoint
from vae_core.training.latent_map import Method, emptiness, map_latents, open_pictures


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn cars with their table."""
    folder = tmp_path_factory.mktemp("cars")
    assert cli.main(["cars", str(folder), "--n", "12", "--size", "32", "--processes", "1"]) == 0
    return folder


def _normal(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size))


def test_space_is_not_empty_when_draws_come_from_what_the_latents_do() -> None:
    assert emptiness(_normal(800), _normal(800, seed=1)) == pytest.approx(1.0, abs=0.05)


def test_space_is_empty_when_latents_lie_in_clusters() -> None:
    centres = _normal(20, seed=2)
    latents = np.repeat(centres, 40, axis=0) + 0.1 * _normal(800)
    assert emptiness(latents, _normal(500, seed=1)) > 5.0
    assert emptiness(latents, latents[::2] + 1e-9) < 0.01


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_map_is_the_same_when_made_again(tiny_checkpoint: Path, method: Method) -> None:
    network, prior, _ = load_checkpoint(tiny_checkpoint)
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    one, other = (map_latents(network, prior, images, method=method, draws=9, seed=3) for _ in range(2))
    assert one.points.shape == (20, 2)
    assert one.draws.shape == (9, 2)
    assert np.array_equal(one.points, other.points)
    assert np.array_equal(one.draws, other.draws)
    assert one.empty_standard == other.empty_standard == one.empty_prior  # the checkpoint's prior is N(0, I) too


def test_own_prior_is_less_empty_when_it_fits_better(tiny_checkpoint: Path) -> None:
    network, _, _ = load_checkpoint(tiny_checkpoint)
    images = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    wide = Prior(np.ones(1), np.full((1, 8), 9.0), np.eye(8)[None])
    found = map_latents(network, wide, images, method="pca", draws=50, seed=0)
    assert found.empty_prior > 3.0 * found.empty_standard


def test_pictures_have_their_parameters_when_they_are_drawn_cars(cars: Path) -> None:
    images, parameter = open_pictures(cars, 32, 5, None)
    assert images.shape == (5, 32, 32, 3)
    with Image.open(cars / "000003.png") as third:
        assert np.array_equal(images[3], np.asarray(third.convert("RGB")))
    assert parameter.name == "yaw_deg"
    assert not parameter.is_kind
    assert len(np.unique(parameter.values)) == 5
    _, family = open_pictures(cars, 32, 12, "family")
    assert family.is_kind
    assert len(family.values) == 12


def test_pictures_are_told_apart_by_brightness_when_there_is_no_table(tmp_path: Path) -> None:
    levels = np.array([0, 51, 255], np.uint8)
    np.save(tmp_path / "a.npy", np.broadcast_to(levels[:, None, None, None], (3, 16, 16, 3)))
    images, parameter = open_pictures(tmp_path / "a.npy", 16, 9, None)
    assert parameter.name == "brightness"
    assert parameter.values.tolist() == pytest.approx((images[:, 0, 0, 0] / 255).tolist())
    assert sorted(parameter.values) == pytest.approx([0.0, 0.2, 1.0])


def test_picture_of_both_is_written_the_same_when_the_command_is_given_again(
    cars: Path, tiny_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_tiny_checkpoint(tmp_path / "other.safetensors", seed=1)
    arguments = ["latent-map", str(tiny_checkpoint), str(cars), "--beside", str(tmp_path / "other.safetensors")]
    pictures = []
    for name, colour in (("a", "family"), ("b", "family"), ("c", "yaw_deg")):
        path = tmp_path / "maps" / f"{name}.png"
        assert cli.main([*arguments, "--out", str(path), "--color-by", colour, "--draws", "9"]) == 0
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    with Image.open(path) as picture:
        assert picture.width > 1.8 * picture.height
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == lines[2]
    assert [line.split(": ")[0] for line in lines[:2]] == [str(tiny_checkpoint), str(tmp_path / "other.safetensors")]
    assert " times for N(0, I), " in lines[0]
    assert {each.name for each in path.parent.iterdir()} == {"a.png", "b.png", "c.png"}


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (
            "cars",
            ["--color-by", "speed"],
            "--color-by speed is unknown for cars: one of brightness, seed, index, family",
        ),
        ("two.npy", ["--color-by", "family"], "--color-by family is unknown for two.npy: one of brightness"),
        ("two.npy", [], "two.npy: holds 2 pictures: at least 3"),
        ("none", [], "none: no such"),
        ("torn", [], "torn/cars.csv: is not a table of drawn cars"),
        ("missing", [], "000001.png: is in cars.csv, but cannot be read: No such file"),
        ("cars", ["--out", "map.svg"], "--out map.svg is of unknown type"),
        ("cars", ["--n", "2"], "--n 2 is out of range: 3 to 20,000"),
        ("cars", ["--draws", "0"], "--draws 0 is out of range"),
        ("cars", ["--seed", "-1"], "--seed -1 is out of range"),
        ("cars", ["--method", "umap"], "umap"),
        ("cars", ["--beside", "none.safetensors"], "none.safetensors: no such file"),
    ],
)
def test_command_is_refused_in_one_line_and_writes_nothing(
    data: str,
    options: list[str],
    said: str,
    cars: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cars").symlink_to(cars)
    np.save("two.npy", np.zeros((2, 32, 32, 3), np.uint8))
    for name, table in (("torn", "index,yaw_deg\n0,\n,"), ("missing", "index,yaw_deg\n0,3\n1,4\n2,5\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cars.csv").write_text(table)
        (tmp_path / name / "000000.png").write_bytes((cars / "000000.png").read_bytes())
    assert cli.main(["latent-map", str(tiny_checkpoint), data, "--out", "map.png", *options]) == 2
    error = capfd.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert said in error
    assert not list(tmp_path.glob("*map*"))
