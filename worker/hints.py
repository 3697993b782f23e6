"""What Redis remembers for the workers: claims, counts, progress. It may all be lost; the bucket is the record."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, cast

import msgspec
import redis

from vae_core.errors import QueueRefused, QueueUnavailable
from vae_core.jobs.channels import COMPLETE, HINT_EXPIRY_S, PARTS_ROLE, WORKER_EXPIRY_S, Channels, WorkerInfo
from vae_core.jobs.waiting import waiting_in

_IN_SCRIPT = re.compile(r"^Error running script .*: -")  # what a server puts before a refusal of one of our scripts
_LONGEST_WAIT_S = 3600.0
_LONGEST_OTHER_LEASE_S = 60.0  # of a worker with other settings, or of whoever resumes or removes a job

# Every script takes the time from the Redis server, so that clocks of different machines need not agree.
_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000);"

# KEYS: in-flight set. ARGV: window, mark in ms, longest that any mark may last in ms, expiry in s, what the leases of
# the job's parts begin with, then candidate parts in the order to be sent. Returns how many are in flight
# besides, in how many ms the first of them that is leased lapses (-1: there is none), then those newly marked.
_CLAIM_MARKS = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, part in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now + ARGV[3], '+inf')) do
  redis.call('ZADD', KEYS[1], now + ARGV[3], part)
end
local before = redis.call('ZCARD', KEYS[1])
local claims = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local lapse = -1
for i = 1, #claims, 2 do
  if redis.call('EXISTS', ARGV[5] .. string.format('%05d', claims[i])) == 1 then
    lapse = math.ceil(claims[i + 1] - now)
    break
  end
end
local answer = {before, lapse}
for i = 6, #ARGV do
  if #answer - 2 >= tonumber(ARGV[1]) - before then break end
  if redis.call('ZADD', KEYS[1], 'NX', now + ARGV[2], ARGV[i]) == 1 then answer[#answer + 1] = ARGV[i] end
end
if #answer > 2 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return answer
"""
)

# KEYS: in-flight set. ARGV: mark in ms, part.
_SET_MARK = _NOW + "return redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[2])"

# KEYS: lease, and optionally the in-flight set. ARGV: token, lease in ms, part, expiry of the set in s, longest that a
# lease may last in ms: one that lasts longer was taken before the server's clock was set back.
_ACQUIRE = (
    _NOW
    + """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
  return 0
end
if KEYS[2] then redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[3]); redis.call('EXPIRE', KEYS[2], ARGV[4]) end
return 1
"""
)

# As above. A lease that Redis has forgotten (emptied, restarted) is taken again: nobody else holds it.
_RENEW = (
    _NOW
    + """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if KEYS[2] then redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[3]); redis.call('EXPIRE', KEYS[2], ARGV[4]) end
return 1
"""
)

