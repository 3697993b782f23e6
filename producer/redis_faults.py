"""What an error of a Redis client means for the user, in one line with the remedy and without the password."""

from __future__ import annotations

from vae_core.errors import QueueRefused, QueueUnavailable

_NO_PASSWORD = ("Authentication required", "HELLO must be called with the client already authenticated")


def redis_fault(error: Exception, address: str) -> QueueUnavailable:
    """error: of redis-py or of a socket. address: of the server, as it may be shown."""
    import redis

    redis_there = f"Redis at {address}"
    text = str(error).rstrip(".") or type(error).__name__
    if isinstance(error, redis.AuthenticationError):
        if text.startswith(_NO_PASSWORD):
            return QueueRefused(f"{redis_there} wants a password", "write it into VAEJOB_REDIS_URL, before the host")
        return QueueRefused(f"{redis_there} refuses the password of VAEJOB_REDIS_URL", "correct it")
    if isinstance(error, redis.exceptions.NoPermissionError):
        remedy = "grant it in the server's ACL, or name another user in VAEJOB_REDIS_URL"
        return QueueRefused(f"{redis_there} does not allow it to the user of VAEJOB_REDIS_URL ({text})", remedy)
    if isinstance(error, redis.ReadOnlyError | redis.exceptions.MasterDownError):
        remedy = "wait, or name the primary in VAEJOB_REDIS_URL"
        return QueueRefused(f"{redis_there} is a replica that takes no writes, or is failing over", remedy)
    if isinstance(error, redis.BusyLoadingError):
        return QueueRefused(f"{redis_there} is still loading its data", "wait until it has")
    if isinstance(error, redis.OutOfMemoryError):
        return QueueRefused(f"{redis_there} has no memory left", "raise its maxmemory, or empty what else it holds")
    if isinstance(error, redis.TimeoutError):
        return QueueUnavailable(f"{redis_there} does not answer in time")
    does = "refuses" if isinstance(error, redis.ResponseError) else "does not answer"
    return QueueUnavailable(f"{redis_there} {does}: {text}")
