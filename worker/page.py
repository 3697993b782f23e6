"""The page of a job, `index.html`: self-contained, fed by the atlases beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

from vae_core.imaging.sheets import atlas_columns
from vae_core.jobs.codec import to_json
from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.layout import sheet_name
from vae_core.jobs.records import ItemError, PartRecord
from vae_core.jobs.spec import ReconstructSpec, kind_of, spec_fields

SHOWN_ITEMS = 10_000
SHOWN_ERRORS = 1_000


def make_page(
    job: Job,
    plan: Plan,
    end: End,
    summary: dict[str, Any],
    records: Sequence[PartRecord],
    errors: Sequence[ItemError],
) -> bytes:
    """HTML that needs nothing but the job's own folder, opened from the bucket or by double click.

    Whatever came from a caller or a key is escaped: here for HTML, and in the data block against ending it early.
    """
    template = Template(files("worker").joinpath("page.html").read_text(encoding="utf-8"))
    facts = [
        ("State", end.state + (f": {end.failure.message}" if end.failure else "")),
        ("Images", f"{end.done:,} of {plan.items:,}"),
        ("Listed errors", f"{end.errors:,}"),
        *_quality(summary),
        *((name.replace("_", " "), str(value)) for name, value in spec_fields(job.spec).items() if value is not None),
        ("Checkpoint", plan.checkpoint_sha256[:16]),
        ("Made by", "; ".join(summary["kinds"])),
    ]
    text = template.substitute(
        title=html.escape(f"{kind_of(job.spec)} {job.job_id}"),
        kind=html.escape(kind_of(job.spec)),
        job_id=html.escape(job.job_id),
        state=html.escape(end.state),
        facts="".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts),
        data=to_json(_data(job, end, records, errors)).decode().replace("<", "\\u003c"),
    )
    return text.encode()


def _quality(summary: dict[str, Any]) -> list[tuple[str, str]]:
    psnr, ssim = summary["psnr_db"], summary["ssim"]
    if psnr is None or ssim is None:
        return []
    return [("PSNR, mean", f"{psnr['mean']:.2f} dB"), ("SSIM, mean", f"{ssim['mean']:.3f}")]


def _data(job: Job, end: End, records: Sequence[PartRecord], errors: Sequence[ItemError]) -> dict[str, Any]:
    """What the page's script draws: sheets with their items in the order of the tiles."""
    tiles_each = 2 if isinstance(job.spec, ReconstructSpec) else 1
    sheets = []
    room = SHOWN_ITEMS
    for record in sorted(records, key=lambda record: record.part):
        if room <= 0:
            break
        items = record.items[:room]
        room -= len(items)
        tiles = len(record.items) * tiles_each
        sheets.append(
            {
                "file": sheet_name(record.part),
                "tiles": tiles,
                "columns": atlas_columns(tiles),
                "items": [[item.index, item.key, item.source, item.psnr, item.ssim] for item in items],
            }
        )
    return {
        "tilesEach": tiles_each,
        "done": end.done,
        "shown": SHOWN_ITEMS - max(room, 0),
        "sheets": [sheet for sheet in sheets if sheet["items"]],
        "errors": [[error.source or error.index, error.code, error.message] for error in errors[:SHOWN_ERRORS]],
    }
