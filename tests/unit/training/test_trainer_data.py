"""How images become batches."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from vae_core.training.augmentation import Augmentation
from vae_core.training.data import Batches, drawn_cars, to_tensor


def _numbered(count: int) -> np.ndarray:
    """Images whose every value is their own number."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 3)).copy()


def test_tensor_is_scaled_and_channels_last_when_made_of_images() -> None:
    tensor = to_tensor(np.full((2, 8, 8, 3), 255, np.uint8))
    assert tensor.shape == (2, 3, 8, 8)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert float(tensor.min()) == 1.0


@pytest.mark.parametrize("batch_size", [4, 5, 12, 30])
def test_every_image_is_shown_once_when_an_epoch_has_passed(batch_size: int) -> None:
    batches = Batches(_numbered(12), batch_size, seed=0)
    shown = np.concatenate([batches.rows(number) for number in range(60 // batch_size)])
    assert np.bincount(shown).tolist() == [5] * 12
    orders = [batches._order(epoch).tolist() for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]


def test_batch_ends_one_epoch_and_begins_the_next_when_it_does_not_fit() -> None:
    batches = Batches(_numbered(10), 4, seed=3)
    first, second = batches._order(0), batches._order(1)
    assert batches.rows(2).tolist() == sorted([*first[8:], *second[:2]])
    assert batches.rows(3).tolist() == sorted(second[2:6])


@pytest.mark.parametrize(
    "augmentation", [Augmentation(), Augmentation(shift_px=2, scale=0.1, color=0.3, randomised=0.5)]
)
def test_batches_are_the_same_when_started_in_the_middle(augmentation: Augmentation) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)
    with Batches(images, 4, seed=5, augmentation=augmentation) as stream:
        whole = list(islice(stream, 5))
    with Batches(images, 4, seed=5, start=3, augmentation=augmentation) as stream:
        rest = list(islice(stream, 2))
    assert all(
        torch.equal(one.seen, other.seen) and torch.equal(one.wanted, other.wanted)
        for one, other in zip(whole[3:], rest, strict=True)
    )
    assert not torch.equal(whole[0].seen, whole[3].seen)


def test_training_hears_of_it_when_reading_a_batch_fails() -> None:
    broken = Batches(np.zeros((4, 8, 8), np.uint8), 4, seed=0)
    with broken as stream, pytest.raises(RuntimeError):
        next(stream)


def test_cars_are_drawn_once_when_asked_for_again(tmp_path: Path) -> None:
    path = drawn_cars(tmp_path / "run", 3, 7, 32, 1)
    images = np.load(path)
    assert images.shape == (3, 32, 32, 3)
    path.write_bytes(b"kept")
    assert drawn_cars(tmp_path / "run", 3, 7, 32, 1).read_bytes() == b"kept"
    assert [each.name for each in (tmp_path / "run").iterdir()] == [path.name]
