"""Which images are trained on, tested on, and fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.evaluation.shapes import Images, shapes
from vae_core.errors import InvalidValue
from vae_core.evaluation.material import open_material
from vae_core.training.dataset import open_dataset


def write(path: Path, images: Images) -> Path:
    np.save(path, images)
    return path


def all_trained_on(images: Images, tmp_path: Path) -> bool:
    return len(open_dataset(write(tmp_path / "tried.npy", images), 32).train) == len(images)


def test_splits_are_those_of_the_data_when_it_is_alone(tmp_path: Path) -> None:
    data = write(tmp_path / "data.npy", shapes(200, 1))
    found = open_material(data, None, 32, 1000, 0)
    assert len(found.test) == found.test_images
    assert 0 < len(found.test) < 50 < 120 < len(found.train)
    assert found.duplicates == 0


def test_all_data_is_tested_on_when_training_images_are_elsewhere(tmp_path: Path) -> None:
    data, train = write(tmp_path / "data.npy", shapes(30, 1)), write(tmp_path / "train.npy", shapes(50, 2))
    found = open_material(data, train, 32, 1000, 0)
    assert (len(found.test), len(found.train)) == (30, 50)
    few = open_material(data, train, 32, 9, 0)
    assert (len(few.test), few.test_images) == (9, 30)
    assert np.array_equal(few.test, found.test[:9])
    assert not np.array_equal(open_material(data, train, 32, 9, 1).test, few.test)


def test_halves_are_disjoint_and_equal_when_the_number_is_odd(tmp_path: Path) -> None:
    data, train = write(tmp_path / "data.npy", shapes(31, 1)), write(tmp_path / "train.npy", shapes(50, 2))
    found = open_material(data, train, 32, 1000, 0)
    first, second = found.halves(1000)
    assert len(first) == len(second) == 15
    assert not {image.tobytes() for image in first} & {image.tobytes() for image in second}
    assert len(found.halves(8)[0]) == 4


def test_duplicates_are_counted_when_test_images_were_trained_on(tmp_path: Path) -> None:
    images = shapes(40, 1)
    data, train = write(tmp_path / "data.npy", images[:10]), write(tmp_path / "train.npy", images[6:])
    assert open_material(data, train, 32, 1000, 0).duplicates == 4


def test_data_is_refused_when_nothing_is_left_to_test_on(tmp_path: Path) -> None:
    # Five of which none falls in the test set, as is likely with 10 %.
    images = next(each for each in (shapes(5, seed) for seed in range(50)) if all_trained_on(each, tmp_path))
    five = write(tmp_path / "five.npy", images)
    with pytest.raises(InvalidValue, match=r"five\.npy: holds no test images beside its 5 training images; name"):
        open_material(five, None, 32, 1000, 0)
    one = write(tmp_path / "one.npy", shapes(1, 3))
    with pytest.raises(InvalidValue, match="1 training images: at least 2 are needed"):
        open_material(five, one, 32, 1000, 0)
