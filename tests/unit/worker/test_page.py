"""The page as text: complete in itself, the same every time, and deaf to what keys and callers say."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from vae_core.jobs.job import End, Failure, Job, Plan
from vae_core.jobs.layout import sample_name, sheet_name
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile
from vae_core.jobs.spec import JobSpec, ReconstructSpec, SampleSpec
from worker.page import SHOWN_ERRORS, SHOWN_ITEMS, make_page
from worker.summary import make_summary

HOSTILE = "</script><script>alert(1)</script>&\"'<b>"


def job_of(spec: JobSpec, submitted_by: str = "user@host") -> Job:
    when = "2026-11-23T13:29:00+00:00"
    return Job(job_id="j", spec=spec, submitted_at=when, submitted_by=submitted_by, code_version="0.1.0")


def item(index: int, **fields: Any) -> ItemDone:
    return ItemDone(index=index, key=sample_name(index, "png"), sha256=f"{index:064x}", size_bytes=2048, **fields)


def record(part: int, items: list[ItemDone], errors: tuple[ItemError, ...] = (), with_sheet: bool = True) -> PartRecord:
    sheet = SideFile(key=sheet_name(part), sha256="0" * 64, size_bytes=1, tag="t")
    return PartRecord(
        part=part,
        items=tuple(items),
        errors=errors,
        files=(sheet,) if with_sheet else (),
        kind="a kind",
        seconds={"total": 2.0},
        attempt="a",
        worker="box:1",
    )


def page_of(
    records: list[PartRecord],
    spec: JobSpec | None = None,
    job: Job | None = None,
    failure: Failure | None = None,
    **more: Any,
) -> str:
    job = job or job_of(spec or SampleSpec(n=10, seed=7))
    done = sum(len(one.items) for one in records)
    errors = [error for one in records for error in one.errors]
    plan = Plan(checkpoint_sha256="c" * 64, items=done + len(errors), parts=len(records), part_size=512)
    state = "failed" if failure else "succeeded"
    end = End(state=state, items=plan.items, done=done, errors=len(errors), failure=failure)
    summary = make_summary(job, plan, end, records, errors)
    return make_page(job, plan, end, summary, records, errors, **more).decode()


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_page_is_the_same_bytes_when_it_is_made_twice_of_records_in_any_order() -> None:
    records = [record(part, [item(part * 2), item(part * 2 + 1)]) for part in range(3)]
    assert page_of(records) == page_of(records)
    assert data_of(page_of(records)) == data_of(page_of(records[::-1]))


def test_policy_allows_the_style_and_the_script_of_the_page_alone_when_made() -> None:
    page = page_of([record(0, [item(0)])])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for kind in ("style", "script"):
        texts = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert len(texts) == 1
        digest = b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]


def test_page_needs_no_other_place_when_made() -> None:
    page = page_of([record(0, [item(0)])])
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\([^)]", page)
    assert " style=" not in page
    assert not re.search(r"\son[a-z]+=", page)
    assert "$" not in re.sub(r"\$\{|\$\d", "", re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL))


def test_nothing_ends_early_when_keys_and_callers_try_to() -> None:
    errors = (ItemError(index=1, source=HOSTILE, code="undecodable", message=HOSTILE),)
    items = [item(0, source=HOSTILE, psnr=20.0, ssim=0.5)]
    spec = ReconstructSpec(source="s3://cars/a", pattern="<b>*")
    failure = Failure(code="too_many_errors", message=HOSTILE)
    page = page_of([record(0, items, errors)], job=job_of(spec, submitted_by=HOSTILE), failure=failure)
    assert page.count("</script>") == 2
    assert "<b>*" not in page.split("<script", 1)[0]
    assert page.count(HOSTILE) == 0
    data = data_of(page)
    assert data["sheets"][0]["items"][0][2] == HOSTILE
    assert data["errors"] == [[1, HOSTILE, "undecodable", HOSTILE]]


def test_items_stand_in_the_order_of_their_tiles_when_there_are_several_parts() -> None:
    parts = [record(1, [item(3), item(2, outlier=1.23456789)]), record(0, [item(0)], with_sheet=False)]
    data = data_of(page_of(parts))
    assert [sheet["part"] for sheet in data["sheets"]] == [0, 1]
    assert [sheet["file"] for sheet in data["sheets"]] == [None, "sheets/00001.jpg"]
    assert [row[0] for row in data["sheets"][1]["items"]] == [2, 3]
    assert data["sheets"][1]["items"][0] == [2, "images/00000002.png", None, None, None, 1.2346, 2048, f"{2:064x}"]
    assert data["sheets"][1]["tiles"] == 2
    assert data["tilesEach"] == 1


def test_reconstruction_has_two_tiles_when_shown() -> None:
    data = data_of(page_of([record(0, [item(0), item(1)])], ReconstructSpec(source="s3://cars/a")))
    assert (data["tilesEach"], data["sheets"][0]["tiles"]) == (2, 4)


def test_first_items_and_errors_are_shown_when_there_are_too_many() -> None:
    errors = tuple(ItemError(index=20_000 + index, code="x", message="y") for index in range(SHOWN_ERRORS + 5))
    parts = [record(0, [item(index) for index in range(9_990)], errors)]
    parts += [record(part, [item(part * 10_000 + index) for index in range(50)]) for part in (1, 2)]
    data = data_of(page_of(parts))
    assert data["shown"] == SHOWN_ITEMS == sum(len(sheet["items"]) for sheet in data["sheets"])
    assert data["done"] == 10_090
    assert [len(sheet["items"]) for sheet in data["sheets"]] == [9_990, 10]
    assert data["sheets"][1]["tiles"] == 50  # of the whole sheet, which decides where a tile lies
    assert len(data["errors"]) == SHOWN_ERRORS
    assert (data["errorCount"], data["errorCodes"]) == (SHOWN_ERRORS + 5, {"x": SHOWN_ERRORS + 5})


def test_numbers_are_shown_when_there_are_some() -> None:
    items = [
        item(index, source=f"{index}.jpg", psnr=20 + index / 10, ssim=0.5, outlier=float(index)) for index in range(40)
    ]
    page = page_of([record(0, items)], ReconstructSpec(source="s3://cars/a"))
    assert "40 reconstructions" in page
    for text in ("22.0", "<small>dB</small>", "20.0 to 23.9", "0.500", "19.50", "80.0", "20 images a second"):
        assert text in page
    assert page.count('<svg viewBox="0 0 24 10"') == 2  # one value has no distribution
    assert "s3://cars/a" in page
    assert "c" * 64 in page
    assert "23 Nov 2026, 13:29 UTC by user@host" in page


@pytest.mark.parametrize("records", [[], [record(0, [])]], ids=["no part", "an empty part"])
def test_page_is_made_when_nothing_was_done(records: list[PartRecord]) -> None:
    page = page_of(records)
    assert "0 sampled images" in page
    assert data_of(page)["sheets"] == []


def test_time_is_shown_as_it_is_when_it_is_none() -> None:
    job = msgspec.structs.replace(job_of(SampleSpec(n=1, seed=1)), submitted_at="<yesterday>")
    assert "submitted &lt;yesterday&gt; by user@host" in page_of([record(0, [item(0)])], job=job)


def test_animation_is_linked_when_there_is_one() -> None:
    assert 'id="film"' not in page_of([record(0, [item(0)])])
    page = page_of([record(0, [item(0)])], extras=["animation.webp", "animation.gif"])
    assert 'data-source="animation.webp"' in page
    assert 'href="animation.gif"' in page
