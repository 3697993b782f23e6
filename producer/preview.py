"""What a submission would do, without doing it."""

from __future__ import annotations

from itertools import islice

from producer.key_list import KeyList
from producer.output import counted, emit_fields, emit_json, note
from vae_core.errors import VaejobError
from vae_core.jobs.job import Job
from vae_core.jobs.key_lists import numbered_lines
from vae_core.jobs.parts import part_count
from vae_core.jobs.sources import parse_source
from vae_core.jobs.spec import ReconstructSpec, kind_of, known_items, spec_fields
from vae_core.settings import Settings

DRAWN_ID = "<UTC date>T<time>-<6 hex digits>"


def show_preview(
    settings: Settings, job: Job, key_list: KeyList | None, *, id_drawn: bool, seed_drawn: bool, as_json: bool
) -> None:
    """Prints spec, id, and as far as they can be known from here inputs and parts. Writes nothing."""
    spec = spec_fields(job.spec)
    if id_drawn and seed_drawn:
        spec["seed"] = None  # it will be drawn with the id
    inputs = _inputs(job.spec, key_list, settings) if isinstance(job.spec, ReconstructSpec) else None
    items = inputs["count"] if inputs else known_items(job.spec)
    part_size = job.spec.part_size or settings.part_size
    parts = part_count(items, part_size) if items is not None else None
    shown_id = DRAWN_ID if id_drawn else job.job_id
    if as_json:
        plan = {"items": items, "parts": parts, "part_size": part_size, "inputs": inputs}
        job_id = None if id_drawn else job.job_id
        about = {"dry_run": True, "job_id": job_id, "priority": job.priority, "store": settings.store}
        emit_json({**about, "spec": spec, **plan})
        return
    fields = [
        (name, str(value)) for name, value in spec.items() if name not in {"kind", "part_size"} and value is not None
    ]
    if spec.get("seed", 0) is None:
        fields.append(("seed", "drawn with the job id"))
    how_many = f"{counted(parts, 'part')} of at most {counted(part_size, 'item')}" if parts is not None else ""
    emit_fields(
        [
            ("job", shown_id),
            ("kind", kind_of(job.spec)),
            ("priority", job.priority),
            *fields,
            ("inputs", _found(inputs) if inputs else ""),
            ("parts", how_many),
            ("store", settings.store),
        ]
    )
    note("dry run: nothing was submitted")


def _inputs(spec: ReconstructSpec, key_list: KeyList | None, settings: Settings) -> dict[str, int | None] | None:
    """Number and bytes of the inputs; those of a list are not looked at. None where they cannot be listed from here."""
    from vae_core.inputs import list_inputs

    if key_list is not None:
        return {"count": _matching(spec, key_list), "size_bytes": None}
    count = size_bytes = 0
    try:
        listed = list_inputs(spec.source or "", settings, glob=spec.glob, pattern=spec.pattern)
        for found in islice(listed, spec.limit):
            count += 1
            size_bytes += found.size_bytes
    except VaejobError as error:
        note(f"the inputs cannot be listed from here: {error}")
        return None
    return {"count": count, "size_bytes": size_bytes}


def _matching(spec: ReconstructSpec, key_list: KeyList) -> int:
    """How many of the list are inputs."""
    from vae_core.inputs import pattern_matcher

    matches = pattern_matcher(spec.pattern, parse_source(spec.source).key_prefix if spec.source is not None else "")
    count = sum(matches(key) for key in {key for _, key in numbered_lines((key_list.data,), "the list of keys")})
    return count if spec.limit is None else min(count, spec.limit)


def _found(inputs: dict[str, int | None]) -> str:
    size_bytes = inputs["size_bytes"]
    size = f"{size_bytes:,} bytes" if size_bytes is not None else "not looked at yet"
    return f"{counted(inputs['count'] or 0, 'object')}, {size}"
