"""The worst and the best of a reconstruction job, whatever its parts."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from vae_core.imaging.encoding import encode_image
from vae_core.jobs.layout import JobKeys, extremes_name
from vae_core.jobs.records import ItemDone, PartRecord, SideFile
from vae_core.storage.base import Store
from vae_core.storage.folder import FolderStore
from worker.extremes import SHOWN, ExtremeInputs, best_of, extremes_of, worst_of
from worker.outputs import Outputs
from worker.quality_sheets import quality_sheets

KEYS = JobKeys("cars")
SIZE = 8


@pytest.fixture
def store(tmp_path: object) -> Store:
    return FolderStore(str(tmp_path))


def pixels_of(index: int, shift: int = 0) -> NDArray[np.uint8]:
    return np.full((SIZE, SIZE, 3), (index * 7 + shift) % 256, dtype=np.uint8)


def items_of(psnrs: list[float | None]) -> list[ItemDone]:
    return [
        ItemDone(index=index, key=f"images/{index}.png", sha256="", size_bytes=1, source=f"{index}.jpg", psnr=psnr)
        for index, psnr in enumerate(psnrs)
    ]


def test_order_is_that_of_the_psnr_when_some_are_equal() -> None:
    items = items_of([3.0, 1.0, None, 2.0, 1.0])
    assert [item.index for item in worst_of(items)] == [1, 4, 3, 0]
    assert [item.index for item in best_of(items)] == [0, 3, 4, 1]


@pytest.mark.parametrize("count", [1, 39, 40, 41, 79, 80, 500])
def test_inputs_that_are_kept_are_the_extremes_when_items_come_in_any_order(count: int) -> None:
    items = items_of([float(index * 37 % 101) for index in range(count)])
    shuffled = random.Random(count).sample(items, count)
    inputs = ExtremeInputs()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda item: inputs.add(item, pixels_of(item.index)), shuffled))
    strip = inputs.strip()
    assert strip is not None
    indices = extremes_of(items)
    assert len(indices) == min(count, 2 * SHOWN)
    np.testing.assert_array_equal(strip, np.concatenate([pixels_of(index) for index in indices]))


def test_nothing_is_kept_when_there_are_no_items() -> None:
    assert ExtremeInputs().strip() is None


def sheets(store: Store, items: list[ItemDone], part_size: int) -> dict[str, bytes]:
    """As parts of this size leave their inputs, and the job makes its sheets of them."""
    records = []
    for part, start in enumerate(range(0, len(items), part_size)):
        own = items[start : start + part_size]
        inputs = ExtremeInputs()
        for item in own:
            inputs.add(item, pixels_of(item.index))
            store.write(f"{KEYS.root}{item.key}", encode_image(pixels_of(item.index, 9), "png"))
        strip = inputs.strip()
        assert strip is not None
        name = extremes_name(part)
        data = encode_image(strip, "png")
        file = SideFile(key=name, sha256="", size_bytes=len(data), tag=store.write(KEYS.root + name, data))
        records.append(
            PartRecord(
                part=part, items=tuple(own), errors=(), files=(file,), kind="k", seconds={}, attempt="a", worker="w"
            )
        )
    return {key: data for key, data, _ in quality_sheets(Outputs(store, KEYS.root), KEYS, records)}


def test_sheets_are_the_same_bytes_when_the_job_has_other_parts(store: Store) -> None:
    items = items_of([float(index * 37 % 101) for index in range(150)])
    whole = sheets(store, items, 150)
    assert set(whole) == {KEYS.worst, KEYS.best}
    assert whole[KEYS.worst] != whole[KEYS.best]
    assert sheets(store, items, 7) == whole
    assert sheets(store, items, 64) == whole


def test_there_are_no_sheets_when_no_part_kept_its_inputs(store: Store) -> None:
    record = PartRecord(
        part=0, items=tuple(items_of([1.0])), errors=(), files=(), kind="k", seconds={}, attempt="a", worker="w"
    )
    assert list(quality_sheets(Outputs(store, KEYS.root), KEYS, [record])) == []
