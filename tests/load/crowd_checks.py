"""What must hold after a crowd: every accepted job has ended, and nothing was accepted, planned or done twice."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from tests.chaos.leases import LeaseWatch
from tests.load.events import ACCEPTED, CONFLICT, OTHER_SPEC, REFUSED, SAME_SPEC, Asked
from tests.load.journals import Journals
from tests.load.orders import Order
from tests.load.site import WARM_UP, Site
from vae_core.documents import load_end, load_job, load_plan
from vae_core.errors import NoSuchJob
from vae_core.jobs.job import End, Plan
from vae_core.jobs.layout import JOBS, OPEN, JobKeys
from vae_core.storage.base import Store

_SETTLED_S = 60.0
_SHOWN = 5


def submission_problems(asked: Sequence[Asked]) -> Iterator[str]:
    """What is wrong with how submissions were answered."""
    for one in asked:
        if one.outcome == REFUSED or (one.outcome == CONFLICT and one.meeting != OTHER_SPEC):
            yield f"job {one.job_id or '?'} ({one.order}, {one.by}) was refused: {one.said}"
    for job_id, together in by_id(asked).items():
        accepted = [one for one in together if one.outcome == ACCEPTED]
        if len({one.order for one in accepted}) > 1:
            yield f"job {job_id} was accepted with two specs"
        if len(together) > 1 and not all(one.meeting for one in together):
            yield f"job {job_id}: a drawn id was given twice"
        if together[0].meeting == OTHER_SPEC and len(accepted) != 1:
            yield f"job {job_id}: of {len(together)} submissions with different specs {len(accepted)} were accepted"
        if together[0].meeting == SAME_SPEC and not any(one.created for one in accepted):
            yield f"job {job_id}: nobody was told that the job is new"


def by_id(asked: Sequence[Asked]) -> Mapping[str, list[Asked]]:
    found: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        if one.job_id:
            found[one.job_id].append(one)
    return found


def accepted_orders(asked: Sequence[Asked], orders: Sequence[Order]) -> Mapping[str, Order]:
    """The order of every accepted job, by its id."""
    named = {order.name: order for order in orders}
    return {one.job_id: named[one.order] for one in asked if one.outcome == ACCEPTED}


def store_problems(store: Store, accepted: Mapping[str, Order], journals: Journals) -> Iterator[str]:
    """What is wrong with the accepted jobs as they lie in the store, and with what the workers said of them."""
    for job_id, order in accepted.items():
        yield from (
            f"job {job_id} ({order.name}): {problem}" for problem in _job_problems(store, job_id, order, journals)
        )
    for job_id in sorted(set(store.list_folders(JOBS)) - accepted.keys() - {WARM_UP}):
        yield f"job {job_id} is in the store, and was accepted from nobody"
    for job_id, part in journals.again:
        yield f"job {job_id}: part {part} was done twice"


def _job_problems(store: Store, job_id: str, order: Order, journals: Journals) -> Iterator[str]:
    try:
        job, plan, end = load_job(store, job_id), load_plan(store, job_id), load_end(store, job_id)
    except NoSuchJob:
        yield "it is not in the store"
        return
    if plan is None or end is None:
        yield f"it has {'no plan' if plan is None else 'no end'}"
        return
    if job.spec != order.spec:
        yield "its spec is not the one that was accepted"
    if (end.state, plan.items, end.errors) != ("succeeded", order.items, order.errors):
        yield f"it {end.state} with {end.errors} errors of {plan.items}"
    yield from _item_problems(store, job_id, plan, end)
    if journals.planned[job_id] != 1:
        yield f"planned {journals.planned[job_id]} times"
    if journals.ended[job_id] != 1:
        yield f"ended {journals.ended[job_id]} times"
    for part in range(plan.parts):
        if journals.committed[job_id, part] != 1:
            yield f"part {part} committed {journals.committed[job_id, part]} times"


def _item_problems(store: Store, job_id: str, plan: Plan, end: End) -> Iterator[str]:
    """Every item once, in the manifest or among the errors; every file that is named there, and no strange ones."""
    keys = JobKeys(job_id)
    sizes = {one.key.removeprefix(keys.root): one.size_bytes for one in store.list(keys.root)}
    done, failed = (
        [json.loads(line) for line in store.read(key).data.splitlines()] for key in (keys.manifest, keys.errors)
    )
    indices = sorted(line["index"] for line in (*done, *failed))
    if indices != list(range(plan.items)) or (len(done), len(failed)) != (end.done, end.errors):
        yield f"{len(done)} lines in the manifest and {len(failed)} errors of {plan.items} items"
    for line in done:
        if sizes.get(line["key"]) is None or ("member" not in line and sizes[line["key"]] != line["size_bytes"]):
            yield f"{line['key']} is missing or of another size"
    named = {line["key"] for line in done}
    if strange := [name for name in sizes if name.startswith(("images/", "shards/")) and name not in named]:
        yield f"files that the manifest does not name: {_some(strange)}"
    for folder, most in (("parts/", plan.parts), ("dead/", 0), ("attempts/", 0)):
        if (found := sum(name.startswith(folder) for name in sizes)) > most:
            yield f"{found} objects in {folder}, {most} at most expected"
    if len({name.split("/")[1] for name in sizes if name.startswith("inputs/")}) > 1:
        yield "its inputs were listed twice"


def left_lying(site: Site) -> Iterator[str]:
    """Whatever is still marked open or leased although all jobs have ended, after the time that it may take."""
    watch = LeaseWatch(site.redis_url, site.channels, lambda _claim: True)
    try:
        deadline = time.monotonic() + _SETTLED_S
        while True:
            still_open, leased = [one.key for one in site.store.list(OPEN)], watch.left()
            if not (still_open or leased) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    finally:
        watch.stop()
    yield from (f"still {what}: {_some(names)}" for what, names in (("open", still_open), ("leased", leased)) if names)


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(islice(names, _SHOWN)) + more
