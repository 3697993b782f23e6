"""A job's outputs as pixels again, for what is made of them when it is finished."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.errors import ObjectMissing
from vae_core.jobs.layout import fitted_input_name
from vae_core.jobs.records import ItemDone
from vae_core.parallel import in_order
from vae_core.storage.base import Store

AT_ONCE = 8


class Outputs:
    """The images in a job's folder, each as uint8 RGB (H, W, 3); eight are read at once, as a store may be far away.

    root: key of the folder, with its slash. Every method raises the store's errors.
    """

    def __init__(self, store: Store, root: str) -> None:
        self._store = store
        self._root = root

    def of_items(self, items: Iterable[ItemDone]) -> list[NDArray[np.uint8]]:
        """Those that were made, out of their shards where they lie in one."""
        return list(in_order(self._of_item, items, AT_ONCE))

    def fitted_inputs(self, items: Iterable[ItemDone]) -> list[NDArray[np.uint8]]:
        """What the model saw of each item's input; only where the job has kept it."""
        return self.named(fitted_input_name(item.index) for item in items)

    def named(self, names: Iterable[str]) -> list[NDArray[np.uint8]]:
        """Those of these keys in the folder."""
        return list(in_order(lambda name: _pixels(self._store.read(self._root + name).data), names, AT_ONCE))

    def _of_item(self, item: ItemDone) -> NDArray[np.uint8]:
        key = self._root + item.key
        if item.offset is None:
            return _pixels(self._store.read(key).data)
        data = b"".join(self._store.stream(key, start=item.offset, size_bytes=item.size_bytes))
        if len(data) != item.size_bytes:
            raise ObjectMissing(f"{self._store.url}: {key} ends before {item.member} does")
        return _pixels(data)


def _pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)
