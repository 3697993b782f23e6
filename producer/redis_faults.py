"""What an error of a Redis client means for the user, in one line with the remedy and without the password."""

from __future__ import annotations

from typing import ClassVar

from vae_core.errors import QueueUnavailable

_NO_PASSWORD = ("Authentication required", "HELLO must be called with the client already authenticated")


class QueueRefuses(QueueUnavailable):
    """Redis is there and does not do what it is asked, so that nothing is known of the workers.

    what, remedy: the two halves of its text.
    """

    code: ClassVar[str] = "queue_refuses"

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what = what
        self.remedy = remedy


def redis_fault(error: Exception, address: str) -> QueueUnavailable:
    """error: of redis-py or of a socket. address: of the server, as it may be shown."""
    import redis

    redis_there = f"Redis at {address}"
    text = str(error).rstrip(".") or type(error).__name__
    if isinstance(error, redis.AuthenticationError):
        if text.startswith(_NO_PASSWORD):
            return QueueRefuses(f"{redis_there} wants a password", "write it into VAEJOB_REDIS_URL, before the host")
        return QueueRefuses(f"{redis_there} refuses the password of VAEJOB_REDIS_URL", "correct it")
    if isinstance(error, redis.exceptions.NoPermissionError):
        remedy = "grant it in the server's ACL, or name another user in VAEJOB_REDIS_URL"
        return QueueRefuses(f"{redis_there} does not allow it to the user of VAEJOB_REDIS_URL ({text})", remedy)
    if isinstance(error, redis.ReadOnlyError | redis.exceptions.MasterDownError):
        remedy = "wait, or name the primary in VAEJOB_REDIS_URL"
        return QueueRefuses(f"{redis_there} is a replica that takes no writes, or is failing over", remedy)
    if isinstance(error, redis.BusyLoadingError):
        return QueueRefuses(f"{redis_there} is still loading its data", "wait until it has")
    if isinstance(error, redis.OutOfMemoryError):
        return QueueRefuses(f"{redis_there} has no memory left", "raise its maxmemory, or empty what else it holds")
    if isinstance(error, redis.TimeoutError):
        return QueueUnavailable(f"{redis_there} does not answer in time")
    does = "refuses" if isinstance(error, redis.ResponseError) else "does not answer"
    return QueueUnavailable(f"{redis_there} {does}: {text}")
