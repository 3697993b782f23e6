"""The worker's parts in this process, on a real Redis, a folder store and a real, tiny model."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import redis
from celery import Celery

from tests.servers.redis import RedisServer
from vae_core.jobs.channels import PARTS_ROLE, Channels, WorkerInfo
from vae_core.jobs.codec import from_json, to_pretty_json
from vae_core.jobs.job import End, Job
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.jobs.spec import JobSpec
from vae_core.settings import Settings, read_settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from worker.advancing import Advancer
from worker.app import make_app
from worker.engines import Engines
from worker.finishing import Finisher
from worker.hints import Hints
from worker.parts import PartHandler
from worker.planning import Planner
from worker.reconciler import Reconciler
from worker.scheduling import Scheduler
from worker.sender import CelerySender

_NUMBERS = itertools.count()


@dataclass
class Bench:
    """Everything a worker is made of, with queues of its own that nobody consumes: a test takes what was sent.

    now: what its schedules take for the time.
    """

    settings: Settings
    store: Store
    hints: Hints
    redis: redis.Redis
    app: Celery
    stopping: bool = False
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.sender = CelerySender(self.app, self.hints.channels)
        self.advancer = Advancer(self.store, self.hints, self.sender, self.settings)
        self.planner = Planner(self.store, self.hints, self.advancer, self.settings)
        self.finisher = Finisher(self.store, self.hints, self.advancer, self.settings)
        self.scheduler = Scheduler(self.store, self.advancer, lambda: self.now)
        self.reconciler = Reconciler(self.store, self.hints, self.advancer, self.scheduler, self.settings)
        engines = Engines(self.settings, self.store, "cpu")
        self.parts = PartHandler(self.settings, self.store, self.hints, self.sender, engines, lambda: self.stopping)

    def with_settings(self, **changes: object) -> Bench:
        """Another worker on the same store and queues."""
        settings = msgspec.structs.replace(self.settings, **changes)
        return Bench(settings, self.store, self.hints, self.redis, self.app)

    def with_store(self, store: Store) -> Bench:
        """Another worker, on the same queues, that reaches the store in another way."""
        return Bench(self.settings, store, self.hints, self.redis, self.app)

    def submit(self, job_id: str, spec: JobSpec) -> None:
        """Writes what the producer writes, in its order; sends nothing."""
        job = Job(
            job_id=job_id, spec=spec, submitted_at="2026-01-01T00:00:00+00:00", submitted_by="t", code_version="t"
        )
        self.store.write(open_key(job_id), b"")
        self.store.create(JobKeys(job_id).job, to_pretty_json(job))

    def sent(self) -> list[tuple[str, list[object]]]:
        """Takes all messages off both queues: the last word of each task's name, and its arguments."""
        messages = []
        channels = self.hints.channels
        for queue in channels.lists(channels.control_queue, *channels.parts_queues):
            while taken := self.redis.rpop(queue):
                message = json.loads(taken)
                arguments, _, _ = json.loads(base64.b64decode(message["body"]))
                messages.append((message["headers"]["task"].rpartition(".")[2], arguments))
        return messages

    def announce_parts_worker(self) -> None:
        """Has everyone believe that a worker with one process is there."""
        self.hints.announce(
            WorkerInfo(
                role=PARTS_ROLE,
                host="box",
                pid=1,
                processes=1,
                device="cpu",
                store=self.store.url,
                code_version="t",
                started_at="2026-01-01T00:00:00+00:00",
            )
        )

    def marks_last_s(self, job_id: str) -> list[float]:
        """For how long the marks and leases of the job's parts last from now, by the clock of Redis."""
        seconds, microseconds = self.redis.time()
        flight = self.redis.zrange(self.hints.channels.in_flight(job_id), 0, -1, withscores=True)
        return [lapses_ms / 1000 - seconds - microseconds / 1e6 for _, lapses_ms in flight]

    def run_until_quiet(self) -> None:
        """Does what is sent, one message at a time, until nothing more is."""
        while messages := self.sent():
            for task, arguments in messages:
                {"plan": self.planner.plan, "part": self.parts.handle, "finish": self.finisher.finish}[task](*arguments)

    def end(self, job_id: str) -> End:
        return from_json(self.store.read(JobKeys(job_id).end).data, End, "end.json")

    def keys(self, prefix: str) -> list[str]:
        return [found.key.removeprefix(prefix) for found in self.store.list(prefix)]


@pytest.fixture
def bench(tmp_path: Path, tiny_checkpoint: Path, redis_server: RedisServer) -> Iterator[Bench]:
    settings = read_settings(
        {
            "VAEJOB_HOME": str(tmp_path / "home"),
            "VAEJOB_QUEUE": f"bench-{next(_NUMBERS)}",
            "VAEJOB_CHECKPOINT": str(tiny_checkpoint),
            "VAEJOB_SOURCES": f"{tmp_path}",
            "VAEJOB_LEASE_S": "30",  # longer than a busy machine stands still
            "VAEJOB_MARK_S": "2",
            **redis_server.env,
        }
    )
    hints = Hints(settings.broker_url, Channels(settings.queue))
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client, make_app(settings) as app:
        yield Bench(settings, open_store(settings.store), hints, client, app)
    hints.close()
