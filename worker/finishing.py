"""Finishing a job: outputs compared with their records, then the documents about all of them, then the end."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator

import msgspec

from vae_core.documents import listed_parts, load_inputs, load_job, load_plan, load_records
from vae_core.errors import ObjectChanged, ObjectMissing
from vae_core.jobs.codec import from_json, to_lines, to_pretty_json
from vae_core.jobs.job import Document, End, Failure, Job, Plan
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.outputs import item_numbers
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile, manifest_line
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.advancing import Advancer
from worker.animation import animation, shown_frames
from worker.ending import close_job, end_job
from worker.grid import make_grid
from worker.hints import Hints
from worker.lease import Lease
from worker.ledgers import LedgerKeeper
from worker.outputs import AT_ONCE, Outputs
from worker.page import make_page
from worker.quality_sheets import quality_sheets
from worker.summary import make_summary

log = logging.getLogger(__name__)


class Finisher:
    """Turns a job whose parts are settled, or that was cancelled, into an ended one.

    It reads no clock and draws nothing: finishing twice writes the same bytes.
    """

    def __init__(self, store: Store, hints: Hints, advancer: Advancer, settings: Settings) -> None:
        self._store = store
        self._hints = hints
        self._advancer = advancer
        self._settings = settings
        self._ledgers = LedgerKeeper(store)

    def finish(self, job_id: str) -> None:
        """Ends the job if it can be ended, otherwise advances it. Raises TransientError, to be tried again."""
        self._hints.drop_message(job_id, "finish")
        if close_job(self._store, self._hints, job_id):
            return
        with Lease(self._hints, job_id, "finish", self._settings.lease_s) as lease:
            if lease.acquire() and not close_job(self._store, self._hints, job_id):
                self._finish(load_job(self._store, job_id), lease)

    def _finish(self, job: Job, lease: Lease) -> None:
        keys = JobKeys(job.job_id)
        plan = load_plan(self._store, job.job_id)
        cancelled = self._store.stat(keys.cancel) is not None
        if plan is None:
            if cancelled:
                lease.check()
                end_job(self._store, self._hints, job.job_id, End(state="cancelled", items=0, done=0, errors=0))
            return
        dead = self._dead_parts(job.job_id)
        records = list(load_records(self._store, job.job_id, at_once=AT_ONCE))
        failure = _failure(job, plan, records, dead)
        settled = len({record.part for record in records} | dead.keys()) >= plan.parts
        if self._discard_damaged(job.job_id, records, lease) or not (settled or cancelled or failure):
            # Never to be sent back here at once: Redis may still count failures that the records no longer have.
            self._advancer.advance(job, plan, recount=True, may_fail=False)
            return
        self._write_documents(job, plan, records, dead, failure, cancelled, lease)

    def _write_documents(
        self,
        job: Job,
        plan: Plan,
        records: list[PartRecord],
        dead: dict[int, Failure],
        failure: Failure | None,
        cancelled: bool,
        lease: Lease,
    ) -> None:
        keys = JobKeys(job.job_id)
        items = sorted((item for record in records for item in record.items), key=lambda item: item.index)
        errors = [error for record in records for error in record.errors]
        errors.extend(self._errors_of_dead(job, plan, dead))
        errors.sort(key=lambda error: error.index)
        end = End(
            state="cancelled" if cancelled else "failed" if failure else "succeeded",
            items=plan.items,
            done=len(items),
            errors=len(errors),
            failure=None if cancelled else failure,
        )
        summary = make_summary(job, plan, end, records, errors)
        outputs = Outputs(self._store, keys.root)
        extras = [*_animations(outputs, job, items), *quality_sheets(outputs, keys, records)]
        names = [key.removeprefix(keys.root) for key, *_ in extras]
        page = make_page(job, plan, end, summary, records, errors, names)
        documents = (
            (keys.errors, to_lines(errors), "application/x-ndjson"),
            (keys.manifest, to_lines(manifest_line(item) for item in items), "application/x-ndjson"),
            (keys.summary, to_pretty_json(summary), "application/json"),
            (keys.grid, make_grid(outputs, job, plan, items), "image/png"),
            *extras,
            (keys.page, page, "text/html; charset=utf-8"),
        )
        written = []
        for key, data, content_type in documents:
            lease.check()
            self._store.write(key, data, content_type=content_type)
            sha256 = hashlib.sha256(data).hexdigest()
            written.append(Document(name=key.removeprefix(keys.root), sha256=sha256, size_bytes=len(data)))
        self._remove_unused_inputs(keys, plan, lease)
        self._ledgers.fold(job, plan, records, lease.check)
        lease.check()
        end = msgspec.structs.replace(end, documents=tuple(written))
        end_job(self._store, self._hints, job.job_id, end, settle=False)  # whoever comes as far as this holds the lease

    def _remove_unused_inputs(self, keys: JobKeys, plan: Plan, lease: Lease) -> None:
        """Removes the lists of inputs that planners wrote who did not come to the end of it."""
        for input_set in self._store.list_folders(keys.all_inputs):
            if input_set != plan.input_set:
                lease.check()
                self._store.delete(found.key for found in self._store.list(f"{keys.all_inputs}{input_set}/"))

    def _dead_parts(self, job_id: str) -> dict[int, Failure]:
        keys = JobKeys(job_id)
        dead = {}
        for part in listed_parts(self._store, keys.dead_parts):
            key = keys.dead(part)
            dead[part] = from_json(self._store.read(key).data, Failure, key)
        return dead

    def _errors_of_dead(self, job: Job, plan: Plan, dead: dict[int, Failure]) -> Iterator[ItemError]:
        numbers = item_numbers(job.spec, plan.items)
        for part, failure in dead.items():
            if self._store.stat(JobKeys(job.job_id).part(part)) is not None:
                continue  # committed after all
            indices = [numbers[position] for position in part_range(plan, part)]
            sources: list[str | None] = [None] * len(indices)
            if isinstance(job.spec, ReconstructSpec):
                sources = [found.key for found in load_inputs(self._store, job.job_id, plan, part)]
            for index, source in zip(indices, sources, strict=True):
                yield ItemError(index=index, source=source, code=failure.code, message=failure.message)

    def _discard_damaged(self, job_id: str, records: list[PartRecord], lease: Lease) -> bool:
        """Removes the record of each part whose outputs are not as it says, so that it is done again; True if any."""
        keys = JobKeys(job_id)
        found = {
            one.key.removeprefix(keys.root): one for folder in keys.result_folders for one in self._store.list(folder)
        }
        damaged: list[int] = []
        for record in records:
            alone = (item for item in record.items if item.member is None)  # the others lie in one of the files
            outputs: list[ItemDone | SideFile] = [*alone, *record.files]
            for output in outputs:
                there = found.get(output.key)
                same = there is not None and (there.tag, there.size_bytes) == (output.tag, output.size_bytes)
                if not same and not (there and self._has_content(keys.root + output.key, output)):
                    log.warning("job %s: %s is not as part %d wrote it: done again", job_id, output.key, record.part)
                    damaged.append(record.part)
                    break
        lease.check()
        self._store.delete(keys.part(part) for part in damaged)
        self._hints.forget_committed(job_id, damaged)
        return bool(damaged)

    def _has_content(self, key: str, output: ItemDone | SideFile) -> bool:
        """Whether the bytes are right although the tag is not, as after a folder store was copied."""
        digest = hashlib.sha256()
        try:
            for chunk in self._store.stream(key):
                digest.update(chunk)
        except (ObjectMissing, ObjectChanged):
            return False
        return digest.hexdigest() == output.sha256


def _animations(outputs: Outputs, job: Job, items: list[ItemDone]) -> Iterator[tuple[str, bytes, str]]:
    """Key, content and type of each; none for a kind that has no frames, or when none could be made."""
    if not isinstance(job.spec, InterpolateSpec) or not items:
        return
    keys, done = JobKeys(job.job_id), {item.index: item for item in items}
    wanted = [done[position] for position in shown_frames(job.spec.walk.film) if position in done]
    shown = {item.index: item for item in wanted}  # there and back: most of them twice
    frames = dict(zip(shown, outputs.of_items(shown.values()), strict=True))
    film = [frames[item.index] for item in wanted]
    yield keys.animation_webp, animation(film, "WEBP", job.spec.fps), "image/webp"
    yield keys.animation_gif, animation(film, "GIF", job.spec.fps), "image/gif"


def _failure(job: Job, plan: Plan, records: list[PartRecord], dead: dict[int, Failure]) -> Failure | None:
    """Why the job has failed, as far as it has been done; None if nothing speaks against it."""
    lost = sorted(dead.keys() - {record.part for record in records})
    if lost:
        first = dead[lost[0]]
        return Failure(code=first.code, message=f"part {lost[0]} was given up: {first.message}")
    if isinstance(job.spec, ReconstructSpec):
        errors = sum(len(record.errors) for record in records)
        allowed = job.spec.max_failure_rate * plan.items
        if errors > allowed:
            message = (
                f"{errors} of {plan.items} items failed: --max-failure-rate {job.spec.max_failure_rate:g} exceeded"
            )
            return Failure(code="too_many_errors", message=message)
    return None
