"""Every error the project raises: a permanent one fails now, a transient one is worth another try."""

from __future__ import annotations

from typing import ClassVar


class VaejobError(Exception):
    """Root of all errors. Its text is one line: what failed, which value, what was expected, what to do next.

    code: a stable word for machines, in records, `errors.jsonl` and `--json` output.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class PermanentError(VaejobError):
    """Trying again cannot help."""

    code: ClassVar[str] = "permanent"


class TransientError(VaejobError):
    """The same call may succeed later."""

    code: ClassVar[str] = "transient"


class InvalidValue(PermanentError, ValueError):
    """A value from a user, a message, a file or the environment is not allowed; names field, value and what is."""

    code: ClassVar[str] = "invalid_value"


class SourceNotAllowed(PermanentError):
    """A source lies outside VAEJOB_SOURCES."""

    code: ClassVar[str] = "source_not_allowed"


class NoSuchJob(PermanentError):
    """No job has this id."""

    code: ClassVar[str] = "no_such_job"


class JobConflict(PermanentError):
    """A job of this id exists with another spec."""

    code: ClassVar[str] = "job_conflict"


class ScheduleGone(PermanentError):
    """The schedule that a job is a run of was removed."""

    code: ClassVar[str] = "schedule_gone"


class BadDocument(PermanentError):
    """A document in the store is damaged, or of another version of this code."""

    code: ClassVar[str] = "bad_document"


class StoreError(PermanentError):
    """The store refuses: access denied, no such bucket, a bad address."""

    code: ClassVar[str] = "store_refused"


class StoreUnavailable(TransientError):
    """The store does not answer, or answers that it cannot now; bounded retries are already spent."""

    code: ClassVar[str] = "store_unavailable"


class QueueUnavailable(TransientError):
    """Redis does not answer, or is loading, failing over or read-only."""

    code: ClassVar[str] = "queue_unavailable"


class QueueRefused(QueueUnavailable):
    """Redis is there and does not do what it is asked.

    what, remedy: the two halves of its text.
    """

    code: ClassVar[str] = "queue_refused"

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what = what
        self.remedy = remedy


class LeaseLost(TransientError):
    """This worker's claim has run out or was taken over: it must not write any more."""

    code: ClassVar[str] = "lease_lost"


class ObjectMissing(PermanentError):
    """No object has this key."""

    code: ClassVar[str] = "object_missing"


class ObjectTooLarge(PermanentError):
    """An object is over the caller's limit; its body was not read."""

    code: ClassVar[str] = "too_large"


class ObjectChanged(PermanentError):
    """An object is not the version that was asked for."""

    code: ClassVar[str] = "changed"


class BadCheckpoint(PermanentError):
    """A checkpoint is missing, is not safetensors, or does not fit its own config."""

    code: ClassVar[str] = "bad_checkpoint"


class BadImage(PermanentError):
    """Bytes are not an image within the limits. `reason` is the stable code of the error list."""

    code: ClassVar[str] = "bad_image"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BatchTooLarge(PermanentError):
    """The device cannot hold this many images at once."""

    code: ClassVar[str] = "batch_too_large"


class DeviceFailed(TransientError):
    """The device does not do what it is told, at no fault of the work: another process or machine may do better."""

    code: ClassVar[str] = "device_failed"


class ExportDiffers(PermanentError):
    """An exported file does not compute what the checkpoint does."""

    code: ClassVar[str] = "export_differs"
