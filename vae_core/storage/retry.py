"""How often, how long and how patiently a call to a remote store is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from vae_core.errors import StoreUnavailable

T = TypeVar("T")


class CannotConnect(StoreUnavailable):
    """Nothing answers at the address at all: waiting long for it would only hide that from the user."""

    code: ClassVar[str] = StoreUnavailable.code


class AskedToWait(StoreUnavailable):
    """The server is busy and says when to come back: `wait_s` seconds from now."""

    code: ClassVar[str] = StoreUnavailable.code

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Retry:
    """Bounded retries with full jitter: before try n + 1 a wait drawn from 0 to base_s x 2^n, at most cap_s.

    attempts: tries in all, 1 or more. patience_s: no further try starts this long after the first one did;
    connect_patience_s: the same while no connection can be made.
    """

    attempts: int = 6
    base_s: float = 0.25
    cap_s: float = 5.0
    patience_s: float = 45.0
    connect_patience_s: float = 5.0

    def run(self, attempt: Callable[[], T]) -> T:
        """The first result of `attempt` that is no StoreUnavailable; when tries are spent, the last such error."""
        # Processes forked from one parent must not wait in step, so the draw comes from the system.
        draw = random.SystemRandom()
        started = time.monotonic()
        tried = 0
        while True:
            try:
                return attempt()
            except StoreUnavailable as exc:
                tried += 1
                wait_s = draw.uniform(0, min(self.cap_s, self.base_s * 2**tried))
                if isinstance(exc, AskedToWait):
                    wait_s = max(wait_s, min(exc.wait_s, self.cap_s))
                patience_s = self.connect_patience_s if isinstance(exc, CannotConnect) else self.patience_s
                if tried >= self.attempts or time.monotonic() - started + wait_s > patience_s:
                    raise
            time.sleep(wait_s)
