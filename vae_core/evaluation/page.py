"""The page of an evaluation, `evaluation.html`: one file that asks for nothing else, with every picture in it."""

from __future__ import annotations

import html
from importlib.resources import files
from string import Template

from vae_core.evaluation.gallery import Gallery, Sheet
from vae_core.evaluation.labels import REAL
from vae_core.evaluation.pictures import grid_uri, row_uri
from vae_core.evaluation.reading import reading
from vae_core.evaluation.report import Evaluation
from vae_core.evaluation.table import NONE, Table, number
from vae_core.evaluation.tables import all_tables, notes, threshold_text, value_text, verdict_text

_GRID_COLUMNS = 6
_ROW_COLUMNS = 8
_HERO_COLUMNS = 8
_TITLES = {
    "checks": "Checks",
    "samples": "Samples",
    "reconstruction": "Reconstruction",
    "photographs": "Photographs",
    "memorisation": "Memorisation",
    "interpolation": "Interpolation",
    "denoising": "Denoising",
    "likelihood": "Likelihood",
    "timing": "Size and speed",
    "facts": "Made from",
}
_HOW = {"samples": ("samples", "features", "sliced_wasserstein"), "timing": (), "facts": (), "checks": ()}


def make_page(found: Evaluation, gallery: Gallery) -> bytes:
    """HTML of the figures and pictures. Whatever came from a file's name or notes is escaped."""
    bodies = {
        "checks": _checks(found),
        "samples": _grids(gallery) + _tables(found, "samples"),
        "reconstruction": _tables(found, "reconstruction") + _sheet(gallery.reconstructions),
        "photographs": _tables(found, "photographs") + _sheet(gallery.photographs),
        "memorisation": _tables(found, "memorisation") + _sheet(gallery.neighbours),
        "interpolation": _tables(found, "interpolation") + _sheet(gallery.midpoints),
        "denoising": _tables(found, "denoising") + _sheet(gallery.denoised),
        "likelihood": _tables(found, "likelihood") + _kl_chart(found),
        "timing": _tables(found, "timing"),
        "facts": _facts(found),
    }
    shown = {name: body for name, body in bodies.items() if body}
    own = gallery.samples.get(found.checkpoint)
    text = Template(files("vae_core.evaluation").joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{found.checkpoint}: evaluation"),
        checkpoint=html.escape(found.checkpoint),
        subtitle=html.escape(_subtitle(found)),
        notes=_notes(found),
        stats="".join(_stat(*each) for each in _stats(found)),
        hero="" if own is None else _picture(grid_uri(own, _HERO_COLUMNS), "Samples of its prior", "hero"),
        links="".join(f'<a href="#{name}">{_TITLES[name]}</a>' for name in shown),
        sections="".join(_section(found, name, body) for name, body in shown.items()),
    )
    return text.encode()


def _section(found: Evaluation, name: str, body: str) -> str:
    texts = [found.conventions.get(key, "") for key in _HOW.get(name, (name,))]
    how = "".join(f'<p class="how">{html.escape(text)}</p>' for text in texts if text)
    closing = f"<details><summary>How this is measured</summary>{how}</details>" if how else ""
    lead = f'<p class="lead">{html.escape(reading(name))}</p>' if reading(name) else ""
    return f'<section id="{name}"><h2>{_TITLES[name]}</h2>{lead}{body}{closing}</section>'


def _subtitle(found: Evaluation) -> str:
    data = found.data
    return (
        f"Evaluated on {data.test_used:,} of {data.test_images:,} test images of {data.data}, {data.image_size} px, "
        f"beside {data.train_images:,} training images, seed {found.seed}."
    )


def _notes(found: Evaluation) -> str:
    return "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes(found))


def _stats(found: Evaluation) -> list[tuple[str, str, str]]:
    """Name, value, and what it is to be read against."""
    own, pca = found.checkpoint, found.subjects[-1].label
    rebuilt, control = found.reconstruction.scores[own], found.reconstruction.scores[pca]
    verdicts = [check.passed for check in found.checks if check.passed is not None]
    stats = [
        ("checks passed", f"{sum(verdicts)} of {len(verdicts)}", "each with its value below"),
        ("reconstruction", f"{rebuilt.psnr_db:.1f} dB", f"{pca}: {control.psnr_db:.1f} dB"),
        ("sharpness", number(rebuilt.sharpness, 2), f"{pca}: {number(control.sharpness, 2)}"),
    ]
    made, real = found.samples.scores.get(own), found.samples.scores.get(REAL)
    if made is not None and real is not None:
        stats += [
            ("Fréchet, our features", number(made.frechet_distance, 1), f"real: {number(real.frechet_distance, 1)}"),
            ("coverage", number(made.coverage, 2), f"real: {number(real.coverage, 2)}"),
        ]
    speed = found.timing.speed[own]
    return [*stats, ("decoding", f"{speed.decode_per_s:,.0f}/s", f"threads: {found.timing.threads}")]


