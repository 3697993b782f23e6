"""The content of `summary.json`: what a job came to, from its records alone."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.layout import shard_name
from vae_core.jobs.records import ItemError, PartRecord
from vae_core.jobs.spec import spec_fields

VERSION = 1


def make_summary(
    job: Job, plan: Plan, end: End, records: Sequence[PartRecord], errors: Sequence[ItemError]
) -> dict[str, Any]:
    """Counts, bytes, quality and seconds as plain data.

    seconds: by stage, added up over parts and threads. gpu_seconds: those that parts held a GPU. rates: images by the
    seconds that parts took (`images_per_s`, of one process) and that the model took (`model_images_per_s`), and bytes
    written by the seconds that parts took. kinds, devices: what made the outputs, with the number of parts of each;
    within one kind the outputs are the same byte for byte.
    """
    items = [item for record in records for item in record.items]
    output_bytes = sum(item.size_bytes for item in items)
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
        "duplicates": plan.duplicates,
        "known": plan.known,
        "done": end.done,
        "errors": end.errors,
        "error_codes": dict(sorted(Counter(error.code for error in errors).items())),
        "input_bytes": sum(record.input_bytes for record in records),
        "output_bytes": output_bytes,
        "side_file_bytes": _side_file_bytes(job, records),
        "psnr_db": _spread([item.psnr for item in items if item.psnr is not None]),
        "ssim": _spread([item.ssim for item in items if item.ssim is not None]),
        "parts": plan.parts,
        "part_size": plan.part_size,
        "seconds": {stage: round(total, 3) for stage, total in sorted(seconds.items())},
        "gpu_seconds": round(sum((record.seconds.get("total", 0.0) for record in records if _on_gpu(record)), 0.0), 3),
        "rates": {
            "images_per_s": _rate(end.done, seconds["total"]),
            "model_images_per_s": _rate(end.done, seconds["model"]),
            "output_bytes_per_s": _rate(output_bytes, seconds["total"]),
        },
        "devices": dict(sorted(Counter(record.device for record in records if record.device).items())),
        "kinds": dict(sorted(Counter(record.kind for record in records).items())),
        "checkpoint_sha256": plan.checkpoint_sha256,
        "code_version": job.code_version,
    }


def _side_file_bytes(job: Job, records: Sequence[PartRecord]) -> int:
    """Of sheets, latents and the like; a shard is its images."""
    shards = {shard_name(record.part) for record in records} if job.spec.shards else set()
    return sum(file.size_bytes for record in records for file in record.files if file.key not in shards)


def _on_gpu(record: PartRecord) -> bool:
    return record.device_type not in {"", "cpu"}


def _rate(count: int, seconds: float) -> float | None:
    return round(count / seconds, 2) if seconds > 0 else None


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "mean": round(statistics.fmean(values), 4),
        "median": round(statistics.median(values), 4),
        "min": min(values),
        "max": max(values),
    }
