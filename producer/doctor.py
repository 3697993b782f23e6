"""Is everything there that a job needs? Each check with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from producer.fleet import HOW_TO_START, HOW_TO_START_HERE, ROLES, serves
from producer.hints import START_REDIS, Hints
from vae_core.errors import (
    BadCheckpoint,
    ObjectMissing,
    QueueRefused,
    QueueUnavailable,
    StoreError,
    StoreUnavailable,
    VaejobError,
)
from vae_core.jobs.channels import PARTS_ROLE, WorkerInfo
from vae_core.jobs.ids import new_token
from vae_core.settings import Settings
from vae_core.storage.base import Store

PROBE = ".doctor-"
_PROBE_TEXT = b"a probe of `vaejob doctor`, which removes it again\n"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. found: what is there. remedy: what to do, empty where all is well."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine(settings: Settings, unknown: list[str], open_store: Callable[[], Store], hints: Hints) -> Iterator[Check]:
    """All checks, in the order in which one depends on another. Writes a probe object and removes it.

    unknown: VAEJOB_* variables that name no setting. open_store: may raise what opening a store raises.
    """
    yield _variables(unknown)
    yield _redis(settings, hints)
    store_check, store = _store(open_store)
    yield store_check
    try:
        workers = hints.workers()
    except QueueUnavailable:
        workers = []
    stores = (settings.store, store.url if store else settings.store)
    here = [worker for worker in workers if serves(worker, stores)]
    yield from (_role(settings, role, workers, here) for role in ROLES)
    yield _device(here)
    yield _checkpoint(settings)


def _variables(unknown: list[str]) -> Check:
    if not unknown:
        return Check(name="settings", ok=True, found="every VAEJOB_* variable is known")
    what = ", ".join(unknown)
    return Check(name="settings", ok=False, found=f"unknown: {what}", remedy="correct the name, or unset it")


def _redis(settings: Settings, hints: Hints) -> Check:
    try:
        server = hints.server()
    except QueueRefused as refusal:
        return Check(name="redis", ok=False, found=refusal.what, remedy=refusal.remedy)
    except QueueUnavailable as away:
        remedy = START_REDIS if settings.embedded else "start it, or correct VAEJOB_REDIS_URL"
        return Check(name="redis", ok=False, found=str(away).removesuffix(f": {START_REDIS}"), remedy=remedy)
    return Check(name="redis", ok=True, found=f"Redis {server.version} at {server.address}")


def _store(open_store: Callable[[], Store]) -> tuple[Check, Store | None]:
    """The store is listed, written to, read and tidied up."""
    remedy = "VAEJOB_STORE and the AWS_* variables say where it is and who asks"
    try:
        store = open_store()
        store.check()
        _probe(store)
    except VaejobError as error:
        return Check(name="store", ok=False, found=str(error), remedy=remedy), None
    return Check(name="store", ok=True, found=f"{store.url} can be listed, written and read"), store


def _probe(store: Store) -> None:
    key = PROBE + new_token()
    store.create(key, _PROBE_TEXT)
    try:
        if store.read(key).data != _PROBE_TEXT:
            raise StoreError(f"{store.url}: an object reads back changed")
    except ObjectMissing as error:
        raise StoreError(f"{store.url}: an object that was just written cannot be read") from error
    finally:
        with suppress(StoreError, StoreUnavailable):
            store.delete([key])


def _role(settings: Settings, role: str, workers: list[WorkerInfo], here: list[WorkerInfo]) -> Check:
    name = f"{role} worker"
    remedy = HOW_TO_START_HERE if settings.embedded else HOW_TO_START
    mine = [worker for worker in here if worker.role == role]
    if mine:
        hosts = ", ".join(sorted({worker.host for worker in mine}))
        return Check(name=name, ok=True, found=f"{len(mine)} alive on {hosts}")
    others = sorted({worker.store for worker in workers if worker.role == role})
    if others:
        found = f"none for {settings.store}; those alive serve {', '.join(others)}"
        return Check(name=name, ok=False, found=found, remedy=f"set VAEJOB_STORE alike here and there, or {remedy}")
    return Check(name=name, ok=False, found="none alive", remedy=remedy)


def _device(here: list[WorkerInfo]) -> Check:
    devices = sorted({f"{worker.device} on {worker.host}" for worker in here if worker.role == PARTS_ROLE})
    if devices:
        return Check(name="device", ok=True, found=", ".join(devices))
    return Check(name="device", ok=False, found="not known: no parts worker is alive to say", remedy="see parts worker")


def _checkpoint(settings: Settings) -> Check:
    remedy = "correct VAEJOB_CHECKPOINT, or unset it for the shipped one"
    try:
        from vae_core.model.checkpoint import read_info
    except ImportError as error:
        missing = f"cannot be read without {error.name}"
        return Check(name="checkpoint", ok=False, found=missing, remedy="pip install 'vaejob[control]'")
    try:
        info = read_info(settings.checkpoint_path)
    except BadCheckpoint as error:
        return Check(name="checkpoint", ok=False, found=str(error), remedy=remedy)
    size_mb = info.size_bytes / 1e6
    return Check(name="checkpoint", ok=True, found=f"{info.path}, {size_mb:.1f} MB, SHA-256 {info.sha256[:16]}…")