def _stat(name: str, value: str, against: str) -> str:
    return f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}<small>{html.escape(against)}</small></dd></div>"


def _checks(found: Evaluation) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(check.name)}</td><td>{html.escape(value_text(check))}</td>"
        f"<td>{html.escape(threshold_text(check))}</td>"
        f'<td class="{_verdict_class(check.passed)}">{_sign(check.passed)} {verdict_text(check)}</td></tr>'
        for check in found.checks
    )
    head = "<tr><th></th><th>value</th><th>asked</th><th></th></tr>"
    return f'<div class="scroll"><table class="checks">{head}{rows}</table></div>'


def _verdict_class(passed: bool | None) -> str:
    return {True: "passed", False: "failed", None: "none"}[passed]


def _sign(passed: bool | None) -> str:
    return {True: "✓", False: "✗", None: NONE}[passed]


def _tables(found: Evaluation, section: str) -> str:
    return "".join(_table(found, table) for table in all_tables(found) if table.section == section)


def _table(found: Evaluation, table: Table) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    rows = "".join(
        f'<tr class="{_row_class(found, row[0])}">{"".join(f"<td>{html.escape(cell)}</td>" for cell in row)}</tr>'
        for row in table.rows
    )
    return f'<h3>{html.escape(table.title)}</h3><div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _row_class(found: Evaluation, label: str) -> str:
    return "own" if label == found.checkpoint else "floor" if label == REAL else ""


def _grids(gallery: Gallery) -> str:
    pictures = [_picture(grid_uri(images, _GRID_COLUMNS), label) for label, images in gallery.samples.items()]
    return f'<div class="grids">{"".join(pictures)}</div>' if pictures else ""


def _picture(uri: str, caption: str, name: str = "") -> str:
    text = html.escape(caption)
    return (
        f'<figure class="{name}"><figcaption>{text}</figcaption>'
        f'<img src="{uri}" alt="{text}" style="display:block;width:100%;height:auto"></figure>'
    )


def _sheet(sheet: Sheet) -> str:
    """The sheet in parts of eight columns."""
    count = min((len(images) for images in sheet.rows.values()), default=0)
    parts = []
    for start in range(0, count, _ROW_COLUMNS):
        chosen = slice(start, start + _ROW_COLUMNS)
        width = min(_ROW_COLUMNS, count - start) / _ROW_COLUMNS
        rows = "".join(_row(label, row_uri(images[chosen])) for label, images in sheet.rows.items())
        captions = "".join(f"<span>{html.escape(text)}</span>" for text in sheet.captions[chosen])
        below = f'<div class="captions">{captions}</div>' if captions else ""
        parts.append(
            f'<figure class="scroll"><div class="sheet" style="width:{100 * width:g}%;min-width:{34 * width:g}rem">'
            f"{rows}{below}</div></figure>"
        )
    note = f'<p class="how">{html.escape(sheet.note)}</p>' if sheet.note else ""
    return note + "".join(parts)


def _row(label: str, uri: str) -> str:
    text = html.escape(label)
    return f'<figcaption>{text}</figcaption><img src="{uri}" alt="{text}">'


def _kl_chart(found: Evaluation) -> str:
    """Bars of the checkpoint's KL in each latent dimension, the largest first."""
    values = sorted(found.likelihood.scores[found.checkpoint].kl_per_dimension, reverse=True)
    top = max(max(values), 1e-9)
    width, height = 640.0, 130.0
    step = width / len(values)
    bars = "".join(
        f'<rect x="{place * step:.2f}" y="{height - height * max(value, 0.0) / top:.2f}" '
        f'width="{step * 0.8:.2f}" height="{height * max(value, 0.0) / top:.2f}"/>'
        for place, value in enumerate(values)
    )
    return (
        "<h3>KL to N(0, 1) of each latent, nats</h3>"
        f'<svg viewBox="0 -16 {width:g} {height + 20:g}" role="img" aria-label="KL of each latent">{bars}'
        f'<line x1="0" y1="{height:g}" x2="{width:g}" y2="{height:g}"/>'
        f'<text x="0" y="-4">{top:.2f}</text><text x="{width:g}" y="-4" text-anchor="end">{len(values)} latents, '
        f"largest first</text></svg>"
    )


def _facts(found: Evaluation) -> str:
    parts = []
    for subject in found.subjects:
        if subject.file is None:
            continue
        facts: dict[str, str] = {
            "file": subject.file,
            "SHA-256": subject.sha256 or "",
            "latents": str(subject.latent_dim),
            "components of the prior": str(subject.prior_components),
            **subject.notes,
        }
        entries = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in facts.items())
        parts.append(f'<h3>{html.escape(subject.label)}</h3><dl class="facts">{entries}</dl>')
    return "".join(parts)
