"""A run's folder, taken by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from vae_core.errors import InvalidValue

_NAME = ".lock"


def occupy(folder: Path) -> int:
    """Take the folder, which exists, until the descriptor that is returned is closed or the process ends, somehow.

    Raises InvalidValue when another process has it, and OSError when it cannot be written to.
    """
    descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(descriptor)
        if not isinstance(exc, (BlockingIOError, PermissionError)):  # either is allowed to say that it is taken
            raise
        raise InvalidValue(
            f"{folder}: another training is at work in this folder: wait for it, or give another folder for the run"
        ) from exc
    return descriptor
