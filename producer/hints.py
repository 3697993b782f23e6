"""What `vaejob` asks of Redis and sends through it, with every library's errors told as QueueUnavailable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import msgspec

from producer.redis_faults import redis_fault
from vae_core.errors import QueueUnavailable
from vae_core.jobs.channels import (
    CONTROL_ROLE,
    HINT_EXPIRY_S,
    MESSAGE_PRIORITIES,
    PARTS_ROLE,
    SENT_AT,
    Channels,
    WorkerInfo,
    celery_options,
    celery_url,
)
from vae_core.jobs.ids import new_token
from vae_core.jobs.waiting import Waiting, waiting_in

if TYPE_CHECKING:
    import redis

    from vae_core.jobs.job import Job
    from vae_core.settings import Settings

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 2.0
START_REDIS = "`make worker` starts one"
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What Redis knows of a running job, none of it sure.

    done: items done so far in each part that is not committed yet. errors: listed errors of the committed parts.
    planning: whether a worker is planning the job now.
    """

    done: dict[int, int]
    errors: int
    planning: bool


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Redis as it describes itself."""

    address: str
    version: str


class Hints:
    """Redis as a producer sees it. Nothing is contacted before the first call.

    Every method raises QueueUnavailable, in one line without the password, when Redis does not answer in two seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self.channels = Channels(settings.queue)
        self.address = address_of(settings.broker_url)
        self._settings = settings

    def server(self) -> ServerInfo:
        """Asks the server for its version."""
        with self._translated():
            info = self._redis.info("server")
        return ServerInfo(address=self.address, version=str(info.get("redis_version", "unknown")))

    def workers(self) -> list[WorkerInfo]:
        """The living workers, by role and host. What cannot be read as one is left out."""
        with self._translated():
            keys = sorted(self._redis.scan_iter(f"{self.channels.workers}*", count=1000))
            values = cast(list[bytes | None], self._redis.mget(keys)) if keys else []
        found = []
        for value in values:
            with suppress(msgspec.MsgspecError):
                found += [msgspec.json.decode(value, type=WorkerInfo)] if value else []
        return found

    def queues(self) -> dict[str, Waiting]:
        """The messages that wait for each role, in one round trip."""
        lists = {
            PARTS_ROLE: self.channels.lists(*self.channels.parts_queues),
            CONTROL_ROLE: self.channels.lists(self.channels.control_queue),
        }
        with self._translated(), self._redis.pipeline(transaction=False) as pipe:
            for name in (name for names in lists.values() for name in names):
                pipe.llen(name)
                pipe.lindex(name, -1)
            answers = iter(pipe.execute())
        now = time.time()
        return {role: waiting_in([(next(answers), next(answers)) for _ in names], now) for role, names in lists.items()}

    def progress(self, job_id: str) -> Progress:
        """How far the job is, in one round trip."""
        with self._translated(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.channels.progress(job_id))
            pipe.hvals(self.channels.failed_items(job_id))
            pipe.exists(self.channels.lease(job_id, "plan"))
            done, errors, planning = pipe.execute()
        return Progress(
            done={int(part): int(items) for part, items in done.items() if part.isdigit() and items.isdigit()},
            errors=sum(int(count) for count in errors if count.isdigit()),
            planning=bool(planning),
        )

    def flag_cancelled(self, job_id: str) -> None:
        """Tells workers in mid-part that the job's cancellation was asked for."""
        with self._translated():
            self._redis.set(self.channels.cancelled(job_id), "1", ex=HINT_EXPIRY_S)

    def forget(self, job_id: str) -> None:
        """Removes what Redis remembers of the job but its leases, so that it is worked out from the bucket again."""
        names = (self.channels.in_flight, self.channels.committed, self.channels.progress)
        more = (self.channels.failed_items, self.channels.cancelled)
        with self._translated():
            self._redis.delete(*(name(job_id) for name in names + more))

    def take_lease(self, job_id: str, what: str, ttl_s: float) -> str | None:
        """The token of a claim that ends by itself after `ttl_s`, or None while another holds it."""
        token = new_token()
        with self._translated():
            taken = self._redis.set(self.channels.lease(job_id, what), token, nx=True, px=int(ttl_s * 1000))
        return token if taken else None

    def renew_lease(self, job_id: str, what: str, token: str, ttl_s: float) -> bool:
        """Lets the claim last for `ttl_s` from now; False if it is not this token's any more."""
        with self._translated():
            return bool(self._redis.eval(_RENEW, 1, self.channels.lease(job_id, what), token, int(ttl_s * 1000)))

    def leases(self, job_id: str) -> list[str]:
        """What of the job is claimed now: `plan`, `finish`, or parts such as `00012`."""
        beginning = self.channels.lease(job_id, "")
        with self._translated():
            keys = list(self._redis.scan_iter(f"{beginning}*", count=1000))
        return sorted(key.decode().removeprefix(beginning) for key in keys)

    def release_lease(self, job_id: str, what: str, token: str) -> None:
        """Ends the claim if it is still this token's."""
        with self._translated():
            self._redis.eval(_RELEASE, 1, self.channels.lease(job_id, what), token)

    def send(self, task: str, job: Job) -> None:
        """Puts a task about the job on the control queue: one try, after Redis was seen to answer."""
        with self._translated():
            self._redis.ping()
        # Half a second to import, so only once it is known to be of use.
        from celery import Celery
        from kombu.exceptions import KombuError

        options = celery_options(self._settings.broker_url)
        options["broker_transport_options"] |= {
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_timeout": ANSWER_TIMEOUT_S,
            "max_retries": 0,
        }
        app = Celery("vaejob", set_as_current=False)
        app.conf.update(options)
        url = celery_url(self._settings.broker_url)  # told outright, as CELERY_BROKER_URL would win over the option
        queue = self.channels.control_queue
        try:
            with self._translated(), app.connection_for_write(url) as connection:
                app.send_task(
                    task,
                    args=[job.job_id],
                    queue=queue,
                    priority=MESSAGE_PRIORITIES[job.priority],
                    headers={SENT_AT: time.time()},
                    connection=connection,
                    retry=False,
                )
        except KombuError as error:
            if isinstance(error.__cause__, Exception):
                raise redis_fault(error.__cause__, self.address) from error
            raise QueueUnavailable(f"Redis at {self.address} does not take the message: {error}") from error

    @cached_property
    def _redis(self) -> redis.Redis:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis.from_url(
            self._settings.broker_url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._settings.embedded and not self._settings.redis_socket.exists():
            raise QueueUnavailable(f"no Redis runs on this machine: {START_REDIS}")
        import redis

        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise redis_fault(error, self.address) from error
        except ValueError as error:
            # Its text is kept back: it may quote a password.
            raise QueueUnavailable(f"VAEJOB_REDIS_URL is not understood: {self.address}") from error


def address_of(redis_url: str) -> str:
    """The address as it may be shown: without user, password and query."""
    try:
        parts = urlsplit(redis_url)
        if parts.scheme == "unix":
            return f"unix://{parts.path}"
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{redis_url.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}{port}{parts.path}"
