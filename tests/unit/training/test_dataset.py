"""Pictures from folders, zips and arrays, and the set that each of them lies in."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae_core.errors import InvalidValue
from vae_core.preparation.splits import Shares, content_hash, split_of
from vae_core.training.dataset import Dataset, open_dataset

SIZE = 8


def noise(count: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def same(one: Dataset, other: Dataset) -> bool:
    return all(np.array_equal(mine, others) for mine, others in zip(one, other, strict=True))


def test_each_picture_is_where_its_content_says_when_the_source_is_flat(tmp_path: Path) -> None:
    pictures = noise(60)
    for number, pixels in enumerate(pictures):
        write(tmp_path / "flat" / f"{number % 3}" / f"{number:02d}.png", pixels)
    (tmp_path / "flat" / "cars.csv").write_text("no picture")
    dataset = open_dataset(tmp_path / "flat", SIZE)
    order = np.concatenate([pictures[part::3] for part in range(3)])
    for name, images in dataset._asdict().items():
        wanted = [pixels for pixels in order if split_of(content_hash(pixels), Shares()) == name]
        assert images.dtype == np.uint8
        assert len(images) > 0
        assert np.array_equal(images, wanted)
    assert same(dataset, open_dataset(zipped(tmp_path / "flat"), SIZE))


def test_array_has_the_same_sets_when_it_holds_the_same_pictures(tmp_path: Path) -> None:
    for number, pixels in enumerate(noise(30)):
        write(tmp_path / "flat" / f"{number:02d}.png", pixels)
    np.save(tmp_path / "a.npy", noise(30))
    assert same(open_dataset(tmp_path / "flat", SIZE), open_dataset(tmp_path / "a.npy", SIZE))


@pytest.mark.parametrize("above", ["", "cars/"])
def test_folders_are_the_sets_when_they_are_named_so(tmp_path: Path, above: str) -> None:
    pictures = noise(6)
    names = ["train/b", "train/a", "train/sub/c", "test/x", "test/y", "test/z"]
    for name, pixels in zip(names, pictures, strict=True):
        write(tmp_path / "own" / f"{above}{name}.png", pixels)
    for source in (tmp_path / "own", zipped(tmp_path / "own")):
        dataset = open_dataset(source, SIZE)
        assert np.array_equal(dataset.train, pictures[[1, 0, 2]])
        assert dataset.validation.shape == (0, SIZE, SIZE, 3)
        assert np.array_equal(dataset.test, pictures[3:])


def test_pictures_are_refused_when_some_lie_beside_the_sets(tmp_path: Path) -> None:
    for name in ("train/a.png", "val/b.png"):
        write(tmp_path / name, noise(1)[0])
    with pytest.raises(InvalidValue, match=r"such as 'val/b.png', do not: put all of them there, or none"):
        open_dataset(tmp_path, SIZE)


def test_picture_is_padded_with_white_when_it_has_another_shape(tmp_path: Path) -> None:
    write(tmp_path / "wide.jpg", np.zeros((10, 20, 3), np.uint8))
    dataset = open_dataset(tmp_path, SIZE)
    assert dataset.train.shape == (1, SIZE, SIZE, 3)
    assert dataset.train[0, [0, 4], 0, 0].tolist() == [255, 0]


def test_all_are_trained_on_when_so_few_that_none_would_be(tmp_path: Path) -> None:
    kept = [pixels for pixels in noise(60) if split_of(content_hash(pixels), Shares()) == "test"][:2]
    np.save(tmp_path / "a.npy", np.stack(kept))
    dataset = open_dataset(tmp_path / "a.npy", SIZE)
    assert [len(images) for images in dataset] == [2, 0, 0]


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((0, SIZE, SIZE, 3), np.uint8),
        np.zeros((2, SIZE, SIZE, 3), np.float32),
        np.zeros((2, 16, 16, 3), np.uint8),
        np.zeros((2, 3, SIZE, SIZE), np.uint8),
        np.zeros(5, np.uint8),
    ],
)
def test_array_is_refused_when_of_another_kind_or_shape(tmp_path: Path, content: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(InvalidValue, match=r"a.npy: holds .*: uint8 \(N, 8, 8, 3\)"):
        open_dataset(tmp_path / "a.npy", SIZE)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x93NUMPY\x01\x00\x10"])
def test_array_is_refused_when_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InvalidValue, match=r"a.npy: is not a readable array file"):
        open_dataset(tmp_path / "a.npy", SIZE)


def test_source_is_named_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    for name in ("empty", "texts", "empty.zip"):
        with pytest.raises(InvalidValue, match=rf"{name}: holds no pictures"):
            open_dataset(tmp_path / name, SIZE)
    for name in ("none", "none.zip", "none.npy"):
        with pytest.raises(InvalidValue, match=rf"{name}: no such"):
            open_dataset(tmp_path / name, SIZE)


def test_picture_is_named_when_it_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path / "some" / "a.png", noise(1)[0])
    (tmp_path / "some" / "b.png").write_bytes(b"no picture")
    for source in (tmp_path / "some", zipped(tmp_path / "some")):
        with pytest.raises(InvalidValue, match=r"some(.zip)?: b.png: not an image .* `vaecore prepare`"):
            open_dataset(source, SIZE)


def test_zip_is_refused_when_damaged(tmp_path: Path) -> None:
    for number, pixels in enumerate(noise(3, 64)):
        write(tmp_path / "some" / f"{number}.png", pixels)
    whole = zipped(tmp_path / "some").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.zip").write_text("no zip")
    for name in ("cut.zip", "text.zip"):
        with pytest.raises(InvalidValue, match=rf"{name}: cannot be read as a zip"):
            open_dataset(tmp_path / name, SIZE)
    place = whole.index(b"IDAT") + 40
    (tmp_path / "flipped.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(InvalidValue, match=r"flipped.zip: 0.png: damaged in the archive"):
        open_dataset(tmp_path / "flipped.zip", SIZE)
