"""What a submission would do, without doing it."""

from __future__ import annotations

from itertools import islice

from producer.output import counted, emit_fields, emit_json, note
from vae_core.errors import VaejobError
from vae_core.jobs.job import Job
from vae_core.jobs.parts import part_count
from vae_core.jobs.spec import ReconstructSpec, kind_of, known_items, spec_fields
from vae_core.settings import Settings

DRAWN_ID = "<UTC date>T<time>-<6 hex digits>"


def show_preview(settings: Settings, job: Job, *, id_drawn: bool, seed_drawn: bool, as_json: bool) -> None:
    """Prints spec, id, and as far as they can be known from here inputs and parts. Writes nothing."""
    spec = spec_fields(job.spec)
    if id_drawn and seed_drawn:
        spec["seed"] = None  # it will be drawn with the id
    inputs = _inputs(job.spec, settings) if isinstance(job.spec, ReconstructSpec) else None
    items = inputs["count"] if inputs else known_items(job.spec)
    part_size = job.spec.part_size or settings.part_size
    parts = part_count(items, part_size) if items is not None else None
    shown_id = DRAWN_ID if id_drawn else job.job_id
    if as_json:
        plan = {"items": items, "parts": parts, "part_size": part_size, "inputs": inputs}
        emit_json(
            {"dry_run": True, "job_id": None if id_drawn else job.job_id, "store": settings.store, "spec": spec, **plan}
        )
        return
    fields = [
        (name, str(value)) for name, value in spec.items() if name not in {"kind", "part_size"} and value is not None
    ]
    if spec.get("seed", 0) is None:
        fields.append(("seed", "drawn with the job id"))
    how_many = f"{counted(parts, 'part')} of at most {counted(part_size, 'item')}" if parts is not None else ""
    found = f"{counted(inputs['count'], 'object')}, {inputs['size_bytes']:,} bytes" if inputs else ""
    emit_fields(
        [
            ("job", shown_id),
            ("kind", kind_of(job.spec)),
            *fields,
            ("inputs", found),
            ("parts", how_many),
            ("store", settings.store),
        ]
    )
    note("dry run: nothing was submitted")


def _inputs(spec: ReconstructSpec, settings: Settings) -> dict[str, int] | None:
    """Number and bytes of the objects that would be read, or None where they cannot be listed from here."""
    from vae_core.inputs import list_inputs, open_inputs

    count = size_bytes = 0
    try:
        for found in islice(list_inputs(spec, settings, open_inputs(spec, settings)), spec.limit):
            count += 1
            size_bytes += found.size_bytes
    except VaejobError as error:
        note(f"the inputs cannot be listed from here: {error}")
        return None
    return {"count": count, "size_bytes": size_bytes}
