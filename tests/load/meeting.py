"""Two submitters that give the same id at the same moment."""

from __future__ import annotations

import time
from pathlib import Path

_LONGEST_S = 10.0
_LOOK_S = 0.001


class Meetings:
    """Of submitters 0 and 1, 2 and 3, and so on: every so many seconds, whoever comes first waits for the other.

    held: how many there were before. is_second: of the two of a pair.
    """

    def __init__(self, folder: Path, number: int, begin_at: float, every_s: float) -> None:
        self.held = 0
        self.is_second = number % 2 == 1
        self._folder = folder
        self._number = number
        self._begin_at = begin_at
        self._every_s = every_s

    def is_due(self) -> bool:
        return self._every_s > 0 and time.monotonic() >= self._begin_at + (self.held + 1) * self._every_s

    def wait_for_partner(self) -> str:
        """The id to give, once the partner is here as well; without it, should it be long in coming."""
        job_id = f"meeting-{self._number // 2}-{self.held}"
        self.held += 1
        (self._folder / f"{job_id}-{int(self.is_second)}").touch()
        partner = self._folder / f"{job_id}-{int(not self.is_second)}"
        deadline = time.monotonic() + _LONGEST_S
        while not partner.exists() and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return job_id
