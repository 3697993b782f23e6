"""What becomes of an error that ends a piece of work: a line in the log, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from vae_core.errors import DeviceFailed, TransientError, VaejobError

log = logging.getLogger(__name__)


@contextmanager
def accounted(what: str) -> Iterator[None]:
    """No error leaves its body: a message is over either way, and the reconciler sends again what is still to do.

    Only DeviceFailed does: that concerns the process, which is to end with it.

    what: reads like `part 3 of job 'j'`.
    """
    try:
        yield
    except DeviceFailed:
        raise
    except TransientError as error:
        log.warning("%s is put off: %s", what, error)
    except VaejobError as error:
        log.error("%s: %s", what, error)
    except Exception:  # a fault of the code: the job stays open, and the reconciler comes back to it
        log.exception("%s failed", what)
