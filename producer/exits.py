"""Exit codes of `vaejob`, and which error or end of a job gives which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_core.errors import (
    BadCheckpoint,
    InvalidValue,
    JobConflict,
    NoSuchJob,
    SourceNotAllowed,
    StoreError,
    StoreUnavailable,
    VaejobError,
)

if TYPE_CHECKING:
    from vae_core.jobs.job import End

DONE = 0
FAILED = 1
REFUSED = 2
WITH_ERRORS = 3
STORE = 4
CANCELLED = 5
INTERRUPTED = 130
PIPE_CLOSED = 141  # as a shell reports SIGPIPE

_REFUSALS = (InvalidValue, SourceNotAllowed, BadCheckpoint, JobConflict, NoSuchJob)


def code_of_error(error: VaejobError) -> int:
    """2 for what the user asked wrongly, 4 for a store that cannot be used, 1 for the rest."""
    if isinstance(error, _REFUSALS):
        return REFUSED
    return STORE if isinstance(error, StoreError | StoreUnavailable) else FAILED


def code_of_end(end: End) -> int:
    """How a job's end is told to a shell: 0, 1, 2 (its source was not allowed), 3 (listed errors) or 5 (cancelled)."""
    if end.state == "cancelled":
        return CANCELLED
    if end.state == "failed":
        not_allowed = end.failure is not None and end.failure.code == SourceNotAllowed.code
        return REFUSED if not_allowed else FAILED
    return WITH_ERRORS if end.errors else DONE
