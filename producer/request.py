"""From what the user typed to a job: its id, its source and its spec, all checked before anything is written."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from datetime import datetime

from producer.lookup import LATEST
from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.jobs.checks import shown
from vae_core.jobs.ids import check_job_id, new_job_id, seed_for
from vae_core.jobs.job import Job, Priority
from vae_core.jobs.points import is_seed_point, parse_point
from vae_core.jobs.sources import LOCAL, S3, Source, check_allowed, parse_source, split_glob
from vae_core.jobs.spec import JobSpec
from vae_core.settings import Settings
from vae_core.version import code_version

SpecOf = Callable[[int], JobSpec]  # from the seed to use where the user gave none


def make_job(spec_of: SpecOf, job_id: str | None, now: datetime, priority: Priority = "normal") -> Job:
    """The job that is to be submitted. now: timezone-aware. Raises InvalidValue."""
    if job_id == LATEST:
        raise InvalidValue(f"--job-id {LATEST!r} is not allowed: it is the word for the newest job")
    if job_id is not None:
        check_job_id(job_id)
    chosen = job_id if job_id is not None else new_job_id(now)
    return Job(
        job_id=chosen,
        spec=spec_of(seed_for(chosen)),
        submitted_at=now.isoformat(timespec="seconds"),
        submitted_by=user_at_host(),
        code_version=code_version(),
        priority=priority,
    )


def source_and_glob(text: str, settings: Settings) -> tuple[str, str | None]:
    """The address of a source that was typed as one or as a path on this machine, and the path glob below it, if any.

    A path that exists is one, whatever its name. Raises as `source_url`.
    """
    if "*" not in text or ("://" not in text and os.path.lexists(_absolute(text))):
        return source_url(text, settings), None
    place, glob = split_glob(text if "://" in text else f"{LOCAL}{_absolute(text)}")
    if glob is None:
        return source_url(text, settings), None
    if place == f"{LOCAL}/":
        raise InvalidValue(f"source {shown(text)!r} is the whole file system: name a folder before the first '*'")
    return source_url(place, settings), glob


def source_url(text: str, settings: Settings) -> str:
    """The address of a source that was typed as one, or as a path on this machine.

    Raises InvalidValue for a path that does not exist here, SourceNotAllowed for one outside VAEJOB_SOURCES.
    """
    url = text if "://" in text else _path_url(text)
    source = parse_source(url)
    check_allowed(source, settings.allowed_sources)
    if source.is_local and settings.embedded and not os.path.exists(source.path):  # noqa: PTH110  # never raises
        raise InvalidValue(f"source {shown(source.url)!r} does not exist: a folder or file on this machine")
    return source.url


def point_address(text: str, settings: Settings) -> str:
    """The address of a point that was typed as `seed:7/12`, as an address, or as a path on this machine.

    Raises InvalidValue, and SourceNotAllowed for an image outside VAEJOB_SOURCES.
    """
    address = text if is_seed_point(text) else source_url(text, settings)
    point = parse_point(address)
    if isinstance(point, Source) and point.is_local and settings.embedded and os.path.isdir(point.path):  # noqa: PTH112
        raise InvalidValue(f"point {shown(point.url)!r} is a folder: the address of one image is expected")
    return address


def check_checkpoint(settings: Settings) -> None:
    """Raises BadCheckpoint when this machine's workers would be given a checkpoint that is none.

    Only while Redis is embedded: otherwise the planning worker's own checkpoint counts, on whatever machine it is.
    """
    if settings.embedded and settings.checkpoint is not None:
        try:
            from vae_core.model.checkpoint import read_info
        except ImportError:
            return  # installed without the worker's extras: the worker will look
        try:
            read_info(settings.checkpoint)
        except BadCheckpoint as error:
            raise BadCheckpoint(f"VAEJOB_CHECKPOINT {error}") from error


def _absolute(text: str) -> str:
    # Links stay as the user named them, and so does the home of a user who is not on this machine.
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111


def _path_url(text: str) -> str:
    path = _absolute(text)
    if not text.strip() or "\0" in text or not os.path.lexists(path):
        allowed = f"{S3}bucket/prefix, {LOCAL}/absolute/path, or a path that exists here"
        raise InvalidValue(f"source {shown(text)!r} is neither an address nor a path that exists: {allowed}")
    return f"{LOCAL}{path}"


def user_at_host() -> str:
    """Who asks, as this machine says it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # a container whose user has no name
    return f"{user}@{socket.gethostname()}"
