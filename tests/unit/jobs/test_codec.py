"""JSON: the same bytes always on the way out, strict on the way in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import InvalidValue
from vae_core.jobs.codec import from_json, from_lines, to_json, to_lines, to_pretty_json
from vae_core.jobs.job import End, Failure, Input, Job, Plan
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile, manifest_line
from vae_core.jobs.spec import SampleSpec

JOB = Job(
    job_id="20261123T132900-7f3a9c",
    spec=SampleSpec(n=5, seed=7),
    submitted_at="2026-11-23T13:29:00+00:00",
    submitted_by="me@here",
    code_version="0.1.0",
)
ITEM = ItemDone(index=3, key="images/00000003.png", sha256="ab", size_bytes=10, tag='"etag"')
RECORD = PartRecord(
    part=0,
    items=(ITEM,),
    errors=(ItemError(index=4, code="empty", message="the file is empty", source="a.jpg"),),
    files=(SideFile(key="sheets/00000.jpg", sha256="cd", size_bytes=20, tag="t"),),
    kind="cpu",
    seconds={"model": 0.5},
    attempt="t0ken",
    worker="host:1",
)
DOCUMENTS = [
    JOB,
    Plan(checkpoint_sha256="ab", items=500, parts=1, part_size=512),
    Input(key="a.jpg", tag="t", size_bytes=1),
    End(state="failed", items=5, done=4, errors=1, failure=Failure(code="x", message="y")),
    RECORD,
]

inputs = st.builds(
    Input,
    key=st.text(st.characters(exclude_categories=["Cs"])),
    tag=st.text(st.characters(exclude_categories=["Cs"])),
    size_bytes=st.integers(0, 2**63 - 1),
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_document_comes_back_equal_when_written_and_read(document: Any) -> None:
    for data in (to_json(document), to_pretty_json(document)):
        assert from_json(data, type(document), "it") == document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_document_is_refused_when_it_has_an_unknown_field(document: Any) -> None:
    data = to_json({**msgspec.to_builtins(document), "surprise": 1})
    with pytest.raises(InvalidValue, match=r"^part\.json is not valid: .*surprise"):
        from_json(data, type(document), "part.json")


@given(st.lists(inputs, max_size=5))
def test_lines_come_back_equal_when_written_and_read(values: list[Input]) -> None:
    data = to_lines(values)
    assert data.count(b"\n") == len(values)
    assert from_lines(data, Input, "it") == values


def test_bytes_are_these_when_written() -> None:
    assert to_json(JOB) == (
        b'{"job_id":"20261123T132900-7f3a9c","spec":{"kind":"sample","format":"png","quality":null,'
        b'"save_latents":false,"shards":false,"part_size":null,"n":5,"indices":null,"seed":7,"temperature":1.0,'
        b'"prior":"mixture"},'
        b'"submitted_at":"2026-11-23T13:29:00+00:00","submitted_by":"me@here",'
        b'"code_version":"0.1.0","priority":"normal","version":1}'
    )
    assert to_pretty_json(Failure(code="x", message="é\n")) == (b'{\n  "code": "x",\n  "message": "\xc3\xa9\\n"\n}\n')
    assert to_lines([{"b": 1, "a": 0.1}, {}]) == b'{"b":1,"a":0.1}\n{}\n'


def test_manifest_line_has_the_item_without_tag_and_defaults_but_a_version_when_written() -> None:
    line = to_lines([manifest_line(ITEM)])
    assert line == b'{"index":3,"key":"images/00000003.png","sha256":"ab","size_bytes":10,"version":1}\n'
    assert ITEM.tag


def test_manifest_line_keeps_source_and_likeness_when_there_are_any() -> None:
    item = msgspec.structs.replace(ITEM, source="a.jpg", source_tag="v1", psnr=31.5, ssim=0.0)
    assert manifest_line(item) == msgspec.structs.replace(item, tag="", version=1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"key":"a","tag":"t"}',
        b'{"key":1,"tag":"t","size_bytes":1}',
        b'{"key":"a","tag":"t","size_bytes":"1"}',
        b'{"key":"a","tag":"t","size_bytes":1.5}',
        b'{"key":"\xff","tag":"t","size_bytes":1}',
        b'{"key":"\\ud800","tag":"t","size_bytes":1}',
        b'{"key":"a","tag":"t","size_bytes":1}x',
    ],
)
def test_error_names_the_document_when_it_is_not_valid(data: bytes) -> None:
    with pytest.raises(InvalidValue, match=r"^plan\.json is not valid: ") as caught:
        from_json(data, Input, "plan.json")
    assert "\n" not in str(caught.value)


def test_error_names_the_line_when_one_of_many_is_not_valid() -> None:
    good = to_json(Input(key="a", tag="t", size_bytes=1))
    with pytest.raises(InvalidValue, match=r"^inputs, line 3, is not valid: "):
        from_lines(b"\n".join([good, good, b"{}", good]), Input, "inputs")


def test_error_is_invalid_value_when_nesting_is_hostile() -> None:
    deep = b"[" * 500_000
    with pytest.raises(InvalidValue, match=r"^it is not valid: "):
        from_json(deep, dict[str, Any] | list[Any], "it")  # type: ignore[arg-type]  # a union is a type to msgspec
    with pytest.raises(InvalidValue, match=r"^it, line 1, is not valid: "):
        from_lines(deep, list[Any], "it")
