"""What is known of a job that does not go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from tests.chaos.jobs import Submitted
from tests.chaos.stage import Stage
from vae_core.errors import VaejobError
from vae_core.jobs.layout import OPEN, JobKeys

_TAIL_BYTES = 3000


class Stuck(Exception):
    """Work does not go on although no fault keeps it. jobs: those that are open."""

    def __init__(self, message: str, jobs: Sequence[Submitted]) -> None:
        names = ", ".join(job.job_id for job in jobs) or "none"
        super().__init__(f"stuck: {message}; open jobs: {names}")
        self.jobs = jobs


def describe(stage: Stage, jobs: Sequence[Submitted]) -> str:
    """The open jobs' keys, all of Redis, and the end of every worker's log."""
    return "\n".join([*_in_store(stage, jobs), *_in_redis(stage), *_in_logs(stage)])


def _in_store(stage: Stage, jobs: Sequence[Submitted]) -> Iterator[str]:
    store = stage.ground.store
    try:
        yield f"open: {[one.key for one in store.list(OPEN)]}"
        for job in jobs:
            keys = JobKeys(job.job_id)
            for folder in (keys.parts, keys.dead_parts, keys.all_attempts):
                yield f"{folder}: {[one.key.removeprefix(folder) for one in store.list(folder)]}"
            above = [one.key for one in store.list(keys.root) if "/" not in one.key.removeprefix(keys.root)]
            yield f"{keys.root}: {above}"
    except VaejobError as error:
        yield f"the store: {error}"


def _in_redis(stage: Stage) -> Iterator[str]:
    try:
        with stage.redis() as client:
            for key in sorted(client.keys("*")):
                kind = client.type(key)
                size = {"list": client.llen, "zset": client.zcard, "set": client.scard, "hash": client.hlen}.get(kind)
                shown = size(key) if size else client.get(key)
                if kind == "zset":
                    shown = client.zrange(key, 0, 50, withscores=True)
                yield f"{kind} {key!r} ({client.pttl(key)} ms): {shown}"
            yield f"the time in Redis: {client.time()}"
    except redis.RedisError as error:
        yield f"Redis: {error}"


def _in_logs(stage: Stage) -> Iterator[str]:
    for machine in stage.machines:
        text = machine.log_file.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
        yield f"--- {machine.log_file}\n{text}"
