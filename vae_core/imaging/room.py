"""How many pixels may be in memory at once, whatever the number of threads that decode."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Room for so many pixels, shared by threads; whoever waits is served in turn."""

    def __init__(self, pixels: int) -> None:
        self._all = pixels
        self._free = pixels
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Waits until there is room, and holds it. An image that is larger than the room has it to itself."""
        share = min(pixels, self._all)
        with self._turn, self._changed:  # the first in turn waits alone, so that a large image is not passed over
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
