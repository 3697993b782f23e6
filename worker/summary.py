"""The content of `summary.json`: what a job came to, from its records alone."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.records import ItemError, PartRecord
from vae_core.jobs.spec import spec_fields

VERSION = 1


def make_summary(
    job: Job, plan: Plan, end: End, records: Sequence[PartRecord], errors: Sequence[ItemError]
) -> dict[str, Any]:
    """Counts, bytes, quality and seconds as plain data.

    seconds: by stage, added up over parts and threads. kinds: of the engines that made the outputs, with the number
    of parts of each; within one kind the outputs are the same byte for byte.
    """
    items = [item for record in records for item in record.items]
    seconds: Counter[str] = Counter()
    for record in records:
        seconds.update(record.seconds)
    return {
        "version": VERSION,
        "job_id": job.job_id,
        "spec": spec_fields(job.spec),
        "state": end.state,
        "failure": {"code": end.failure.code, "message": end.failure.message} if end.failure else None,
        "items": plan.items,
        "done": end.done,
        "errors": end.errors,
        "error_codes": dict(sorted(Counter(error.code for error in errors).items())),
        "output_bytes": sum(item.size_bytes for item in items),
        "psnr_db": _spread([item.psnr for item in items if item.psnr is not None]),
        "ssim": _spread([item.ssim for item in items if item.ssim is not None]),
        "parts": plan.parts,
        "part_size": plan.part_size,
        "seconds": {stage: round(total, 3) for stage, total in sorted(seconds.items())},
        "kinds": dict(sorted(Counter(record.kind for record in records).items())),
        "checkpoint_sha256": plan.checkpoint_sha256,
        "code_version": job.code_version,
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "mean": round(statistics.fmean(values), 4),
        "median": round(statistics.median(values), 4),
        "min": min(values),
        "max": max(values),
    }
