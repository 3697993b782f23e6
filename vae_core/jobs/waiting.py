"""How many messages wait for a role of the workers, and for how long the oldest has."""

from __future__ import annotations

import msgspec

from vae_core.jobs.channels import SENT_AT


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """waiting: messages. oldest_s: since the oldest was sent, None where none waits or it does not say when."""

    waiting: int
    oldest_s: float | None


class _Headers(msgspec.Struct):
    sent_at: float | None = msgspec.field(name=SENT_AT, default=None)


class _Message(msgspec.Struct):
    headers: _Headers


def waiting_in(lists: list[tuple[int, bytes | None]], now: float) -> Waiting:
    """Of one role: length and oldest message of each of its Redis lists. now: seconds since 1970.

    The clock of the machine that sent a message may be ahead of ours: it was sent just now then.
    """
    sent = [when for _, oldest in lists if oldest is not None and (when := _sent_at(oldest)) is not None]
    oldest_s = round(max(0.0, now - min(sent)), 1) if sent else None
    return Waiting(waiting=sum(length for length, _ in lists), oldest_s=oldest_s)


def _sent_at(message: bytes) -> float | None:
    """None for what is no message of ours, or an older one that does not say it."""
    try:
        return msgspec.json.decode(message, type=_Message).headers.sent_at
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
