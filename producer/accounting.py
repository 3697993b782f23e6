"""Whether each item of a plan is accounted for exactly once, under the name and from the source that were planned."""

from __future__ import annotations

from collections.abc import Iterator

from producer.faults import Fault
from vae_core.documents import load_inputs
from vae_core.errors import BadDocument, ObjectMissing
from vae_core.jobs.checks import shown
from vae_core.jobs.job import Job, Plan
from vae_core.jobs.layout import reconstruction_name, sample_name
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import ItemDone, ItemError
from vae_core.jobs.spec import ReconstructSpec
from vae_core.storage.base import Store

_UNSEEN, _DONE, _FAILED = range(3)
_WHERE = {_DONE: "manifest.jsonl", _FAILED: "errors.jsonl"}


class PlannedInputs:
    """The source key of each item of a plan; one part's keys are held at a time.

    faults: what is wrong with the lists themselves, each told once.
    """

    def __init__(self, store: Store, job: Job, plan: Plan) -> None:
        self.faults: list[Fault] = []
        self._store = store
        self._job = job
        self._plan = plan
        self._has_inputs = isinstance(job.spec, ReconstructSpec)
        self._part = -1
        self._keys: list[str] | None = None
        self._told: set[int] = set()

    def known(self, index: int) -> bool:
        """Whether it can be said what the item's source is; False where the part's list cannot be read."""
        return not self._has_inputs or self._list(index) is not None

    def key_of(self, index: int) -> str | None:
        """The item's source key, None for an item that has none."""
        keys = self._list(index) if self._has_inputs else None
        return None if keys is None else keys[index % self._plan.part_size]

    def _list(self, index: int) -> list[str] | None:
        part = index // self._plan.part_size
        if part != self._part:
            self._part, self._keys = part, self._load(part)
        return self._keys

    def _load(self, part: int) -> list[str] | None:
        name = f"the inputs of part {part}"
        try:
            keys = [found.key for found in load_inputs(self._store, self._job.job_id, self._plan, part)]
        except ObjectMissing:
            self._tell(part, "missing", f"{name} are missing from the store")
            return None
        except BadDocument as error:
            self._tell(part, "unreadable", str(error))
            return None
        expected = len(part_range(self._plan, part))
        if len(keys) != expected:
            self._tell(part, "wrong_count", f"{name} are {len(keys):,}: {expected:,} were planned")
            return None
        return keys

    def _tell(self, part: int, code: str, message: str) -> None:
        if part not in self._told:
            self._told.add(part)
            self.faults.append(Fault(code=code, message=message))


class Accounts:
    """Takes the lines of the manifest and of the error list, and knows which items no line was about.

    A byte is held for each item of the plan.
    """

    def __init__(self, job: Job, plan: Plan, inputs: PlannedInputs) -> None:
        self._job = job
        self._inputs = inputs
        self._seen = bytearray(plan.items)

    def name_of(self, index: int) -> str:
        """What the item's output is called, relative to the job's folder."""
        spec = self._job.spec
        if isinstance(spec, ReconstructSpec):
            return reconstruction_name(self._inputs.key_of(index) or "", spec.format)
        return sample_name(index, spec.format)

    def enter_done(self, item: ItemDone) -> list[Fault]:
        """Enters a line of the manifest; what is wrong with it."""
        faults = self._enter(item.index, item.key, _DONE)
        if faults or not self._inputs.known(item.index):
            return faults
        expected = self.name_of(item.index)
        if item.key != expected:
            message = f"{shown(item.key)} is not its name: {expected} is"
            faults.append(Fault(code="wrong_name", index=item.index, key=item.key, message=message))
        return faults + self._source_faults(item.index, item.key, item.source)

    def enter_failed(self, error: ItemError) -> list[Fault]:
        """Enters a line of the error list; what is wrong with it."""
        faults = self._enter(error.index, None, _FAILED)
        if faults or not self._inputs.known(error.index):
            return faults
        return self._source_faults(error.index, None, error.source)

    def not_done(self) -> Iterator[tuple[int, bool]]:
        """Index of each item that has no output, and whether it is listed as an error; ascending."""
        for index, seen in enumerate(self._seen):
            if seen != _DONE:
                yield index, seen == _FAILED

    def missing(self, index: int) -> Fault:
        """For an item that no line is about."""
        source = self._inputs.key_of(index)
        known = self._inputs.known(index)
        about = f" ({shown(source)})" if source is not None else ""
        message = f"not accounted for{about}: it is neither in manifest.jsonl nor in errors.jsonl"
        key = self.name_of(index) if known else None
        return Fault(code="not_accounted_for", index=index, key=key, message=message)

    def _enter(self, index: int, key: str | None, how: int) -> list[Fault]:
        where = _WHERE[how]
        if not 0 <= index < len(self._seen):
            message = f"{where} has it, and the plan ends with item {len(self._seen) - 1}"
            return [Fault(code="not_planned", index=index, key=key, message=message)]
        before, self._seen[index] = self._seen[index], self._seen[index] or how
        if before == _UNSEEN:
            return []
        again = where if before == how else f"{_WHERE[before]} and {where}"
        return [Fault(code="twice", index=index, key=key, message=f"accounted for twice, in {again}")]

    def _source_faults(self, index: int, key: str | None, source: str | None) -> list[Fault]:
        planned = self._inputs.key_of(index)
        if source == planned:
            return []
        message = f"its source is {_quoted(source)}: {_quoted(planned)} was planned"
        return [Fault(code="wrong_source", index=index, key=key, message=message)]


def _quoted(source: str | None) -> str:
    return "none" if source is None else repr(shown(source))
