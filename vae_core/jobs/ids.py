"""Names that callers give or that are drawn: job ids, attempt tokens, seeds."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime

from vae_core.jobs.checks import check_pattern

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
JOB_ID_WORDS = "1 to 128 letters, digits, '.', '_' or '-', the first a letter or digit"
_DRAWN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


def new_job_id(now: datetime) -> str:
    """An id that sorts by time, such as `20261123T132900-7f3a9c`. `now` is timezone-aware."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def check_job_id(job_id: str) -> None:
    """Raises InvalidValue unless `job_id` may be a job's name; what passes is one safe path segment."""
    check_pattern("--job-id", job_id, JOB_ID, JOB_ID_WORDS)


def is_drawn(job_id: str) -> bool:
    """Whether the id was made by `new_job_id`, and so sorts by time."""
    return _DRAWN_ID.fullmatch(job_id) is not None


def new_token() -> str:
    """A name for one attempt or one planner, never seen before."""
    return secrets.token_hex(8)


def seed_for(job_id: str) -> int:
    """The seed of a job that was given none: a function of its id, so that a repeated submission is the same job.

    In [0, 2**32), which every JSON reader holds exactly.
    """
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4], "big")