# KEYS: lease, and optionally the in-flight set. ARGV: token, part.
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if KEYS[2] then redis.call('ZREM', KEYS[2], ARGV[2]) end
return 1
"""

# KEYS: lease, in-flight set, set of crashed attempts. ARGV: what the token begins with, part, whether it crashed (1 or
# 0), expiry of that set in s.
_RELEASE_OF_DEAD = """
local holder = redis.call('GET', KEYS[1])
if not holder or string.sub(holder, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '1' then redis.call('SADD', KEYS[3], holder); redis.call('EXPIRE', KEYS[3], ARGV[4]) end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return 1
"""


class Claimed(NamedTuple):
    """in_flight: parts of the job that were under way before. lapse_s: when the first lease on one of them lapses, in
    seconds from now, unless it is renewed. parts: those newly marked, to be sent."""

    in_flight: int
    lapse_s: float | None
    parts: list[int]


class Hints:
    """All that the workers ask of Redis. Safe to share between threads, and across a fork.

    Every method raises QueueUnavailable when Redis does not answer within seconds.
    """

    def __init__(self, url: str, channels: Channels) -> None:
        self.channels = channels
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=5,
            socket_connect_timeout=3,
            health_check_interval=10,
        )
        self._claim_marks = self._redis.register_script(_CLAIM_MARKS)
        self._set_mark = self._redis.register_script(_SET_MARK)
        self._acquire = self._redis.register_script(_ACQUIRE)
        self._renew = self._redis.register_script(_RENEW)
        self._release = self._redis.register_script(_RELEASE)
        self._release_of_dead = self._redis.register_script(_RELEASE_OF_DEAD)

    def ping(self) -> None:
        with _translated():
            self._redis.ping()

    def close(self) -> None:
        """Closes its connections; the next call opens one again."""
        self._redis.close()

    # Marks: parts that are on the queue.

    def claim_marks(
        self, job_id: str, candidates: Iterable[int], *, window: int, mark_s: float, longest_s: float
    ) -> Claimed:
        """Marks candidates that are neither marked nor leased until `window` parts are in flight.

        Whoever is given a part here sends it, and nobody else. Until it is sent, mark it for a short while only: what
        is claimed here and never sent then comes up again soon. Marks that would last longer than `longest_s` from now
        are cut to that.
        """
        leases = self.channels.lease(job_id, "")
        limits = (window, _ms(mark_s), _ms(longest_s), HINT_EXPIRY_S)
        arguments: list[str | int] = [*limits, leases, *candidates]
        with _translated():
            answer = self._claim_marks(keys=[self.channels.in_flight(job_id)], args=arguments)
        before, lapse_ms, *claimed = (int(number) for number in cast(list[str], answer))
        return Claimed(before, lapse_ms / 1000 if lapse_ms >= 0 else None, claimed)

    def set_mark(self, job_id: str, part: int, mark_s: float) -> None:
        """Lets the part's mark, if it has one, last for `mark_s` from now."""
        with _translated():
            self._set_mark(keys=[self.channels.in_flight(job_id)], args=[_ms(mark_s), part])

    def claim_message(self, job_id: str, what: str, mark_s: float) -> bool:
        """Whether `plan` or `finish` is to be sent for the job: False while one is already on the queue."""
        with _translated():
            return bool(self._redis.set(self.channels.message(job_id, what), "1", nx=True, px=_ms(mark_s)))

    def drop_message(self, job_id: str, what: str) -> None:
        """The message was taken off the queue, or never put there."""
        with _translated():
            self._redis.delete(self.channels.message(job_id, what))

    def drop_mark(self, job_id: str, part: int) -> None:
        """Lets the part be sent again at once."""
        with _translated():
            self._redis.zrem(self.channels.in_flight(job_id), part)

    # Leases: parts, plans and finishes that are being worked on.

    def acquire(self, job_id: str, what: str, token: str, ttl_s: float, part: int | None) -> bool:
        """Claims `what` of the job for `token`; False if another holds it. A part's mark becomes the lease."""
        longest_ms = _ms(max(2 * ttl_s, _LONGEST_OTHER_LEASE_S))
        arguments = [token, _ms(ttl_s), _or_zero(part), HINT_EXPIRY_S, longest_ms]
        return self._leased(self._acquire, job_id, what, arguments, part)

    def renew(self, job_id: str, what: str, token: str, ttl_s: float, part: int | None) -> bool:
        """Prolongs the claim; False if another holds it by now."""
        return self._leased(self._renew, job_id, what, [token, _ms(ttl_s), _or_zero(part), HINT_EXPIRY_S], part)

    def release(self, job_id: str, what: str, token: str, part: int | None) -> None:
        """Ends the claim if `token` still holds it."""
        self._leased(self._release, job_id, what, [token, _or_zero(part)], part)

    def release_of_dead(self, job_id: str, part: int, owner: str, *, crashed: bool) -> None:
        """Ends the claim of a process that died, whose token begins with `owner`, if it still holds the part.

        crashed: it ended by its own doing, which is remembered of the attempt.
        """
        named = self.channels
        keys = [named.lease(job_id, f"{part:05d}"), named.in_flight(job_id), named.crashed(job_id)]
        arguments: list[str | int] = [owner, part, int(crashed), HINT_EXPIRY_S]
        with _translated():
            self._release_of_dead(keys=keys, args=arguments)

    def crashed(self, job_id: str) -> set[str]:
        """Tokens of the attempts whose process is known to have ended by its own doing."""
        with _translated():
            return cast(set[str], self._redis.smembers(self.channels.crashed(job_id)))

    def is_leased(self, job_id: str, what: str) -> bool:
        with _translated():
            return bool(self._redis.exists(self.channels.lease(job_id, what)))

    def _leased(
        self, script: Callable[..., Any], job_id: str, what: str, arguments: list[Any], part: int | None
    ) -> bool:
        keys = [self.channels.lease(job_id, what)]
        if part is not None:
            keys.append(self.channels.in_flight(job_id))
        with _translated():
            return bool(script(keys=keys, args=arguments))

    # Counts and progress.

    def committed(self, job_id: str) -> set[int] | None:
        """Parts known to be settled, or None where Redis does not know them all."""
        with _translated():
            members = cast(set[str], self._redis.smembers(self.channels.committed(job_id)))
        return {int(part) for part in members if part != COMPLETE} if COMPLETE in members else None

    def add_committed(self, job_id: str, parts: Iterable[int]) -> None:
        """Adds all parts that a listing of the bucket has found; what was committed since it began stays in the set."""
        key = self.channels.committed(job_id)
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.sadd(key, COMPLETE, *parts)
            pipe.expire(key, HINT_EXPIRY_S)
            pipe.execute()

    def note_committed(self, job_id: str, part: int, errors: int | None) -> None:
        """Adds a part to the set, and its listed errors, where they are known, to the count; ends its progress."""
        committed, failed = self.channels.committed(job_id), self.channels.failed_items(job_id)
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.sadd(committed, part)
            pipe.expire(committed, HINT_EXPIRY_S)
            if errors is not None:
                pipe.hset(failed, str(part), errors)
                pipe.expire(failed, HINT_EXPIRY_S)
            pipe.hdel(self.channels.progress(job_id), str(part))
            pipe.execute()

    def forget_committed(self, job_id: str, parts: Iterable[int]) -> None:
        """The parts have lost their records, and are to be done again."""
        numbers = [str(part) for part in parts]
        if not numbers:
            return
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.srem(self.channels.committed(job_id), *numbers)
            pipe.hdel(self.channels.failed_items(job_id), *numbers)
            pipe.execute()

    def failed_items(self, job_id: str) -> int:
        """Listed errors of the parts committed so far, as far as Redis knows."""
        with _translated():
            return sum(int(count) for count in cast(list[str], self._redis.hvals(self.channels.failed_items(job_id))))

    def note_progress(self, job_id: str, part: int, done: int) -> None:
        """Items of the part that are done so far, for whoever watches."""
        key = self.channels.progress(job_id)
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(key, str(part), done)
            pipe.expire(key, 60)
            pipe.execute()

    def is_cancelled(self, job_id: str) -> bool:
        with _translated():
            return bool(self._redis.exists(self.channels.cancelled(job_id)))

    def forget(self, job_id: str) -> None:
        """Removes the hints of an ended job, but its leases, and the flag that parts still in flight look for."""
        named = self.channels
        names = (named.in_flight, named.committed, named.progress, named.failed_items, named.crashed)
        with _translated():
            self._redis.delete(*(name(job_id) for name in names))

    def waiting(self, *queues: str) -> int:
        """Messages of these queues that nobody has taken yet."""
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            for name in self.channels.lists(*queues):
                pipe.llen(name)
            return sum(pipe.execute())

    def oldest_s(self, priority: str, queue: str) -> float:
        """For how long the oldest message of this priority has waited on the queue; 0 where none does, at most an hour.

        By the clocks of this machine and of the one that sent it, which may differ.
        """
        names = self.channels.lists(queue, priorities=[priority])
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            for name in names:  # what others put there may be no text
                pipe.execute_command("LINDEX", name, -1, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
            oldest = cast(list[bytes | None], pipe.execute())
        waiting = waiting_in([(int(message is not None), message) for message in oldest], time.time())
        return min(waiting.oldest_s or 0.0, _LONGEST_WAIT_S)

    # Living workers.

    def announce(self, info: WorkerInfo) -> None:
        """Says that this worker lives, for the next WORKER_EXPIRY_S seconds."""
        key = self.channels.worker(info.role, info.host, info.pid)
        with _translated():
            self._redis.set(key, msgspec.json.encode(info), ex=WORKER_EXPIRY_S)

    def withdraw(self, info: WorkerInfo) -> None:
        with _translated():
            self._redis.delete(self.channels.worker(info.role, info.host, info.pid))

    def part_processes(self) -> int:
        """How many parts the living workers can work on at once."""
        with _translated():
            keys = list(self._redis.scan_iter(f"{self.channels.workers}{PARTS_ROLE}:*", count=1000))
            values = cast(list[str | None], self._redis.mget(keys)) if keys else []
        processes = 0
        for value in values:
            with suppress(msgspec.MsgspecError):  # a worker of another version, or none: not counted
                processes += msgspec.json.decode(value, type=WorkerInfo).processes if value else 0
        return processes


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        what = f"Redis refuses the user or the password of VAEJOB_REDIS_URL ({error})"
        raise QueueRefused(what, "set it to one that it knows") from error
    except redis.ResponseError as error:
        raise QueueUnavailable(f"Redis refuses what it is asked: {_IN_SCRIPT.sub('', str(error))}") from error
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _or_zero(part: int | None) -> int:
    return 0 if part is None else part
