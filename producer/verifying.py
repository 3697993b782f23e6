"""Proving from the store alone that an ended job is complete, and that nothing else lies among its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import msgspec

from producer.accounting import Accounts
from producer.faults import Fault
from producer.lines import checked_lines
from producer.names import SortedNames
from producer.planned import PlannedItems
from producer.results import ResultsDamaged, Wanted, documents, read_verified
from producer.shards import shard_faults
from vae_core.documents import load_plan, load_record
from vae_core.errors import BadDocument, StoreError
from vae_core.jobs.checks import shown
from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.layout import JobKeys, part_of
from vae_core.jobs.parts import part_count
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile
from vae_core.jobs.spec import MAX_ITEMS
from vae_core.parallel import in_order
from vae_core.storage.base import Store


class Claim(NamedTuple):
    """A file that a document says is there. item: its index, if it is the output of one."""

    wanted: Wanted
    item: int | None = None


class ShardClaim(NamedTuple):
    """Images that the manifest says lie in one shard."""

    name: str
    items: Sequence[ItemDone]


class Verified(msgspec.Struct, kw_only=True):
    """What was looked at, in files and items.

    errors: items listed as errors. not_done: items of a job that did not succeed that no document is about.
    left_over: files of attempts that were broken off, of items that were not made in the end.
    """

    images: int = 0
    errors: int = 0
    not_done: int = 0
    side_files: int = 0
    documents: int = 0
    left_over: int = 0


class Verifier:
    """Verifies one ended job. threads: downloads at once. on_image: called after each image, from this thread.

    What is held in memory is a byte for each item and part, one part's inputs and record, and the downloads in hand.
    """

    def __init__(self, store: Store, job: Job, end: End, threads: int, on_image: Callable[[], object]) -> None:
        self._store = store
        self._job = job
        self._end = end
        self._keys = JobKeys(job.job_id)
        self._threads = threads
        self._on_image = on_image
        self._shards: set[str] = set()  # those that were looked into
        self.verified = Verified()

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong: documents first, items by index, side files, then strangers.

        Raises StoreUnavailable, StoreError, and BadDocument where the plan cannot be read.
        """
        with ExitStack() as stack:
            self._names = stack.enter_context(SortedNames())
            self._may_lie = stack.enter_context(SortedNames())
            for images, faults in in_order(self._settled, self._claims(), self._threads):
                for _ in range(images):
                    self._on_image()
                yield from faults
            yield from self._strangers()

    def _settled(self, one: Claim | ShardClaim | Fault) -> tuple[int, list[Fault]]:
        """The number of images that were looked at, and what is wrong."""
        if isinstance(one, Fault):
            return 0, [one]
        if isinstance(one, ShardClaim):
            return len(one.items), self._shard_faults(one)
        images = 0 if one.item is None else 1
        name = one.wanted.name
        try:
            read_verified(self._store, self._keys, one.wanted)
        except ResultsDamaged as damage:
            return images, [Fault(code=damage.what, index=one.item, key=name, message=str(damage))]
        except StoreError as error:
            self._store.check()  # raises where it is not this object alone that is refused
            return images, [Fault(code="unreadable", index=one.item, key=name, message=str(error))]
        return images, []

    def _shard_faults(self, claim: ShardClaim) -> list[Fault]:
        recorded = self._recorded(claim.name)
        try:
            faults = list(shard_faults(self._store, self._keys, claim.name, claim.items, recorded))
        except StoreError as error:
            self._store.check()
            return [Fault(code="unreadable", key=claim.name, message=str(error))]
        if recorded is None:
            message = f"{claim.name} is in no record that can be read: it could be held against its images alone"
            faults.append(Fault(code="not_accounted_for", key=claim.name, message=message))
        return faults

    def _recorded(self, shard: str) -> SideFile | None:
        """What the record of its part says of a shard, None where the record cannot be read."""
        part = part_of(shard, "tar")
        try:
            record = None if part is None else load_record(self._store, self._job.job_id, part)
        except BadDocument:
            return None
        return None if record is None else next((file for file in record.files if file.key == shard), None)

    def _claims(self) -> Iterator[Claim | ShardClaim | Fault]:
        """What the documents claim, and what is wrong with the documents themselves."""
        end, plan = self._end, self._plan()
        named = {document.name: document for document in documents(end)}
        self.verified.documents = len(named)
        if plan is None or not named:  # ended before it was planned, or as it was
            if end.state == "succeeded" or end.done or end.errors:
                what = "plan.json is missing" if plan is None else "end.json names no documents"
                yield Fault(code="missing", message=f"{what}, and end.json counts {end.done:,} images done")
            return
        if end.state != "succeeded" and self._store.stat(self._keys.success) is not None:
            yield Fault(code="stranger", key="_SUCCESS", message=f"_SUCCESS lies beside the end of a {end.state} job")
        manifest = named.pop(self._name(self._keys.manifest), None)
        errors = named.pop(self._name(self._keys.errors), None)
        yield from map(Claim, named.values())
        planned = PlannedItems(self._store, self._job, plan)
        accounts = Accounts(planned)
        yield from self._done_items(manifest, accounts)
        yield from self._failed_items(errors, accounts)
        yield from self._items_not_done(accounts, planned)
        yield from planned.faults
        yield from self._counts(plan)
        yield from self._side_files(plan, planned)

    def _plan(self) -> Plan | None:
        plan = load_plan(self._store, self._job.job_id)
        if plan is not None and not (0 <= plan.items <= MAX_ITEMS and plan.part_size >= 1):
            raise BadDocument(f"plan.json of {self._job.job_id} has {plan.items} items in parts of {plan.part_size}")
        if plan is not None and plan.parts != part_count(plan.items, plan.part_size):
            raise BadDocument(f"plan.json of {self._job.job_id} has {plan.parts} parts of {plan.part_size} items")
        return plan

    def _done_items(self, document: Wanted | None, accounts: Accounts) -> Iterator[Claim | ShardClaim | Fault]:
        if document is None:
            yield Fault(code="missing", key="manifest.jsonl", message="end.json names no manifest.jsonl")
            return
        shard: list[ItemDone] = []  # the images of the one that is being gathered
        for item in checked_lines(self._store, self._keys, document, ItemDone):
            if isinstance(item, Fault):
                yield item
                continue
            self.verified.images += 1
            faults = accounts.enter_done(item)
            yield from faults
            if any(fault.code in {"twice", "not_planned", "wrong_name"} for fault in faults):
                continue
            if item.member is None:
                self._names.add(item.key)
                yield Claim(Wanted(item.key, item.sha256, item.size_bytes), item.index)
                continue
            if shard and shard[0].key != item.key:
                yield self._gathered(shard)
                shard = []
            shard.append(item)
        if shard:
            yield self._gathered(shard)

    def _gathered(self, items: list[ItemDone]) -> ShardClaim:
        name = items[0].key
        self._shards.add(name)
        self._names.add(name)
        return ShardClaim(name, items)

    def _failed_items(self, document: Wanted | None, accounts: Accounts) -> Iterator[Fault]:
        if document is None:
            yield Fault(code="missing", key="errors.jsonl", message="end.json names no errors.jsonl")
            return
        for error in checked_lines(self._store, self._keys, document, ItemError):
            if isinstance(error, Fault):
                yield error
                continue
            self.verified.errors += 1
            yield from accounts.enter_failed(error)

    def _items_not_done(self, accounts: Accounts, planned: PlannedItems) -> Iterator[Fault]:
        for position, is_error in accounts.not_done():
            if self._end.state == "succeeded" and not is_error:
                yield accounts.missing(position)
                continue
            self.verified.not_done += not is_error
            self._may_lie.add(planned.name_of(position))  # of an attempt before the one that counts

    def _counts(self, plan: Plan) -> Iterator[Fault]:
        """What `end.json` counts against what was found."""
        end, found = self._end, self.verified
        pairs = (
            ("items", end.items, plan.items, "plan.json has"),
            ("images done", end.done, found.images, "manifest.jsonl has"),
            ("errors", end.errors, found.errors, "errors.jsonl has"),
        )
        for what, counted, there, where in pairs:
            if counted != there:
                message = f"end.json counts {counted:,} {what}: {where} {there:,}"
                yield Fault(code="wrong_count", key="end.json", message=message)

    def _side_files(self, plan: Plan, planned: PlannedItems) -> Iterator[Claim | Fault]:
        """The files that the parts' records name; of a job that succeeded every part has one."""
        recorded = bytearray(plan.parts)
        for found in self._store.list(self._keys.parts):
            part = part_of(found.key)
            if part is None or part >= plan.parts:
                continue
            recorded[part] = 1
            try:
                record = load_record(self._store, self._job.job_id, part)
            except BadDocument as error:
                yield Fault(code="unreadable", key=self._name(found.key), message=str(error))
                continue
            if record is not None:
                yield from self._files_of(record, planned.side_names(part))
                self._allow_left_over(record, planned)
        for part, is_recorded in enumerate(recorded):
            if is_recorded:
                continue
            if self._end.state == "succeeded":
                name = self._name(self._keys.part(part))
                yield Fault(code="missing", key=name, message=f"{name} is missing from the store")
                continue
            for name in planned.side_names(part):
                self._may_lie.add(name)

    def _allow_left_over(self, record: PartRecord, planned: PlannedItems) -> None:
        """What an attempt that died may have written of items that could not be made in the end."""
        if record.errors:
            for name in planned.side_names(record.part) - {file.key for file in record.files}:
                self._may_lie.add(name)

    def _files_of(self, record: PartRecord, allowed: set[str]) -> Iterator[Claim | Fault]:
        for file in record.files:
            if file.key not in allowed:
                message = f"the record of part {record.part} names a file {shown(file.key)!r}, which is none of its own"
                yield Fault(code="wrong_name", key=file.key, message=message)
                continue
            self.verified.side_files += 1
            if file.key in self._shards:
                continue
            self._names.add(file.key)
            yield Claim(Wanted(file.key, file.sha256, file.size_bytes))

    def _strangers(self) -> Iterator[Fault]:
        """Files in the folders of results that no document names."""
        for folder in sorted(self._keys.result_folders):
            for found in self._store.list(folder):
                name = self._name(found.key)
                if self._names.holds(name):
                    continue
                if self._may_lie.holds(name):
                    self.verified.left_over += 1
                    continue
                message = f"{name} is a stranger: no document of the job names it"
                yield Fault(code="stranger", key=name, message=message)

    def _name(self, key: str) -> str:
        return key.removeprefix(self._keys.root)
