"""Where training images come from, and how they become batches."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vae_core.errors import InvalidValue
from vae_core.training.data import Batches, open_images, to_tensor


def _numbered(count: int) -> np.ndarray:
    """Images whose every value is their own number."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 3)).copy()


def test_images_are_in_order_and_resized_when_a_folder_is_opened(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (20, 10), (10, 20, 30)).save(tmp_path / "a.png")
    Image.new("L", (5, 5), 77).save(tmp_path / "sub" / "b.JPG", format="JPEG")
    (tmp_path / "notes.txt").write_text("no image")
    images = open_images(tmp_path, 8)
    assert images.shape == (2, 8, 8, 3)
    assert images[0, 0, 0].tolist() == [10, 20, 30]
    assert images[1, 0, 0].tolist() == [77, 77, 77]


def test_array_is_mapped_when_it_has_the_shape(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", _numbered(4))
    assert isinstance(open_images(tmp_path / "a.npy", 8), np.memmap)
    with pytest.raises(InvalidValue, match=r"uint8 \(N, 16, 16, 3\) is expected"):
        open_images(tmp_path / "a.npy", 16)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.npy", b"junk", "not a readable array"),
        ("d/a.png", b"junk", "cannot be read as an image"),
        ("d/t", b"", "no images"),
    ],
)
def test_source_is_named_when_it_holds_nothing_usable(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(InvalidValue, match=said):
        open_images(path if name.endswith(".npy") else path.parent, 8)
    with pytest.raises(InvalidValue, match="no such folder"):
        open_images(tmp_path / "none", 8)


def test_tensor_is_scaled_and_channels_last_when_made_of_images() -> None:
    tensor = to_tensor(np.full((2, 8, 8, 3), 255, np.uint8))
    assert tensor.shape == (2, 3, 8, 8)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert float(tensor.min()) == 1.0


def test_every_image_is_shown_once_when_an_epoch_has_passed() -> None:
    with Batches(_numbered(12), 4, seed=0) as stream:
        epoch = torch.cat(list(islice(stream, 3)))
        following = torch.cat(list(islice(stream, 3)))
    numbers = (epoch[:, 0, 0, 0] * 255).round()
    assert sorted(numbers.tolist()) == list(range(12))
    assert not torch.equal(epoch, following)


@pytest.mark.parametrize(("shift", "jitter"), [(0, 0.0), (2, 0.0), (2, 0.3), (0, 0.3)])
def test_batches_are_the_same_when_started_in_the_middle(shift: int, jitter: float) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)
    with Batches(images, 4, seed=5, max_shift_px=shift, jitter=jitter) as stream:
        whole = list(islice(stream, 5))
    with Batches(images, 4, seed=5, start=3, max_shift_px=shift, jitter=jitter) as stream:
        rest = list(islice(stream, 2))
    assert all(torch.equal(one, other) for one, other in zip(whole[3:], rest, strict=True))
    assert all(float(batch.min()) >= 0.0 and float(batch.max()) <= 1.0 for batch in whole)


def test_image_moves_by_at_most_the_shift_when_changed() -> None:
    images = np.zeros((4, 9, 9, 3), np.uint8)
    images[:, 4, 4] = 255
    batch = Batches(images, 4, seed=1, max_shift_px=2).batch(0)
    places = batch[:, 0].nonzero()[:, 1:]
    assert len(places) == 4
    assert int((places - 4).abs().max()) <= 2
    assert len(places.unique(dim=0)) > 1


def test_images_are_refused_when_they_do_not_fill_a_batch() -> None:
    with pytest.raises(InvalidValue, match="3 training images are too few: at least a batch of 4"):
        Batches(_numbered(3), 4, seed=0)


def test_training_hears_of_it_when_reading_a_batch_fails() -> None:
    broken = Batches(np.zeros((4, 8, 8), np.uint8), 4, seed=0)
    with broken as stream, pytest.raises(RuntimeError):
        next(stream)
