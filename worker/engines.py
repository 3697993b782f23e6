"""The checkpoint that a job is pinned to, loaded once on this process's device."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from vae_core.errors import BadCheckpoint, DeviceFailed, ObjectMissing, TransientError
from vae_core.jobs.ids import new_token
from vae_core.jobs.layout import checkpoint_key
from vae_core.model.checkpoint import file_sha256
from vae_core.settings import Settings
from vae_core.storage.base import Store

if TYPE_CHECKING:
    from vae_core.model.engine import Engine

log = logging.getLogger(__name__)


class Engines:
    """Gives the engine for a checkpoint's SHA-256. Keeps the last one: jobs of one checkpoint follow each other.

    halved_from: the size of batches that the device could not hold, or None.
    """

    def __init__(self, settings: Settings, store: Store, device: str) -> None:
        self._settings = settings
        self._store = store
        self._device = device
        self._batch_size = settings.batch_size
        self.halved_from: int | None = None
        self._engine: Engine | None = None
        self._streams: int | None = None  # of an engine before: torch's own number of threads is 1 since then

    def get(self, sha256: str) -> Engine:
        """The engine with exactly these weights. Raises BadCheckpoint, DeviceFailed; the store's errors meanwhile."""
        if self._engine is None or self._engine.checkpoint_sha256 != sha256:
            self._engine = None  # its memory is free before the next one is loaded, unless a part still ends with it
            engine = self._load(self._find(sha256))
            if engine.checkpoint_sha256 != sha256:
                raise TransientError("the checkpoint's file was replaced as it was loaded: the part is done again")
            self._engine = engine
        return self._engine

    def halve_batches(self, too_large: Engine) -> None:
        """From now on this process runs batches of half the size, unless it has left that engine already.

        Raises DeviceFailed for batches of one.
        """
        if self._engine is not too_large:
            return
        if self._engine.batch_size == 1:
            raise DeviceFailed(f"device {self._device} has no room for a batch of one image")
        self.halved_from = self.halved_from or self._engine.batch_size
        self._batch_size = self._engine.batch_size // 2
        log.warning("device %s ran out of memory: batches of %d from now on", self._device, self._batch_size)
        self._engine = self._engine.with_batches_of(self._batch_size)

    def _find(self, sha256: str) -> Path:
        local = self._settings.checkpoint_path
        if local.is_file() and file_sha256(local) == sha256:
            return local
        cached = self._settings.home / "checkpoints" / f"{sha256}.safetensors"
        if cached.is_file() and file_sha256(cached) == sha256:
            return cached
        return self._download(sha256, cached)

    def _download(self, sha256: str, path: Path) -> Path:
        log.info("fetching checkpoint %s", sha256)
        try:
            data = self._store.read(checkpoint_key(sha256)).data
        except ObjectMissing as error:
            raise BadCheckpoint(f"checkpoint {sha256} is not in the store any more") from error
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{new_token()}")
        try:
            temporary.write_bytes(data)
            if file_sha256(temporary) != sha256:
                raise BadCheckpoint(f"checkpoint {sha256} in the store has another content than its name says")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    def _load(self, path: Path) -> Engine:
        from vae_core.model.engine import Engine  # torch is loaded here, in the child, on its first part

        engine = Engine.load(
            path,
            device=self._device,
            batch_size=self._batch_size,
            threads=self._streams or self._settings.threads,
            streaming=True,
        )
        # What is there now stays: looking through all of torch for what is free, as Python does now and then, holds up
        # every thread for a tenth of a second.
        gc.collect()
        gc.freeze()
        self._streams = engine.streams if engine.device_type == "cpu" else None
        log.info("checkpoint %s loaded: %s", engine.checkpoint_sha256[:12], engine.kind)
        return engine
