"""What a submitter tells, a line of JSON each, of every submission and of every end that it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

WARM, COMMAND = "warm process", "command"
SAME_SPEC, OTHER_SPEC = "same spec", "other spec"
ACCEPTED, CONFLICT, REFUSED = "accepted", "conflict", "refused"


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Everything is imported and connected."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A submission. Times are monotonic seconds, which all processes of a machine share.

    by: WARM or COMMAND. meeting: SAME_SPEC or OTHER_SPEC where another submitter gave the same id at the same moment.
    outcome: ACCEPTED, CONFLICT or REFUSED. created: whether this submission was told that the job is its own.
    accepted_at: when the job was in the store, or the refusal known. told_at: when the workers had been told as well;
        the same for a command. said: why it was refused, or what else the user was told.
    """

    job_id: str
    order: str
    by: str
    began_at: float
    accepted_at: float
    told_at: float
    outcome: str
    created: bool = False
    meeting: str = ""
    said: str = ""


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The end of a job as its submitter saw it, which looks every few tenths of a second.

    done, errors, planned: items. fingerprint: of the documents that must be the same for every job of the order.
    """

    job_id: str
    order: str
    state: str
    planned: int
    done: int
    errors: int
    fingerprint: str
    accepted_at: float
    at: float


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A job that had ended was removed, or could not be. problem: why it was not."""

    job_id: str
    problem: str = ""


Event = Ready | Asked | Ended | Removed


class EventFile:
    """A file of events that another process writes to its end, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new(self) -> Iterator[Event]:
        """The events since the last call. Raises msgspec.MsgspecError for a line that is none."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._offset += len(line)
                yield msgspec.json.decode(line, type=Event)
