"""Watching who holds which lease, straight in Redis, and how long a lost one took to be taken again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import redis

from vae_core.jobs.channels import FLEET, Channels

POLL_S = 0.05


class Claim(NamedTuple):
    """What is leased: a part (`00012`), planning (`plan`) or finishing (`finish`) of a job."""

    job_id: str
    what: str

    @property
    def is_part(self) -> bool:
        return self.what.isdigit()


class Handover(NamedTuple):
    """A lease that went from one holder to another without the work being done. Times are monotonic seconds.

    alive_at: when the first one took or renewed it last. at: when the other was seen to hold it.
    """

    claim: Claim
    alive_at: float
    at: float


@dataclass
class _Holder:
    token: str
    alive_at: float
    left_ms: int
    tokens: set[str] = field(default_factory=set)


class LeaseWatch:
    """Polls the leases of a fleet from a thread; Redis may go away and come back meanwhile.

    is_settled: whether what a lease is about is done, asked only when another holder comes. told: of each handover, as
    a line. handovers: in their order.
    """

    def __init__(
        self,
        redis_url: str,
        channels: Channels,
        is_settled: Callable[[Claim], bool],
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.handovers: list[Handover] = []
        self._redis = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=2, socket_connect_timeout=1)
        self._prefix = channels.lease("", "").rstrip(":") + ":"
        self._is_settled = is_settled
        self._told = told
        self._last: dict[Claim, _Holder] = {}
        self._held: dict[Claim, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._redis.close()

    @property
    def held(self) -> dict[Claim, str]:
        """The token of every lease at the last look."""
        return dict(self._held)

    @property
    def attempts(self) -> dict[Claim, int]:
        """How many holders each part has had that began it before it was done."""
        return {claim: len(holder.tokens) for claim, holder in list(self._last.items()) if claim.is_part}

    def left(self) -> list[str]:
        """The names of all leases there are now, but the reconciler's own. Raises redis.RedisError."""
        keys = cast(list[str], self._redis.keys(f"{self._prefix}*"))
        return sorted(key for key in keys if not key.startswith(f"{self._prefix}{FLEET}:"))

    def _run(self) -> None:
        while not self._stopped.wait(POLL_S):
            try:
                self._look()
            except redis.RedisError:
                self._held = {}  # away: nobody can be seen to hold anything

    def _look(self) -> None:
        keys = self.left()
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
            pipe.pttl(key)
        found = pipe.execute() if keys else []
        now = time.monotonic()
        held: dict[Claim, str] = {}
        for key, token, left_ms in zip(keys, found[::2], found[1::2], strict=True):
            if token is not None:
                job_id, _, what = key.removeprefix(self._prefix).rpartition(":")
                held[Claim(job_id, what)] = token
                self._note(Claim(job_id, what), token, left_ms, now)
        self._held = held

    def _note(self, claim: Claim, token: str, left_ms: int, now: float) -> None:
        before = self._last.get(claim)
        if before is None:
            self._last[claim] = _Holder(token, now, left_ms, {token})
            return
        if token == before.token:
            if left_ms > before.left_ms:
                before.alive_at = now
            before.left_ms = left_ms
            return
        if token not in before.tokens and not self._is_settled(claim):
            self.handovers.append(Handover(claim, before.alive_at, now))
            silent_s = now - before.alive_at
            self._told(f"{claim.what} of {claim.job_id} is taken over, {silent_s:.1f} s after its holder's last sign")
            before.tokens.add(token)
        before.token, before.alive_at, before.left_ms = token, now, left_ms


class Span(NamedTuple):
    """A fault by when it began and ended, in monotonic seconds."""

    began_at: float
    ended_at: float


def recoveries(handovers: Sequence[Handover], faults: Sequence[Span]) -> Iterator[tuple[int, float, Claim]]:
    """For each handover that a fault brought about: which one, and the seconds from its beginning.

    The fault is the first one that went on when the holder was last seen alive, or that began after that.
    """
    for handover in handovers:
        for number, fault in enumerate(faults):
            if handover.alive_at - POLL_S <= max(fault.began_at, fault.ended_at) and fault.began_at <= handover.at:
                yield number, handover.at - fault.began_at, handover.claim
                break
