"""What the page says of a job in words and numbers: headline, figures, parameters; as escaped HTML."""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.records import PartRecord
from vae_core.jobs.spec import kind_of, spec_fields

_NOUNS = {"sample": "sampled image", "reconstruct": "reconstruction", "interpolate": "interpolated frame"}
_NAMES = {"n": "images", "kind": "kind of job", "fit": "fitted by", "max_failure_rate": "failures allowed"}
_ALWAYS = {"fit", "format", "method", "temperature"}  # also where they are as usual
_BINS = 24
_FEWEST_VALUES = 12
_SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def headline(job: Job, end: End) -> str:
    """`200 sampled images`: what came of the job."""
    noun = _NOUNS.get(kind_of(job.spec), "image")
    return f"{end.done:,} {noun}{'' if end.done == 1 else 's'}"


def submitted(job: Job) -> str:
    """`submitted 23 Nov 2026, 13:29 UTC by user@host`."""
    try:
        when = f"{datetime.fromisoformat(job.submitted_at).astimezone(UTC):%d %b %Y, %H:%M} UTC".lstrip("0")
    except (ValueError, OverflowError):
        when = job.submitted_at  # what a caller wrote there is shown as it is
    return f"submitted {when} by {job.submitted_by}"


def numbers(plan: Plan, end: End, summary: dict[str, Any], records: Sequence[PartRecord]) -> str:
    """A `div` for each figure, with a small histogram where there are enough values for one."""
    items = [item for record in records for item in record.items]
    psnrs = [item.psnr for item in items if item.psnr is not None]
    ssims = [item.ssim for item in items if item.ssim is not None]
    outliers = [item.outlier for item in items if item.outlier is not None]
    seconds = summary["seconds"].get("total")
    codes = ", ".join(f"{code} {count:,}" for code, count in summary["error_codes"].items())
    shown = [
        _number("Images", f"{end.done:,}", f"of {plan.items:,} planned{_known(plan)}"),
        _number("Listed errors", f"{end.errors:,}", codes or "none", alarming=end.errors > 0),
        _spread("PSNR, mean", psnrs, ".1f", " dB"),
        _spread("SSIM, mean", ssims, ".3f", ""),
        _spread("Outlier score, mean", outliers, ".2f", " σ"),
        _number("Size of the images", *_size(summary["output_bytes"], end.done)),
        _time(seconds, end.done, plan.parts),
    ]
    return "".join(shown)


def _known(plan: Plan) -> str:
    return f"; {plan.known:,} were done by runs before" if plan.known else ""


def parameters(job: Job) -> str:
    """A `code` for each parameter that was asked for, such as `seed 7`, for the line that unfolds to all facts."""
    usual = {field.name: field.default for field in msgspec.structs.fields(job.spec)}
    # What a kind of job has of its own comes before what all share.
    fields = sorted(spec_fields(job.spec).items(), key=lambda field: field[0] == "format")
    shown = (
        f"{name.replace('_', ' ')} {_text(value)}"
        for name, value in fields
        if name not in {"kind", "part_size"}
        and value not in (None, "", [])
        and (value != usual[name] or name in _ALWAYS)
    )
    return "".join(f" <code>{html.escape(text)}</code>" for text in shown)


def facts(job: Job, plan: Plan, summary: dict[str, Any]) -> str:
    """A `div` for each parameter, and for what the images were made with."""
    fields = ((_NAMES.get(name, name.replace("_", " ")), value) for name, value in spec_fields(job.spec).items())
    origin = (
        ("schedule", f"{job.schedule.name}, run {job.schedule.run}" if job.schedule else ""),
        ("inputs known from runs before", f"{plan.known:,}, left out" if plan.known else ""),
        ("keys given again", f"{plan.duplicates:,}, left out" if plan.duplicates else ""),
        ("parts", f"{plan.parts:,} of up to {plan.part_size:,}"),
        ("checkpoint", plan.checkpoint_sha256),
        ("made by", "; ".join(summary["kinds"])),
        ("submitted", f"{job.submitted_at} by {job.submitted_by}"),
        ("version of the code", job.code_version),
    )
    shown: Iterable[tuple[str, Any]] = (*fields, *origin)
    return "".join(
        f"<div><dt>{html.escape(name[:1].upper() + name[1:])}</dt><dd>{html.escape(_text(value))}</dd></div>"
        for name, value in shown
        if value not in (None, "") and name != "part size"
    )


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(name: str, value: str, note: str, *, alarming: bool = False, chart: str = "") -> str:
    mark = ' class="bad"' if alarming else ""
    figure, space, unit = value.partition(" ")
    small = f"{space}<small>{html.escape(unit)}</small>" if unit else ""
    return (
        f"<div><dt>{html.escape(name)}</dt><dd{mark}>{html.escape(figure)}{small}</dd>"
        f'<dd class="note">{html.escape(note)}</dd>{chart}</div>'
    )


def _spread(name: str, values: Sequence[float], form: str, unit: str) -> str:
    if not values:
        return ""
    note = f"{min(values):{form}} to {max(values):{form}}"
    return _number(name, f"{statistics.fmean(values):{form}}{unit}", note, chart=_histogram(values))


def _histogram(values: Sequence[float]) -> str:
    """Bars of equal width over the range of the values, as an SVG that only shows their shape."""
    low, high = min(values), max(values)
    if len(values) < _FEWEST_VALUES or high <= low:
        return ""
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int((value - low) / (high - low) * _BINS))] += 1
    top = max(counts)
    bars = "".join(f"M{place} 10v-{10 * count / top:.2f}h.8V10z" for place, count in enumerate(counts) if count)
    return f'<svg viewBox="0 0 {_BINS} 10" preserveAspectRatio="none" aria-hidden="true"><path d="{bars}"/></svg>'


def _size(size_bytes: int, images: int) -> tuple[str, str]:
    note = f"{size_bytes / images / 1024:.1f} KiB each" if images else ""
    for unit_bytes, unit in _SIZES:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}", note
    return f"{size_bytes} bytes", note


def _time(seconds: float | None, images: int, parts: int) -> str:
    """Seconds of the parts, added up; together with other workers a job takes less."""
    if not seconds:
        return ""
    note = (
        f"{images / seconds:,.0f} images a second" if images >= seconds else f"{seconds / max(1, images):,.1f} s each"
    )
    where = "" if parts == 1 else f", {parts:,} parts"
    return _number("Worker time", f"{seconds:,.1f} s", note + where)
