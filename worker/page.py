"""The page of a job, `index.html`: self-contained, fed by the atlases beside it."""

from __future__ import annotations

import hashlib
import html
from base64 import b64encode
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import PurePosixPath
from string import Template
from typing import Any

from vae_core.imaging.sheets import atlas_columns
from vae_core.jobs.codec import to_json
from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.layout import shard_name, sheet_names
from vae_core.jobs.records import ItemDone, ItemError, PartRecord
from vae_core.jobs.spec import ReconstructSpec, kind_of
from worker.figures import facts, headline, numbers, parameters, submitted

SHOWN_ITEMS = 10_000
SHOWN_ERRORS = 1_000
_SCRIPTS = ("items.js", "sheets.js", "grid.js", "lightbox.js", "page.js")
_DECIMALS = 4
_ANIMATION = "animation.webp"
_QUALITY_SHEETS = (("worst.png", "Worst"), ("best.png", "Best"))


def make_page(
    job: Job,
    plan: Plan,
    end: End,
    summary: dict[str, Any],
    records: Sequence[PartRecord],
    errors: Sequence[ItemError],
    extras: Collection[str] = (),
) -> bytes:
    """HTML that needs nothing but the job's own folder, opened from the bucket or by double click.

    Whatever came from a caller or a key is escaped: here for HTML, and in the data block against ending it early. The
    page's own policy lets no other script run, and nothing be loaded but from where the page itself lies.

    extras: names of the documents that not every job has: animations, and the sheets of worst and best.
    """
    style = _file("page.css")
    # In one function, so that the names of the pieces are no global ones.
    script = '"use strict";\n{\n' + "\n".join(map(_file, _SCRIPTS)) + "}\n"
    text = Template(_file("page.html")).substitute(
        policy=_policy(script, style),
        title=html.escape(f"{headline(job, end)} · {job.job_id}"),
        style=style,
        kind=html.escape(kind_of(job.spec)),
        headline=html.escape(headline(job, end)),
        state=html.escape(end.state),
        job_id=html.escape(job.job_id),
        submitted=html.escape(submitted(job)),
        failure=f'<p class="failure">{html.escape(end.failure.message)}</p>' if end.failure else "",
        numbers=numbers(plan, end, summary, records),
        parameters=parameters(job),
        facts=facts(job, plan, summary),
        sheets="".join(f'<a href="{name}">{text}</a>' for name, text in _QUALITY_SHEETS if name in extras),
        animation=_film(_ANIMATION) if _ANIMATION in extras else "",
        data=to_json(_data(job, end, summary, records, errors)).decode().replace("<", "\\u003c"),
        script=script,
    )
    return text.encode()


def _file(name: str) -> str:
    return files("worker").joinpath("viewer", name).read_text(encoding="utf-8")


def _policy(script: str, style: str) -> str:
    """The Content-Security-Policy. From a folder, `file:` stands for what `'self'` is on a server."""
    script_hash, style_hash = (
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (script, style)
    )
    rules = (
        "default-src 'none'",
        "img-src 'self' file: data: blob:",
        "connect-src 'self'",
        f"style-src {style_hash}",
        f"script-src {script_hash}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _film(animation: str) -> str:
    """The animation and the GIF of the same name. The script starts it, or leaves that to who wants less motion."""
    source = html.escape(animation)
    gif = html.escape(str(PurePosixPath(animation).with_suffix(".gif")))
    return (
        f'<figure class="film"><img id="film" data-source="{source}" alt="Animation of all frames, in order" hidden>'
        '<figcaption><button id="play" type="button" class="plain" hidden>Play the animation</button>'
        f'All frames, in order: <a href="{source}">WebP</a><a href="{gif}">GIF</a></figcaption></figure>'
    )


def _data(
    job: Job, end: End, summary: dict[str, Any], records: Sequence[PartRecord], errors: Sequence[ItemError]
) -> dict[str, Any]:
    """What the page's script draws: sheets with their items in the order of the tiles, and the listed errors."""
    tiles_each = 2 if isinstance(job.spec, ReconstructSpec) else 1
    sheets = []
    room = SHOWN_ITEMS
    for record in sorted(records, key=lambda record: record.part):
        shown = sorted(record.items, key=lambda item: item.index)[:room]
        if not shown:
            continue
        room -= len(shown)
        tiles = len(record.items) * tiles_each
        names = sheet_names(record.part)
        sheets.append(
            {
                "part": record.part,
                "file": next((file.key for file in record.files if file.key in names), None),
                "tiles": tiles,
                "columns": atlas_columns(tiles),
                "shard": shard_name(record.part) if job.spec.shards else None,
                "items": [_item(item) for item in shown],
            }
        )
    return {
        "tilesEach": tiles_each,
        "done": end.done,
        "shown": SHOWN_ITEMS - room,
        "sheets": sheets,
        "errorCount": end.errors,
        "errorCodes": summary["error_codes"],
        "errors": [[error.index, error.source, error.code, error.message] for error in errors[:SHOWN_ERRORS]],
    }


def _item(item: ItemDone) -> list[Any]:
    """An image as the script's `Item` reads it; where it begins in its shard only stands there if it lies in one."""
    values = [
        item.index,
        item.member or item.key,
        item.source,
        *(_rounded(value) for value in (item.psnr, item.ssim, item.outlier)),
        item.size_bytes,
        item.sha256,
    ]
    return values if item.offset is None else [*values, item.offset]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
