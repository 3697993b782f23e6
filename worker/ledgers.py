"""Keeping a schedule's ledger in the store: read, folded on, and made anew from the runs where it is lost or damaged.

Each change is an object of its own, numbered and create-only, so that of two workers that fold at once neither undoes
what the other did; only the newest is kept, and only the newest counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from vae_core.documents import load_end, load_inputs, load_plan, load_record, read_job
from vae_core.errors import BadDocument, ObjectMissing, ScheduleGone, StoreUnavailable
from vae_core.jobs.job import Input, Job, Plan, ScheduledRun
from vae_core.jobs.layout import ScheduleKeys
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import PartRecord
from vae_core.jobs.sources import parse_source
from vae_core.jobs.spec import ReconstructSpec
from vae_core.parallel import in_order
from vae_core.schedules.documents import is_there, run_names
from vae_core.schedules.ledger import Entries, Ledger
from vae_core.schedules.schedule import is_run_of, job_id_of
from vae_core.storage.base import Store

log = logging.getLogger(__name__)

# Errors whose reason is the input itself, until its tag changes; any other may be gone the next time.
LASTING_ERRORS = frozenset({"empty", "not_an_image", "undecodable", "too_many_pixels", "too_large", "worker_died"})
_TRIES = 20
_READ_AT_ONCE = 8

Check = Callable[[], None]  # raises LeaseLost once nothing may be written any more


class LedgerKeeper:
    """The ledgers of the schedules in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def known(self, run: ScheduledRun, check: Check) -> Ledger:
        """What the schedule of this run is done with, as far as its ended runs go.

        Raises ScheduleGone where it was removed, and its record with it.
        """
        if not is_there(self._store, run):
            raise ScheduleGone(f"schedule {run.name} was removed before this run of it was planned")
        return self._read(run, check)[1]

    def fold(self, job: Job, plan: Plan, records: Iterable[PartRecord], check: Check) -> None:
        """Adds what a job of a schedule has done, if it has not been added yet; to be called before the job's end.

        A job whose schedule is gone, or is another one of the same name by now, adds nothing.
        """
        run = job.schedule
        if not run or not run.incremental or not is_there(self._store, run):
            return
        entries = Entries()
        add_inputs(entries, self._store, job, plan, records)
        if not len(entries):
            return
        for _ in range(_TRIES):
            number, ledger = self._read(run, check)
            if ledger.holds(entries) or self._write(run, number + 1, ledger.merged(entries), check):
                return
        raise _busy(run.name)

    def _read(self, run: ScheduledRun, check: Check) -> tuple[int, Ledger]:
        """The newest state's number and what it says; 0 where there is none, and there is nothing to say."""
        for _ in range(_TRIES):
            number = self._newest(run.name)
            why = "is missing"
            if number:
                try:
                    data = self._store.read(ScheduleKeys(run.name).ledger_state(number)).data
                    return number, Ledger.from_bytes(data, run.token)
                except ObjectMissing:
                    continue  # a newer one took its place
                except BadDocument as error:
                    why = f"is damaged: {error}"
            ledger, runs = self._rebuilt(run, check)
            if not number and not runs:
                return 0, ledger
            if len(ledger):
                log.warning(
                    "the ledger of schedule %s %s; it is made anew from %d runs: %d inputs",
                    run.name, why, runs, len(ledger),
                )  # fmt: skip
            if self._write(run, number + 1, ledger, check):
                return number + 1, ledger
        raise _busy(run.name)

    def _write(self, run: ScheduledRun, number: int, ledger: Ledger, check: Check) -> bool:
        """False where another wrote the state of this number first, or has gone on from it meanwhile."""
        check()
        keys = ScheduleKeys(run.name)
        if not self._store.create(keys.ledger_state(number), ledger.to_bytes(run.token)):
            return False
        return self._newest(run.name) == number

    def _newest(self, name: str) -> int:
        """Number of the newest state, 0 where there is none; older ones are removed."""
        keys = ScheduleKeys(name)
        found = [one.key for one in self._store.list(keys.ledger)]
        numbers = (int(name) for key in found if (name := key.removeprefix(keys.ledger)).isdecimal() and name.isascii())
        states = [number for number in numbers if keys.ledger_state(number) in found]
        newest = max(states, default=0)
        self._store.delete(keys.ledger_state(old) for old in states if old < newest)
        return newest

    def _rebuilt(self, run: ScheduledRun, check: Check) -> tuple[Ledger, int]:
        """The ledger as the records of the schedule's ended jobs make it, and how many of these there are."""
        entries, runs = Entries(), 0
        for name in run_names(self._store, run.name):
            check()
            job_id = job_id_of(run.name, name)
            try:
                job, plan = read_job(self._store, job_id), load_plan(self._store, job_id)
                if job is None or plan is None or not is_run_of(job, run.token):
                    continue  # it was skipped, or its job removed: what that has done is new again
                if load_end(self._store, job_id) is None:
                    continue
            except BadDocument as error:
                log.warning("what run %s of schedule %s has done is new again: %s", name, run.name, error)
                continue
            add_inputs(entries, self._store, job, plan, self._records(job, plan))
            runs += 1
        return Ledger().merged(entries), runs

    def _records(self, job: Job, plan: Plan) -> Iterator[PartRecord]:
        """Those that can be read."""

        def load(part: int) -> PartRecord | None:
            try:
                return load_record(self._store, job.job_id, part)
            except BadDocument as error:
                log.warning("what part %d of job %s has done is new again: %s", part, job.job_id, error)
                return None

        for record in in_order(load, range(plan.parts), _READ_AT_ONCE):
            if record is not None:
                yield record


def add_inputs(entries: Entries, store: Store, job: Job, plan: Plan, records: Iterable[PartRecord]) -> None:
    """Adds each input that the job is done with: its image is made, or it is listed with an error that lasts."""
    if not isinstance(job.spec, ReconstructSpec):
        return
    at = address_of(job.spec)
    for record in records:
        for item in record.items:
            if item.source is not None and item.source_tag is not None:
                entries.add(plan.checkpoint_sha256, at(item.source), item.source_tag)
        for failed in _lasting_errors(store, job, plan, record):
            entries.add(plan.checkpoint_sha256, at(failed.key), failed.tag, failed=True)


def _lasting_errors(store: Store, job: Job, plan: Plan, record: PartRecord) -> list[Input]:
    """The inputs of a part that are not worth another try; a record names their keys alone, their tags are planned."""
    lasting = [error.index for error in record.errors if error.code in LASTING_ERRORS]
    if not lasting:
        return []
    first = part_range(plan, record.part).start
    try:
        inputs = load_inputs(store, job.job_id, plan, record.part)
        return [inputs[index - first] for index in lasting]
    except (BadDocument, ObjectMissing, IndexError) as error:
        log.warning("job %s: errors of part %d are tried again by the next run: %s", job.job_id, record.part, error)
        return []


def _busy(name: str) -> StoreUnavailable:
    return StoreUnavailable(f"the ledger of schedule {name} is replaced as fast as it is read: it is tried again")


def address_of(spec: ReconstructSpec) -> Callable[[str], str]:
    """From an input's key, as the plan has it, to what it is called in the ledger: its full address."""
    source = parse_source(spec.source or "")
    place = f"{source.url}/" if source.is_local else f"s3://{source.bucket}/"
    return lambda key: f"{place}{key}"
