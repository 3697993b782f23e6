"""What must hold after a run: each job against its undisturbed twin, and nothing left lying about."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import redis

from tests.chaos.jobs import Submitted
from tests.chaos.stage import LEASE_S, Stage
from tests.fleet import Fleet
from vae_core.errors import ObjectMissing
from vae_core.jobs.codec import from_json
from vae_core.jobs.job import End, Plan
from vae_core.jobs.layout import OPEN, JobKeys
from vae_core.storage.base import Store

DOCUMENTS = ("manifest.jsonl", "errors.jsonl", "grid.png")
_OPEN_S = 30.0
_LEASES_S = 4 * LEASE_S + 10
_LEFT_OVER_S = 120.0
_SHOWN = 5


class Result(NamedTuple):
    """What a job has come to. outputs: SHA-256 by name, as the files are now. parts: and their items."""

    documents: Mapping[str, bytes]
    outputs: Mapping[str, str]
    end: End
    plan: Plan

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.documents[name].splitlines()]


@dataclass
class Verdict:
    """lost: items with neither output nor the error they have in the twin. problems: everything that is wrong."""

    items: int = 0
    lost: int = 0
    differing: int = 0
    problems: list[str] = field(default_factory=list)


def read_result(store: Store, job_id: str) -> Result:
    """Reads every output. Raises ObjectMissing where a document is missing."""
    keys = JobKeys(job_id)
    documents = {name: store.read(f"{keys.root}{name}").data for name in DOCUMENTS}
    found = (one.key for folder in (keys.images, keys.shards, keys.latents) for one in store.list(folder))
    outputs = {key.removeprefix(keys.root): hashlib.sha256(store.read(key).data).hexdigest() for key in found}
    end = from_json(store.read(keys.end).data, End, "end.json")
    return Result(documents, outputs, end, from_json(store.read(keys.plan).data, Plan, "plan.json"))


def check_job(store: Store, fleet: Fleet, job: Submitted, twin: Result) -> Verdict:
    """Compares an ended job with what it comes to undisturbed."""
    verdict = Verdict(items=twin.plan.items)
    try:
        result = read_result(store, job.job_id)
    except ObjectMissing as missing:
        if not _was_cancelled_unplanned(job):
            verdict.lost = twin.plan.items
            verdict.problems.append(str(missing))
        return verdict
    cancelled = result.end.state == "cancelled" and job.may_be_cancelled
    if store.read(JobKeys(job.job_id).end).data != job.end:
        verdict.problems.append("end.json is not what it was when it was first seen")
    if not cancelled:
        verdict.problems.extend(_not_like_twin(result, twin))
    _account(result, twin, verdict, cancelled=cancelled)
    done = fleet.start_vaejob("verify", job.job_id)
    out, err = done.communicate(timeout=600)
    if done.returncode:
        verdict.problems.append(f"vaejob verify: status {done.returncode}: {' '.join((err + out).split())[:500]}")
    verdict.problems = [f"job {job.job_id}: {problem}" for problem in verdict.problems]
    return verdict


def _was_cancelled_unplanned(job: Submitted) -> bool:
    end = from_json(job.end or b"", End, "end.json")
    return job.may_be_cancelled and end.state == "cancelled" and not end.documents


def _not_like_twin(result: Result, twin: Result) -> Iterator[str]:
    if result.end.state != "succeeded":
        yield f"it has {result.end.state}: {result.end.failure}"
    for name in DOCUMENTS:
        if result.documents[name] != twin.documents[name]:
            yield f"{name} differs from the undisturbed run's"


def _account(result: Result, twin: Result, verdict: Verdict, *, cancelled: bool) -> None:
    """Every item of the plan exactly once, every output as the manifest and the twin have it."""
    done = {line["index"]: line for line in result.lines("manifest.jsonl")}
    failed = {line["index"]: line for line in result.lines("errors.jsonl")}
    expected = {line["index"]: line for line in twin.lines("manifest.jsonl")}
    expected_failed = {line["index"]: line for line in twin.lines("errors.jsonl")}
    lines = len(result.lines("manifest.jsonl")) + len(result.lines("errors.jsonl"))
    if lines != len(done.keys() | failed.keys()):
        verdict.problems.append("an item has more than one line")
    if strange := (done.keys() | failed.keys()) - (expected.keys() | expected_failed.keys()):
        verdict.problems.append(f"items that were not planned: {_some(strange)}")
    innocent = failed.keys() & expected.keys()
    missing = (expected.keys() | expected_failed.keys()) - done.keys() - failed.keys()
    if innocent:
        codes = sorted({failed[index]["code"] for index in innocent})
        verdict.problems.append(f"innocent items are listed as {', '.join(codes)}: {_some(innocent)}")
    if missing and not cancelled:
        verdict.problems.append(f"items without output or error: {_some(missing)}")
    verdict.lost += len(innocent) + (0 if cancelled else len(missing))
    differing = {index for index in done.keys() & expected.keys() if done[index] != expected[index]}
    differing |= {index for index in failed.keys() & expected_failed.keys() if failed[index] != expected_failed[index]}
    names = {line["key"] for line in done.values()}
    wrong = {name for name in names if result.outputs.get(name) != twin.outputs.get(name)}
    if not cancelled:
        wrong |= {name for name in result.outputs.keys() | twin.outputs.keys() if _differs(name, result, twin)}
    if differing or wrong:
        verdict.problems.append(f"lines that differ: {_some(differing)}; files that differ: {_some(wrong)}")
    verdict.differing += len(differing) + len(wrong)


def _differs(name: str, result: Result, twin: Result) -> bool:
    return result.outputs.get(name) != twin.outputs.get(name)


def _some(values: set[Any]) -> str:
    shown = ", ".join(str(value) for value in sorted(values)[:_SHOWN])
    return f"{len(values)} ({shown}{', …' if len(values) > _SHOWN else ''})" if values else "none"


def left_lying(stage: Stage) -> list[str]:
    """What is still there although no job is open, after the time that it may take to go."""
    store = stage.ground.store
    found = [
        ("open", _SettledIn(_OPEN_S, lambda: [one.key for one in store.list(OPEN)])),
        ("leased", _SettledIn(_LEASES_S, lambda: _leases(stage))),
        ("temporary", _SettledIn(_LEFT_OVER_S, stage.ground.left_over)),
    ]
    return [f"still {what}: {_some(set(rest))}" for what, settled in found if (rest := settled())]


class _SettledIn(NamedTuple):
    """Looks until nothing is found, but no longer than that; what is found then."""

    timeout_s: float
    look: Callable[[], Sequence[str]]

    def __call__(self) -> Sequence[str]:
        deadline = time.monotonic() + self.timeout_s
        while (found := self.look()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found


def _leases(stage: Stage) -> list[str]:
    try:
        return stage.leases.left()
    except redis.RedisError as error:
        return [f"Redis does not answer: {error}"]
