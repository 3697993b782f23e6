"""Proving that a job is complete: every way in which it may not be is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from producer.names import SortedNames
from tests.unit.producer import work
from tests.unit.producer.conftest import Outcome, Vaejob
from vae_core.errors import StoreUnavailable
from vae_core.jobs.codec import from_json, from_lines, to_lines, to_pretty_json
from vae_core.jobs.job import End
from vae_core.jobs.layout import JobKeys, reconstruction_name
from vae_core.jobs.records import ItemDone, ItemError
from vae_core.jobs.spec import ReconstructSpec
from vae_core.storage.base import Store
from vae_core.storage.folder import FolderStore

FAULT = ItemError(index=0, code="not_an_image", message="no picture")
ROOT = "jobs/cars/"
Change = Callable[[Store], object]


def faults(outcome: Outcome) -> list[tuple[str, int | None, str | None]]:
    assert outcome.code == 1
    assert not outcome.json["ok"]
    return [(fault["code"], fault["index"], fault["key"]) for fault in outcome.json["faults"]]


def rewrite(store: Store, change: Callable[[list[ItemDone]], list[ItemDone]]) -> None:
    """Another manifest, which `end.json` agrees with."""
    lines = from_lines(store.read(f"{ROOT}manifest.jsonl").data, ItemDone, "manifest")
    work.replace_manifest(store, "cars", to_lines(change(lines)))


def test_all_is_right_when_the_job_is_whole(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", errors=(FAULT,))
    outcome = vaejob("verify", "cars")
    assert outcome.code == 0
    assert "9 images, 1 listed error, 3 side files, 3 documents" in outcome.out
    assert outcome.err == ""
    said = vaejob("verify", "cars", "--json").json
    assert (said["ok"], said["faults"], said["checked"]["images"]) == (True, [], 9)


CHANGES: list[tuple[str, Change, list[tuple[str, int | None, str | None]]]] = [
    (
        "an image is gone",
        lambda store: store.delete([f"{ROOT}images/00000003.png"]),
        [("missing", 3, "images/00000003.png")],
    ),
    (
        "an image is cut",
        lambda store: store.write(f"{ROOT}images/00000003.png", b"ima"),
        [("truncated", 3, "images/00000003.png")],
    ),
    (
        "a byte is changed",
        lambda store: store.write(f"{ROOT}images/00000003.png", b"imagE 3"),
        [("changed", 3, "images/00000003.png")],
    ),
    (
        "an image has grown",
        lambda store: store.write(f"{ROOT}images/00000003.png", b"image 3, and more"),
        [("changed", 3, "images/00000003.png")],
    ),
    ("a stranger lies there", lambda store: store.write(f"{ROOT}images/x", b""), [("stranger", None, "images/x")]),
    (
        "strangers lie among the sheets and shards",
        lambda store: [store.write(f"{ROOT}{name}", b"") for name in ("sheets/a/b", "shards/00000.tar")],
        [("stranger", None, "shards/00000.tar"), ("stranger", None, "sheets/a/b")],
    ),
    (
        "a sheet is changed",
        lambda store: store.write(f"{ROOT}sheets/00001.jpg", b"sheet 2"),
        [("changed", None, "sheets/00001.jpg")],
    ),
    ("the page is changed", lambda store: store.write(f"{ROOT}index.html", b"<q>"), [("changed", None, "index.html")]),
    ("the page is gone", lambda store: store.delete([f"{ROOT}index.html"]), [("missing", None, "index.html")]),
    (
        "a record is gone",
        lambda store: store.delete([f"{ROOT}parts/00001.json"]),
        [("missing", None, "parts/00001.json"), ("stranger", None, "sheets/00001.jpg")],
    ),
    (
        "a record is damaged",
        lambda store: store.write(f"{ROOT}parts/00001.json", b"{}"),
        [("unreadable", None, "parts/00001.json"), ("stranger", None, "sheets/00001.jpg")],
    ),
    (
        "a line is left out",
        lambda store: rewrite(store, lambda lines: lines[:3] + lines[4:]),
        [
            ("not_accounted_for", 3, "images/00000003.png"),
            ("wrong_count", None, "end.json"),
            ("stranger", None, "images/00000003.png"),
        ],
    ),
    (
        "a line is there twice",
        lambda store: rewrite(store, lambda lines: [lines[0], *lines]),
        [("twice", 0, "images/00000000.png"), ("wrong_count", None, "end.json")],
    ),
    (
        "an item is of no plan",
        lambda store: rewrite(store, lambda lines: [*lines[:9], msgspec.structs.replace(lines[9], index=10)]),
        [
            ("not_planned", 10, "images/00000009.png"),
            ("not_accounted_for", 9, "images/00000009.png"),
            ("stranger", None, "images/00000009.png"),
        ],
    ),
    (
        "two items have changed places",
        lambda store: rewrite(
            store, lambda lines: [msgspec.structs.replace(line, key=lines[9 - line.index].key) for line in lines[:2]]
        ),
        [("wrong_name", 0, "images/00000009.png"), ("wrong_name", 1, "images/00000008.png")],
    ),
    (
        "a source is named",
        lambda store: rewrite(store, lambda lines: [msgspec.structs.replace(lines[0], source="x"), *lines[1:]]),
        [("wrong_source", 0, "images/00000000.png")],
    ),
    (
        "the manifest is another",
        lambda store: store.write(f"{ROOT}manifest.jsonl", b"rot\n" + store.read(f"{ROOT}manifest.jsonl").data),
        [("unreadable", None, "manifest.jsonl"), ("changed", None, "manifest.jsonl")],
    ),
    (
        "the manifest is cut",
        lambda store: store.write(f"{ROOT}manifest.jsonl", store.read(f"{ROOT}manifest.jsonl").data[:-9]),
        [("unreadable", None, "manifest.jsonl"), ("truncated", None, "manifest.jsonl")],
    ),
    ("the errors are gone", lambda store: store.delete([f"{ROOT}errors.jsonl"]), [("missing", None, "errors.jsonl")]),
    (
        "an item is also listed as an error",
        lambda store: store.write(f"{ROOT}errors.jsonl", to_lines([FAULT])),
        [("changed", None, "errors.jsonl"), ("twice", 0, None), ("wrong_count", None, "end.json")],
    ),
    ("the plan is gone", lambda store: store.delete([f"{ROOT}plan.json"]), [("missing", None, None)]),
]


@pytest.mark.parametrize(("change", "expected"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_fault_is_named_when_something_is_not_as_it_was(
    change: Change, expected: list[tuple[str, int | None, str | None]], vaejob: Vaejob, store: Store
) -> None:
    work.whole_job(store, "cars")
    change(store)
    found = faults(vaejob("verify", "cars", "--json"))
    assert {fault for fault in expected if fault not in found} == set()
    if "wrong_name" not in {code for code, _, _ in expected} and ("missing", None, None) not in expected:
        assert sorted(found, key=str) == sorted(expected + following(expected), key=str)
    text = vaejob("verify", "cars")
    assert text.code == 1
    assert len([line for line in text.out.splitlines() if not line.startswith("job cars")]) == min(20, len(found))


def changed_at(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


SHARD = "shards/00001.tar"  # of images 4 to 7
SHARD_CHANGES: list[tuple[str, Callable[[bytes], bytes | None], list[tuple[str, int | None, str | None]]]] = [
    ("it is gone", lambda tar: None, [("missing", index, SHARD) for index in range(4, 8)]),
    ("it is empty", lambda tar: b"", [("truncated", index, SHARD) for index in range(4, 8)]),
    (
        "it is cut within image 6",
        lambda tar: tar[: tar.index(b"image 6") + 3],
        [("truncated", i, SHARD) for i in (6, 7)],
    ),
    ("it is cut behind its images", lambda tar: tar[:-1], [("truncated", None, SHARD)]),
    ("a byte of image 6 is changed", lambda tar: changed_at(tar, tar.index(b"image 6")), [("changed", 6, SHARD)]),
    ("a name is changed", lambda tar: changed_at(tar, tar.index(b"00000006.png")), [("changed", None, SHARD)]),
    ("a JSON is changed", lambda tar: changed_at(tar, tar.index(b'{"index":6')), [("changed", None, SHARD)]),
    ("it has grown", lambda tar: tar + b"more", [("changed", None, SHARD)]),
]


@pytest.mark.parametrize(
    ("change", "expected"), [case[1:] for case in SHARD_CHANGES], ids=[case[0] for case in SHARD_CHANGES]
)
def test_image_is_named_when_its_shard_is_not_as_it_was(
    change: Callable[[bytes], bytes | None],
    expected: list[tuple[str, int | None, str | None]],
    vaejob: Vaejob,
    store: Store,
) -> None:
    work.whole_job(store, "cars", shards=True)
    changed = change(store.read(ROOT + SHARD).data)
    if changed is None:
        store.delete([ROOT + SHARD])
    else:
        store.write(ROOT + SHARD, changed)
    assert faults(vaejob("verify", "cars", "--json")) == expected


def test_all_is_right_when_the_images_lie_in_shards(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", errors=(FAULT,), shards=True)
    outcome = vaejob("verify", "cars")
    assert outcome.code == 0
    assert "9 images, 1 listed error, 6 side files, 3 documents" in outcome.out


def test_fault_is_named_when_two_images_of_a_shard_have_changed_places(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", shards=True)
    rewrite(store, lambda lines: [msgspec.structs.replace(lines[0], member=lines[1].member), *lines[1:]])
    assert faults(vaejob("verify", "cars", "--json")) == [("wrong_name", 0, "shards/00000.tar")]


def test_fault_is_named_when_a_stranger_or_a_lone_image_lies_beside_shards(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", shards=True)
    for name in ("shards/00003.tar", "images/00000000.png"):
        store.write(ROOT + name, b"")
    assert faults(vaejob("verify", "cars", "--json")) == [
        ("stranger", None, "images/00000000.png"),
        ("stranger", None, "shards/00003.tar"),
    ]


def following(expected: list[tuple[str, int | None, str | None]]) -> list[tuple[str, int | None, str | None]]:
    """What else is not right once a whole document is not there, or its last line."""
    if ("truncated", None, "manifest.jsonl") in expected:
        return [
            ("not_accounted_for", 9, "images/00000009.png"),
            ("wrong_count", None, "end.json"),
            ("stranger", None, "images/00000009.png"),
        ]
    return []


def test_twenty_faults_are_shown_and_all_counted_when_there_are_many(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    for number in range(30):
        store.write(f"{ROOT}images/stranger-{number}\n", b"")
    outcome = vaejob("verify", "cars")
    assert outcome.code == 1
    assert len(outcome.out.splitlines()) == 21
    assert "30 faults" in outcome.out
    assert "vaejob verify cars --json" in outcome.err
    assert len(vaejob("verify", "cars", "--json").json["faults"]) == 30


def test_verify_is_refused_when_the_job_has_not_ended(vaejob: Vaejob, store: Store) -> None:
    work.accept(store, work.make_job("cars"))
    outcome = vaejob("verify", "cars")
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "is submitted: it can be verified once it has ended" in outcome.err
    assert vaejob("verify", "other").code == 2


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_leftovers_are_counted_when_the_job_did_not_succeed(state: str, vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars", state=state, parts=2)
    for name in ("images/00000008.png", "sheets/00002.jpg", "latents/00002.npy"):
        store.write(ROOT + name, b"left")
    outcome = vaejob("verify", "cars", "--json")
    assert outcome.code == 0
    assert outcome.json["checked"] | {"documents": 0} == {
        "images": 8,
        "errors": 0,
        "not_done": 2,
        "side_files": 2,
        "documents": 0,
        "left_over": 3,
    }
    store.write(f"{ROOT}images/00000010.png", b"of no plan")
    store.write(f"{ROOT}_SUCCESS", b"")
    assert faults(vaejob("verify", "cars", "--json")) == [
        ("stranger", None, "_SUCCESS"),
        ("stranger", None, "images/00000010.png"),
    ]


def test_all_is_right_when_the_job_ended_before_it_was_planned(vaejob: Vaejob, store: Store) -> None:
    work.accept(store, work.make_job("cars"))
    store.create(f"{ROOT}end.json", to_pretty_json(End(state="cancelled", items=0, done=0, errors=0)))
    assert vaejob("verify", "cars").code == 0
    store.write(f"{ROOT}images/00000000.png", b"")
    assert faults(vaejob("verify", "cars", "--json")) == [("stranger", None, "images/00000000.png")]


def reconstruct_job(store: Store, keys: list[str], change: dict[str, Any] | None = None) -> None:
    """A finished job of these inputs, two in a part; `change` is done to the first item."""
    spec = ReconstructSpec(source="file:///cars", part_size=2)
    job = work.accept(store, work.make_job("cars", spec))
    made = work.plan_inputs(store, job, keys)
    records = []
    for part in range(made.parts):
        record = work.commit(store, job, made, part, sources=keys)
        if part == 0 and change:
            first = msgspec.structs.replace(record.items[0], **change)
            record = msgspec.structs.replace(record, items=(first, *record.items[1:]))
        records.append(record)
    work.finish(store, job, made, records)


def test_all_is_right_when_outputs_sort_otherwise_than_their_inputs(vaejob: Vaejob, store: Store) -> None:
    reconstruct_job(store, ["B", "a b", "a!", "a/b", "a/~x", "y" * 201, "é"])
    assert vaejob("verify", "cars").code == 0


def test_fault_is_named_when_an_output_has_another_source(vaejob: Vaejob, store: Store) -> None:
    reconstruct_job(store, ["a", "b", "c"], {"source": "b"})
    assert faults(vaejob("verify", "cars", "--json")) == [("wrong_source", 0, reconstruction_name("a", "png"))]


@pytest.mark.parametrize(
    ("data", "code"), [(None, "missing"), (b"rot", "unreadable"), (b"", "wrong_count")], ids=["gone", "rot", "short"]
)
def test_fault_is_told_once_when_the_planned_inputs_are_damaged(
    data: bytes | None, code: str, vaejob: Vaejob, store: Store
) -> None:
    reconstruct_job(store, ["a", "b", "c"])
    key = JobKeys("cars").inputs("set", 0)
    if data is None:
        store.delete([key])
    else:
        store.write(key, data)
    assert [fault[0] for fault in faults(vaejob("verify", "cars", "--json"))] == [code]


def test_exit_is_4_when_the_store_goes_away(vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    work.whole_job(store, "cars")
    read = FolderStore.read

    def away(self: FolderStore, key: str, **options: Any) -> Any:
        if "images" in key:
            raise StoreUnavailable("the store does not answer")
        return read(self, key, **options)

    monkeypatch.setattr(FolderStore, "read", away)
    outcome = vaejob("verify", "cars")
    assert (outcome.code, outcome.out) == (4, "")


def test_image_is_a_fault_when_it_was_replaced_by_a_link(vaejob: Vaejob, store: Store, home: Path) -> None:
    work.whole_job(store, "cars")
    image = home / "store" / ROOT / "images/00000003.png"
    image.rename(home / "elsewhere")
    image.symlink_to(home / "elsewhere")
    assert faults(vaejob("verify", "cars", "--json")) == [("unreadable", 3, "images/00000003.png")]


def test_unknown_document_of_the_end_is_held_against_its_sha256(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    end = from_json(store.read(f"{ROOT}end.json").data, End, "end")
    more = (*end.documents, work.document("more.txt", b"more"))
    store.write(f"{ROOT}end.json", to_pretty_json(msgspec.structs.replace(end, documents=more)))
    assert faults(vaejob("verify", "cars", "--json")) == [("missing", None, "more.txt")]


def test_names_are_found_when_they_wait_on_disk() -> None:
    names = [f"{number * 7919 % 1000:04d}" for number in range(0, 1000, 2)]
    with SortedNames(held=64) as held:
        for name in names:
            held.add(name)
        asked = sorted({f"{number:04d}" for number in range(1000)} | {"", "0500x", "é"}, key=str.encode)
        assert [name for name in asked if held.holds(name)] == sorted(names)


def test_nothing_but_json_is_on_stdout_when_asked_for(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "cars")
    assert json.loads(vaejob("verify", "cars", "--json").out)["job_id"] == "cars"
