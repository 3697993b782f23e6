"""How memory comes from the system: for a worker, which takes and frees the same large blocks forever."""

from __future__ import annotations

import ctypes
import logging
import platform

log = logging.getLogger(__name__)

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MOST = 2**31 - 1
_LARGEST_BLOCK, _OLDER_LIMIT = 2**30, 2**25


def keep_freed_memory() -> None:
    """Has freed blocks of up to 1 GiB kept for the next batch.

    glibc by default gives each large one back to the system, and gets it anew as pages that are cleared one by one as
    they are touched: of a batch's maps, that is a good part of the time. Does nothing with another C library.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    # Where a C library has a lower limit of its own, it is left as it is.
    if not any(library.mallopt(_MMAP_THRESHOLD, size) for size in (_LARGEST_BLOCK, _OLDER_LIMIT)):
        log.debug("the C library keeps to its own way with large blocks")
    library.mallopt(_TRIM_THRESHOLD, _MOST)
