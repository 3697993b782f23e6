"""A process that submits small jobs as `vaejob` does, without starting anew for each: `python -m tests.load.submitter`.

It reads a Duty and then the moment to begin, a line of JSON each, from stdin, whose end tells it to submit no more; it
writes events to stdout, and ends once all of its jobs have.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from producer.calling import call_workers
from producer.ending import JobBusy
from producer.removal import NotRemoved, Remover
from producer.request import check_checkpoint, make_job
from producer.session import Session
from tests.fleet import BIN
from tests.load.duty import Duty, Start
from tests.load.events import (
    ACCEPTED,
    COMMAND,
    CONFLICT,
    OTHER_SPEC,
    REFUSED,
    SAME_SPEC,
    WARM,
    Asked,
    Ended,
    Event,
    Ready,
    Removed,
)
from tests.load.meeting import Meetings
from tests.load.orders import Order, another_spec
from vae_core.documents import load_end
from vae_core.errors import JobConflict, VaejobError
from vae_core.jobs.channels import PLAN_TASK, celery_options, celery_url
from vae_core.submission import submit

_ALIKE = ("manifest.jsonl", "errors.jsonl", "grid.png")
_COMMAND_S = 180.0
_REMOVAL_S = 60.0


class Submitter:
    """Keeps its jobs coming until it is told to stop."""

    def __init__(self, duty: Duty, session: Session) -> None:
        self._duty = duty
        self._session = session
        self._stopped = threading.Event()
        self._open: dict[str, Asked] = {}
        self._orders = {order.name: order for order in duty.orders}
        self._ended: list[str] = []
        self._submitted = 0
        self._looked_at = 0.0

    def warm_up(self) -> None:
        """Imports and connects whatever a first submission would."""
        from celery import Celery

        settings = self._session.settings
        check_checkpoint(settings)
        self._session.store.check()
        self._session.hints.workers()
        app = Celery("warm-up", set_as_current=False)
        app.conf.update(celery_options(settings.broker_url))
        with app.connection_for_write(celery_url(settings.broker_url)) as connection:
            app.amqp.Producer(connection)  # most of what sending imports
        tell(Ready())

    def run(self, start: Start) -> None:
        """Returns once all jobs have ended, or at the latest `drain_s` after it was told to stop."""
        duty = self._duty
        threading.Thread(target=self._listen, daemon=True).start()
        meetings = Meetings(Path(duty.meeting_folder), duty.number, start.at, duty.meet_every_s)
        self._stopped.wait(max(0.0, start.at - time.monotonic()))
        while not self._stopped.is_set():
            if meetings.is_due():
                self._meet(meetings)
            elif len(self._open) < duty.most_open:
                self._submit_next()
            else:
                self._stopped.wait(duty.look_s / 2)
            self._look()
        deadline = time.monotonic() + duty.drain_s
        while self._open and time.monotonic() < deadline:
            time.sleep(duty.look_s)
            self._look()

    def _listen(self) -> None:
        sys.stdin.read()
        self._stopped.set()

    def _next_order(self) -> Order:
        self._submitted += 1
        return self._duty.orders[(self._duty.number + self._submitted) % len(self._duty.orders)]

    def _submit_next(self) -> None:
        order, every = self._next_order(), self._duty.command_every
        is_command = every > 0 and (self._duty.number + self._submitted) % every == 0
        self._note(self._call(order) if is_command else self._submit(order))

    def _meet(self, meetings: Meetings) -> None:
        """Submits under the same id as the partner, at the same moment."""
        order = self._duty.orders[meetings.held % len(self._duty.orders)]
        differs = meetings.held % 2 == 1
        if differs and meetings.is_second:
            order = another_spec(order)
        job_id = meetings.wait_for_partner()
        self._note(self._submit(order, job_id, OTHER_SPEC if differs else SAME_SPEC))

    def _submit(self, order: Order, job_id: str | None = None, meeting: str = "") -> Asked:
        """As `vaejob` does once its arguments are understood."""
        session = self._session
        began_at = accepted_at = time.monotonic()
        said, created, outcome = "", False, ACCEPTED
        job = make_job(lambda _seed: order.spec, job_id, datetime.now(UTC))
        try:
            check_checkpoint(session.settings)
            job, created = submit(session.store, job)
            accepted_at = time.monotonic()
            said = call_workers(session.hints, session.settings, session.store.url, PLAN_TASK, job) or ""
        except VaejobError as error:
            accepted_at = time.monotonic()
            said, outcome = str(error), CONFLICT if isinstance(error, JobConflict) else REFUSED
        return Asked(
            job_id=job.job_id,
            order=order.name,
            by=WARM,
            began_at=began_at,
            accepted_at=accepted_at,
            told_at=time.monotonic(),
            outcome=outcome,
            created=created,
            meeting=meeting,
            said=said,
        )

    def _call(self, order: Order) -> Asked:
        """By the real command, from its start to its end."""
        began_at = time.monotonic()
        done = subprocess.run(
            [BIN / "vaejob", *order.arguments, "--json"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        ended_at = time.monotonic()
        answer = json.loads(done.stdout) if done.returncode == 0 else {}
        return Asked(
            job_id=answer.get("job_id", ""),
            order=order.name,
            by=COMMAND,
            began_at=began_at,
            accepted_at=ended_at,
            told_at=ended_at,
            outcome=REFUSED if done.returncode else ACCEPTED,
            created=bool(answer.get("created")),
            said=" ".join(done.stderr.split()),
        )

    def _note(self, asked: Asked) -> None:
        if asked.outcome == ACCEPTED:
            self._open[asked.job_id] = asked
        tell(asked)

    def _look(self) -> None:
        if time.monotonic() - self._looked_at < self._duty.look_s:
            return
        self._looked_at = time.monotonic()
        for asked in list(self._open.values()):
            if (end := load_end(self._session.store, asked.job_id)) is None:
                continue
            del self._open[asked.job_id]
            alike = [f"{one.name} {one.sha256}" for one in end.documents if one.name in _ALIKE]
            tell(
                Ended(
                    job_id=asked.job_id,
                    order=asked.order,
                    state=end.state,
                    planned=end.items,
                    done=end.done,
                    errors=end.errors,
                    fingerprint=hashlib.sha256("\n".join(sorted(alike)).encode()).hexdigest()[:16],
                    accepted_at=asked.accepted_at,
                    at=time.monotonic(),
                )
            )
            self._ended.append(asked.job_id)
        if self._duty.keep is not None:
            for job_id in self._ended[: -self._duty.keep]:
                self._remove(job_id)
            self._ended = self._ended[-self._duty.keep :]

    def _remove(self, job_id: str) -> None:
        """As `vaejob rm` does."""
        at = self._session
        remover = Remover(at.store, at.hints, at.settings, wait_s=_REMOVAL_S, force=False, on_object=lambda: None)
        try:
            remover.remove(job_id)
        except (JobBusy, NotRemoved) as error:
            tell(Removed(job_id=job_id, problem=str(error)))
        else:
            tell(Removed(job_id=job_id))


def tell(event: Event) -> None:
    """A line of its own, at once."""
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    submitter = Submitter(msgspec.json.decode(sys.stdin.readline(), type=Duty), Session(os.environ))
    submitter.warm_up()
    submitter.run(msgspec.json.decode(sys.stdin.readline(), type=Start))


if __name__ == "__main__":
    main()
