"""The naive worker: Celery with a task for each image, one process, a batch of one, Pillow's usual PNG.

It has the same model, the same store and the same Redis. `NaivePeer` runs it: `python -m tests.bench.peers.naive`.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from PIL import Image

from tests.bench.null import NullEngine
from vae_core.settings import read_settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

_QUEUE, _DONE = "naive", "naive-done"
_NULL = "NAIVE_NULL"
_READY_S, _LONGEST_S = 120.0, 1800.0

app = Celery("naive", broker=os.environ.get("VAEJOB_REDIS_URL"), set_as_current=False)
app.conf.update(task_default_queue=_QUEUE, task_ignore_result=True, worker_prefetch_multiplier=4)


@cache
def _engine() -> Any:
    if os.environ.get(_NULL):
        return NullEngine()
    from vae_core.model.engine import Engine

    return Engine.load(read_settings(os.environ).checkpoint_path, device="cpu", batch_size=1)


@cache
def _store() -> Store:
    return open_store(read_settings(os.environ).store)


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(os.environ["VAEJOB_REDIS_URL"])


@app.task(name="naive.draw")
def draw(folder: str, index: int) -> None:
    """Draws one image, and counts it."""
    engine = _engine()
    [pixels] = engine.decode(engine.sample_latents(1, [index]))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    _store().write(f"{folder}/{index:08d}.png", buffer.getvalue(), content_type="image/png")
    _redis().incr(_DONE)


class NaivePeer:
    """A running worker of this kind. Use as a context manager."""

    def __init__(self, environment: Mapping[str, str], folder: Path, *, null: bool = False) -> None:
        """environment: of a vaejob worker. folder: for its log. null: images cost nothing to make, as on a GPU."""
        self._environment = {**environment, **({_NULL: "1"} if null else {})}
        self._log = folder / f"naive{'-null' if null else ''}.log"
        self._redis = redis.Redis.from_url(environment["VAEJOB_REDIS_URL"])
        self._app = Celery("naive-client", broker=environment["VAEJOB_REDIS_URL"], set_as_current=False)

    def __enter__(self) -> NaivePeer:
        command = [sys.executable, "-m", "celery", "-A", "tests.bench.peers.naive", "worker", "-c", "1", "-Q", _QUEUE]
        with self._log.open("wb") as log:
            self._worker = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.run("naive-warm", 8, _READY_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.terminate()
        self._worker.wait(60)
        self._redis.close()
        self._app.close()

    def run(self, folder: str, count: int, longest_s: float = _LONGEST_S) -> float:
        """Seconds from the first message to the last image."""
        self._redis.delete(_DONE)
        began = time.perf_counter()
        with self._app.connection_for_write() as connection, self._app.amqp.Producer(connection) as producer:
            for index in range(count):
                self._app.send_task("naive.draw", [folder, index], queue=_QUEUE, producer=producer)
        while int(self._redis.get(_DONE) or 0) < count:
            assert time.perf_counter() - began < longest_s, f"the naive worker does not end: {self._log}"
            assert self._worker.poll() is None, f"the naive worker ended: {self._log}"
            time.sleep(0.01)
        return time.perf_counter() - began
