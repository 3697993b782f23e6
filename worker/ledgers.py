"""Keeping a schedule's ledger in the store: read, folded on, and made anew from the runs where it is lost or damaged.

Each change is an object of its own, numbered and create-only, so that of two workers that fold at once neither undoes
what the other did; only the newest is kept, and only the newest counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from vae_core.documents import load_end, load_inputs, load_job, load_plan, load_records
from vae_core.errors import BadDocument, NoSuchJob, ObjectMissing, StoreUnavailable
from vae_core.jobs.job import Input, Job, Plan, ScheduledRun
from vae_core.jobs.layout import ScheduleKeys
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import PartRecord
from vae_core.jobs.sources import parse_source
from vae_core.jobs.spec import ReconstructSpec
from vae_core.schedules.documents import load_run, run_names
from vae_core.schedules.ledger import Entries, Ledger
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
        """What the schedule of this run is done with, as far as its ended runs go."""
        return self._read(run, check)[1]

    def fold(self, job: Job, plan: Plan, records: Iterable[PartRecord], check: Check) -> None:
        """Adds what a job of a schedule has done, if it has not been added yet; to be called before the job's end.

        A job whose schedule is gone, or is another one of the same name by now, adds nothing.
        """
        run = job.schedule
        if not run or not run.incremental or not self._is_current(run):
            return
        entries = entries_of(self._store, job, plan, records)
        if not len(entries):
            return
        for _ in range(_TRIES):
            number, ledger = self._read(run, check)
            if ledger.holds(entries) or self._write(run, number + 1, ledger.merged(entries), check):
                return
        raise _busy(run.name)

    def _is_current(self, run: ScheduledRun) -> bool:
        found = load_run(self._store, run.name, run.run)
        return found is not None and found.token == run.token

    def _read(self, run: ScheduledRun, check: Check) -> tuple[int, Ledger]:
        """The newest state's number and what it says; 0 where there is none, and there is nothing to say."""
        for _ in range(_TRIES):
            number = max(self._numbers(run.name), default=0)
            why = "is missing"
            if number:
                try:
                    data = self._store.read(ScheduleKeys(run.name).ledger_state(number)).data
                    return number, Ledger.from_bytes(data, run.token)
                except ObjectMissing:
                    continue  # a newer one took its place
                except BadDocument as error:
                    why = f"is damaged: {error}"
            ledger, runs = self._rebuilt(run)
            if not number and not runs:
                return 0, ledger
            if len(ledger) or number:
                log.warning(
                    "the ledger of schedule %s %s; it is made anew from %d runs: %d inputs",
                    run.name, why, runs, len(ledger),
                )  # fmt: skip
            if self._write(run, number + 1, ledger, check):
                return number + 1, ledger
        raise _busy(run.name)

    def _write(self, run: ScheduledRun, number: int, ledger: Ledger, check: Check) -> bool:
        """False where another wrote the state of this number first."""
        check()
        keys = ScheduleKeys(run.name)
        if not self._store.create(keys.ledger_state(number), ledger.to_bytes(run.token)):
            return False
        self._store.delete(keys.ledger_state(old) for old in self._numbers(run.name) if old < number)
        return True

    def _numbers(self, name: str) -> list[int]:
        prefix = ScheduleKeys(name).ledger
        found = (one.key.removeprefix(prefix) for one in self._store.list(prefix))
        return [int(number) for number in found if number.isascii() and number.isdigit()]

    def _rebuilt(self, run: ScheduledRun) -> tuple[Ledger, int]:
        """The ledger as its ended runs' records make it, and how many of those have one."""
        ledger, runs = Ledger(), 0
        for job, plan in self._ended_jobs(run):
            records = load_records(self._store, job.job_id, at_once=_READ_AT_ONCE)
            ledger = ledger.merged(entries_of(self._store, job, plan, records))
            runs += 1
        return ledger, runs

    def _ended_jobs(self, run: ScheduledRun) -> Iterator[tuple[Job, Plan]]:
        for name in run_names(self._store, run.name):
            try:
                found = load_run(self._store, run.name, name)
                if found is None or found.token != run.token or found.job_id is None or name == run.run:
                    continue
                job, plan = load_job(self._store, found.job_id), load_plan(self._store, found.job_id)
                if plan is not None and job.schedule and load_end(self._store, found.job_id) is not None:
                    yield job, plan
            except (NoSuchJob, BadDocument) as error:  # removed, or nothing to be read of it: its inputs are done again
                log.warning("run %s of schedule %s adds nothing to its ledger: %s", name, run.name, error)


def entries_of(store: Store, job: Job, plan: Plan, records: Iterable[PartRecord]) -> Entries:
    """Of each input that the job is done with: its image is made, or it is listed with an error that lasts."""
    entries = Entries()
    if not isinstance(job.spec, ReconstructSpec):
        return entries
    at = address_of(job.spec)
    for record in records:
        for item in record.items:
            if item.source is not None and item.source_tag is not None:
                entries.add(plan.checkpoint_sha256, at(item.source), item.source_tag)
        for failed in _lasting_errors(store, job, plan, record):
            entries.add(plan.checkpoint_sha256, at(failed.key), failed.tag, failed=True)
    return entries


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
