"""Where a job's inputs are: opened only if that is allowed, listed as a stream."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vae_core.errors import SourceNotAllowed, StoreError
from vae_core.jobs.checks import shown
from vae_core.jobs.globs import glob_matcher, literal_head
from vae_core.jobs.layout import CHECKPOINTS, JOBS, OPEN, SCHEDULES
from vae_core.jobs.sources import LOCAL, S3, Source, check_allowed, is_below, parse_source
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store, StoredObject
from vae_core.storage.opening import open_store

_OWN_FOLDERS = (OPEN, JOBS, CHECKPOINTS, SCHEDULES)


class Inputs(NamedTuple):
    """A source that is open: the store that its keys are in, and which keys are its own.

    prefix: of every key. only: the one key of a source that is a single local file.
    """

    store: Store
    prefix: str
    only: str | None = None


class Place(NamedTuple):
    """Where an object is: its store, and its key there."""

    store: Store
    key: str


def open_inputs(url: str, settings: Settings) -> Inputs:
    """Opens the source at `url`. Raises SourceNotAllowed unless this machine's settings permit it."""
    source = parse_source(url)
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


def open_places(spec: ReconstructSpec, settings: Settings) -> Callable[[str], Place]:
    """From the key of an input, as the plan has it, to where it is. Raises SourceNotAllowed, at once or for a key."""
    if spec.source is not None:
        return _below(spec.source, open_inputs(spec.source, settings))
    stores: dict[str, Store] = {}

    def place(bucket_and_key: str) -> Place:
        bucket, _, key = bucket_and_key.partition("/")
        check_allowed(parse_source(f"{S3}{bucket}/{key}"), settings.allowed_sources)
        if bucket not in stores:
            stores[bucket] = open_store(f"{S3}{bucket}")
        return Place(stores[bucket], key)

    return place


def _below(source: str, inputs: Inputs) -> Callable[[str], Place]:
    """Whoever wrote the list of keys, only what the source holds is read."""

    def place(key: str) -> Place:
        if not key.startswith(inputs.prefix) or inputs.only not in {None, key}:
            raise SourceNotAllowed(f"key {shown(key)!r} does not lie below {shown(source)}")
        return Place(inputs.store, key)

    return place


def open_object(source: Source, settings: Settings) -> Place:
    """Where one object is, whether or not it exists.

    Raises SourceNotAllowed unless these settings permit it, StoreError for a path that cannot be looked at.
    """
    check_allowed(source, settings.allowed_sources)
    if not source.is_local:
        return Place(open_store(f"{S3}{source.bucket}"), source.path)
    path = _real_path(source, settings)
    return Place(open_store(f"{LOCAL}{path.parent}", create=False), path.name)


def _real_path(source: Source, settings: Settings) -> Path:
    """A local source without links, compared again: a link on the way must not lead out of what is allowed."""
    try:
        path = Path(source.path).resolve()
    except (OSError, RuntimeError) as error:  # too long a name, no permission, links in a circle
        raise StoreError(f"source {shown(source.url)} cannot be looked at: {error}") from error
    check_allowed(Source("", str(path)), [_resolved(entry) for entry in settings.allowed_sources])
    return path


def list_inputs(
    url: str, settings: Settings, *, glob: str | None = None, pattern: str | None = None
) -> Iterator[StoredObject]:
    """The objects of the source at `url` that glob and pattern match, as in ReconstructSpec, in key order.

    Left out are folder markers (empty objects whose key ends in `/`), and what the jobs of this very store write,
    unless the source names a place inside it. Raises as `open_inputs`.
    """
    source, inputs = parse_source(url), open_inputs(url, settings)
    matches, in_glob = pattern_matcher(pattern, inputs.prefix), glob_matcher(glob) if glob is not None else None
    skipped = tuple(_own_prefixes(source, parse_source(settings.store)))
    for found in inputs.store.list(inputs.prefix + literal_head(glob or "")):
        if inputs.only is not None and found.key != inputs.only:
            continue
        if found.key.endswith("/") and found.size_bytes == 0:
            continue
        if found.key.startswith(skipped) or not matches(found.key):
            continue
        if in_glob is None or (inputs.only is None and in_glob(found.key[len(inputs.prefix) :])):
            yield found


def pattern_matcher(pattern: str | None, prefix: str) -> Callable[[str], bool]:
    """Whether what of a key comes after the last folder of the prefix matches the shell pattern; any does for None."""
    if pattern is None:
        return lambda key: True
    matches = re.compile(fnmatch.translate(pattern)).fullmatch
    start = prefix.rfind("/") + 1
    return lambda key: matches(key[start:]) is not None


def _resolved(allowed: str) -> str:
    root = parse_source(allowed)
    return f"{LOCAL}{Path(root.path).resolve()}" if root.is_local else allowed


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
