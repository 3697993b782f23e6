"""What a job wrote, read again: in order, several at once, and said where something is missing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vae_core.documents import load_records
from vae_core.errors import ObjectMissing
from vae_core.imaging.encoding import encode_image
from vae_core.jobs.codec import to_json
from vae_core.jobs.layout import JobKeys, fitted_input_name
from vae_core.jobs.records import ItemDone, PartRecord
from vae_core.storage.base import Blob
from vae_core.storage.folder import FolderStore
from worker.outputs import Outputs

KEYS = JobKeys("cars")


class FarStore(FolderStore):
    """Answers a read only when four are under way, as a store far away is to be asked."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._together = threading.Barrier(4)

    def read(self, key: str, *, max_bytes: int | None = None, if_tag: str | None = None) -> Blob:
        self._together.wait(30)
        return super().read(key, max_bytes=max_bytes, if_tag=if_tag)


def pixels_of(index: int) -> NDArray[np.uint8]:
    return np.full((8, 8, 3), index * 9, dtype=np.uint8)


def item_of(index: int) -> ItemDone:
    return ItemDone(index=index, key=f"images/{index}.png", sha256="", size_bytes=1)


def test_images_are_read_four_and_more_at_once_and_come_in_order_when_there_are_many(tmp_path: Path) -> None:
    store = FarStore(str(tmp_path))
    for index in range(12):
        store.write(f"{KEYS.root}images/{index}.png", encode_image(pixels_of(index), "png"))
        store.write(KEYS.root + fitted_input_name(index), encode_image(pixels_of(index + 12), "png"))
    outputs = Outputs(store, KEYS.root)
    items = [item_of(index) for index in (7, 3, 11, 0, 1, 2, 4, 5)]
    np.testing.assert_array_equal(outputs.of_items(items), [pixels_of(item.index) for item in items])
    np.testing.assert_array_equal(outputs.fitted_inputs(items), [pixels_of(item.index + 12) for item in items])


def test_records_are_read_four_and_more_at_once_and_come_in_order_when_there_are_many(tmp_path: Path) -> None:
    store = FarStore(str(tmp_path))
    for part in range(12):
        record = PartRecord(part=part, items=(), errors=(), files=(), kind="k", seconds={}, attempt="a", worker="w")
        store.write(KEYS.part(part), to_json(record))
    assert [record.part for record in load_records(store, "cars", at_once=8)] == list(range(12))


def test_error_says_which_image_is_missing_when_one_is(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    store.write(f"{KEYS.root}images/0.png", encode_image(pixels_of(0), "png"))
    with pytest.raises(ObjectMissing, match=r"images/1\.png"):
        Outputs(store, KEYS.root).of_items([item_of(0), item_of(1)])
