"""Where a job's inputs are: opened only if that is allowed, listed as a stream."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vae_core.errors import StoreError
from vae_core.jobs.checks import shown
from vae_core.jobs.layout import CHECKPOINTS, JOBS, OPEN
from vae_core.jobs.sources import LOCAL, S3, Source, check_allowed, is_below, parse_source
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store, StoredObject
from vae_core.storage.opening import open_store

_OWN_FOLDERS = (OPEN, JOBS, CHECKPOINTS, "schedules/")


class Inputs(NamedTuple):
    """A source that is open: the store that its keys are in, and which keys are its own.

    prefix: of every key. only: the one key of a source that is a single local file.
    """

    store: Store
    prefix: str
    only: str | None = None


def open_inputs(spec: ReconstructSpec, settings: Settings) -> Inputs:
    """Opens the spec's source. Raises SourceNotAllowed unless this worker's settings permit it."""
    source = parse_source(spec.source)
    check_allowed(source, settings.allowed_sources)
    if not source.is_local:
        return Inputs(open_store(f"{S3}{source.bucket}"), source.path)
    path = _real_path(source, settings)
    try:
        is_file = path.is_file()
    except OSError as error:
        raise StoreError(f"source {shown(source.url)} cannot be looked at: {error.strerror or error}") from error
    if is_file:
        return Inputs(open_store(f"{LOCAL}{path.parent}", create=False), path.name, only=path.name)
    return Inputs(open_store(f"{LOCAL}{path}", create=False), "")


def open_object(source: Source, settings: Settings) -> tuple[Store, str]:
    """The store that one object is in, and its key there, whether or not it exists.

    Raises SourceNotAllowed unless these settings permit it, StoreError for a path that cannot be looked at.
    """
    check_allowed(source, settings.allowed_sources)
    if not source.is_local:
        return open_store(f"{S3}{source.bucket}"), source.path
    path = _real_path(source, settings)
    return open_store(f"{LOCAL}{path.parent}", create=False), path.name


def _real_path(source: Source, settings: Settings) -> Path:
    """A local source without links, compared again: a link on the way must not lead out of what is allowed."""
    try:
        path = Path(source.path).resolve()
    except (OSError, RuntimeError) as error:  # too long a name, no permission, links in a circle
        raise StoreError(f"source {shown(source.url)} cannot be looked at: {error}") from error
    check_allowed(Source("", str(path)), [_resolved(entry) for entry in settings.allowed_sources])
    return path


def list_inputs(spec: ReconstructSpec, settings: Settings, inputs: Inputs) -> Iterator[StoredObject]:
    """The source's objects that the pattern matches, in key order.

    Left out are folder markers (empty objects whose key ends in `/`), and what the jobs of this very store write,
    unless the source names a place inside it.
    """
    source = parse_source(spec.source)
    matches = _matcher(spec.pattern)
    skipped = tuple(_own_prefixes(source, parse_source(settings.store)))
    for found in inputs.store.list(inputs.prefix):
        if inputs.only is not None and found.key != inputs.only:
            continue
        if found.key.endswith("/") and found.size_bytes == 0:
            continue
        if found.key.startswith(skipped) or not matches(_below(found.key, inputs)):
            continue
        yield found


def _resolved(allowed: str) -> str:
    root = parse_source(allowed)
    return f"{LOCAL}{Path(root.path).resolve()}" if root.is_local else allowed


def _below(key: str, inputs: Inputs) -> str:
    """The key as a pattern sees it: below the last folder of the prefix."""
    return key[inputs.prefix.rfind("/") + 1 :]


def _matcher(pattern: str | None) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern) if pattern is not None else "(?s:.*)").fullmatch


def _own_prefixes(source: Source, store: Source) -> Iterator[str]:
    """Key prefixes, as the source's store sees them, that this store's own documents have."""
    if source.bucket != store.bucket:
        return
    if source.is_local:
        if not is_below(store.path, source.path):
            return
        root = store.path[len(source.path.rstrip("/")) :].strip("/")
    else:
        root = store.path.strip("/")
    for folder in _OWN_FOLDERS:
        own = f"{root}/{folder}" if root else folder
        if source.is_local or not source.path.startswith(own):
            yield own
