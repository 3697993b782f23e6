"""What producer and workers call each other by: queues, task names, and the names of hints in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

PROTOCOL = "v5"  # in every queue's and key's name, so that old and new workers never misread each other

PLAN_TASK = f"vaejob.{PROTOCOL}.plan"
PART_TASK = f"vaejob.{PROTOCOL}.part"
FINISH_TASK = f"vaejob.{PROTOCOL}.finish"

HINT_EXPIRY_S = 24 * 3600
WORKER_EXPIRY_S = 15
# How urgent a job's messages are, as kombu numbers it on Redis: a list for each number, the lower ones emptied first.
MESSAGE_PRIORITIES = {"high": 0, "normal": 3, "low": 6}
SENT_AT = "sent_at"  # header of a message: when it was sent, in seconds since 1970, by the sender's clock
FLEET = "@fleet"  # no job can have this id
PARTS_ROLE = "parts"
CONTROL_ROLE = "control"


class WorkerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a living worker says of itself every few seconds.

    processes: how many parts it works on at once. device: of the parts role, empty for control.
    store: address of the store it serves, without secrets.
    """

    role: str
    host: str
    pid: int
    processes: int
    device: str
    store: str
    code_version: str
    started_at: str


class Channels:
    """Queue and key names below one VAEJOB_QUEUE, which two fleets on one Redis must not share."""

    def __init__(self, queue: str) -> None:
        self.prefix = f"{queue}:{PROTOCOL}"
        self.control_queue = f"{self.prefix}:control"
        # The first part of a job that has none under way, and all others. Who takes parts takes from both in turn, so
        # that a small job is not stuck behind the window of a huge one, nor a huge one behind a stream of small ones.
        self.first_parts_queue = f"{self.prefix}:parts-first"
        self.more_parts_queue = f"{self.prefix}:parts"
        self.parts_queues = (self.first_parts_queue, self.more_parts_queue)
        self.workers = f"{self.prefix}:worker:"
        self.probe = f"{self.prefix}:probe"  # written by whoever has to know whether Redis can be written to

    def lists(self, *queues: str, priorities: Iterable[str] = MESSAGE_PRIORITIES) -> tuple[str, ...]:
        """The Redis lists with the messages of these queues, the most urgent first; of each, the oldest is last."""
        numbers = sorted(MESSAGE_PRIORITIES[priority] for priority in priorities)
        return tuple(f"{queue}\x06\x16{number}" if number else queue for number in numbers for queue in queues)

    def worker(self, role: str, host: str, pid: int) -> str:
        """Holds a WorkerInfo as JSON while the worker lives."""
        return f"{self.workers}{role}:{host}:{pid}"

    def lease(self, job_id: str, what: str) -> str:
        """The claim on a part (`00012`), on planning (`plan`) or on finishing (`finish`); holds the holder's token.

        The fleet's one reconciler holds `reconciler` of the job FLEET.
        """
        return f"{self.prefix}:lease:{job_id}:{what}"

    def message(self, job_id: str, what: str) -> str:
        """Flag: a `plan` or `finish` of the job is on the queue."""
        return f"{self.prefix}:message:{job_id}:{what}"

    def in_flight(self, job_id: str) -> str:
        """Sorted set of parts that are sent or being worked on, scored by when that claim lapses."""
        return f"{self.prefix}:flight:{job_id}"

    def committed(self, job_id: str) -> str:
        """Set of the numbers of committed and given-up parts; complete only with the member COMPLETE in it."""
        return f"{self.prefix}:committed:{job_id}"

    def progress(self, job_id: str) -> str:
        """Hash from part number to the items done in it so far."""
        return f"{self.prefix}:progress:{job_id}"

    def failed_items(self, job_id: str) -> str:
        """Hash from part number to its listed errors, for the failure rate."""
        return f"{self.prefix}:failed:{job_id}"

    def crashed(self, job_id: str) -> str:
        """Set of the tokens of attempts whose process ended by its own doing, as far as its parent could tell."""
        return f"{self.prefix}:crashed:{job_id}"

    def cancelled(self, job_id: str) -> str:
        """Flag: the job's cancellation was asked for."""
        return f"{self.prefix}:cancelled:{job_id}"


COMPLETE = "all"  # in the committed set: it was rebuilt from a listing of the bucket


def celery_url(redis_url: str) -> str:
    """The same Redis as kombu writes it: `unix:///path?db=0` becomes `redis+socket:///path?virtual_host=0`.

    kombu takes name and password from before the path alone; redis-py also from the query.
    """
    if not redis_url.startswith("unix://"):
        return redis_url
    parts = urlsplit(redis_url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    login = parts.netloc.rpartition("@")[0]
    if "password" in query:
        login = f"{quote(query.get('username', ''), safe='')}:{quote(query['password'], safe='')}"
    return f"redis+socket://{login + '@' if login else ''}{parts.path}?virtual_host={query.get('db', '0')}"


def celery_options(redis_url: str) -> dict[str, Any]:
    """What every Celery app of the project, the sending and the working ones, agrees on.

    JSON only, no result backend. Queues are reached by name through the anonymous exchange, so that nothing of the
    routing lies in Redis to be lost.
    """
    url = celery_url(redis_url)
    return {
        # Given for both directions as well: CELERY_BROKER_URL, if it is set, overrides the first alone.
        "broker_url": url,
        "broker_read_url": url,
        "broker_write_url": url,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "visibility_timeout": 600,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_create_missing_queues": True,
        "enable_utc": True,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
    }
