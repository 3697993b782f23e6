"""Parts whose attempts keep dying, step by step: which items are listed, and what is asked of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.integration.conftest import Bench
from tests.integration.test_job_life import outputs
from tests.pictures import write_cars
from vae_core.errors import DeviceFailed
from vae_core.jobs.codec import to_json
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import ReconstructSpec, SampleSpec
from vae_core.model.engine import Engine
from worker.attempts import Attempt
from worker.engines import Engines
from worker.parts import PartHandler
from worker.reconstructing import Reconstructing

SAMPLE = SampleSpec(n=50, seed=7, part_size=8)


def died(bench: Bench, part: int, times: int, **alone: object) -> None:
    """Leaves the notes of attempts that died."""
    before = len(bench.keys(JobKeys("j").attempts(part)))
    for number in range(before + 1, before + times + 1):
        attempt = Attempt(number=number, worker="box:1", one_by_one=bool(alone), **alone)  # type: ignore[arg-type]
        bench.store.write(JobKeys("j").attempt(part, f"t{number}"), to_json(attempt))


def test_bytes_are_the_same_when_items_are_done_one_by_one(bench: Bench) -> None:
    for job_id in ("i", "j"):
        bench.submit(job_id, SAMPLE)
        bench.planner.plan(job_id)
    died(bench, 2, 3)
    bench.run_until_quiet()
    assert outputs(bench, "j") == outputs(bench, "i")
    assert bench.end("j").state == "succeeded"


def test_item_is_listed_and_the_others_are_done_when_it_kills_its_process(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    died(bench, 2, 3)
    died(bench, 2, 6, item=19)
    bench.run_until_quiet()
    end = bench.end("j")
    assert (end.state, end.done, end.errors) == ("succeeded", 49, 1)
    [line] = bench.store.read(JobKeys("j").errors).data.splitlines()
    assert (json.loads(line)["index"], json.loads(line)["code"]) == (19, "worker_died")


def test_bytes_are_the_same_when_some_items_got_through_alone_before(bench: Bench) -> None:
    for job_id in ("i", "j"):
        bench.submit(job_id, SAMPLE)
        bench.planner.plan(job_id)
    died(bench, 2, 3)
    died(bench, 2, 1, item=20)
    bench.run_until_quiet()
    assert outputs(bench, "j") == outputs(bench, "i")


def test_part_is_given_up_and_the_job_fails_when_attempts_die_outside_of_items(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    died(bench, 2, 3)
    died(bench, 2, 3, item=None, outside=True)
    bench.run_until_quiet()
    end = bench.end("j")
    assert (end.state, end.done, end.errors) == ("failed", 42, 8)
    assert end.failure is not None
    assert end.failure.code == "worker_died"
    errors = bench.store.read(JobKeys("j").errors).data.splitlines()
    assert [json.loads(line)["index"] for line in errors] == list(range(16, 24))


def test_item_in_hand_is_noted_when_items_are_done_one_by_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.sent()
    died(bench, 2, 3)
    seen: list[int | None] = []
    decode = Engine.decode

    def look(self: Engine, z: object) -> object:
        notes = (json.loads(bench.store.read(note.key).data) for note in bench.store.list("jobs/j/attempts/00002/"))
        seen.extend(note.get("item") for note in notes if note.get("one_by_one"))
        return decode(self, z)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "decode", look)
    bench.parts.handle("j", 2)
    assert seen == list(range(16, 24))


def test_item_is_listed_when_it_raises_what_nobody_foresaw(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cars(tmp_path / "cars", 5)
    bench.submit("j", ReconstructSpec(source=f"file://{tmp_path}/cars"))
    model = Reconstructing.model

    def stumble(self: Reconstructing, fetched: list[object]) -> object:
        if any(item.index == 3 for item in fetched):  # type: ignore[attr-defined]
            raise ZeroDivisionError("of this image")
        return model(self, fetched)  # type: ignore[arg-type]

    monkeypatch.setattr(Reconstructing, "model", stumble)
    bench.run_until_quiet()
    while not bench.keys("jobs/j/end.json") and bench.keys("open/"):  # what the reconciler would do
        bench.reconciler.reconcile()
        bench.run_until_quiet()
    end = bench.end("j")
    assert (end.state, end.done, end.errors) == ("succeeded", 4, 1)
    [line] = bench.store.read(JobKeys("j").errors).data.splitlines()
    assert json.loads(line)["code"] == "failed"
    assert json.loads(line)["source"] == "car-003.png"
    assert "ZeroDivisionError: of this image" in json.loads(line)["message"]


def test_batches_are_halved_for_good_when_the_device_has_no_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    run_out_of_memory(monkeypatch, above=8)
    bench.run_until_quiet()
    assert bench.end("j").state == "succeeded"
    records = [json.loads(bench.store.read(f"jobs/j/parts/{key}").data) for key in bench.keys("jobs/j/parts/")]
    assert {record["halved_from"] for record in records} == {32}
    assert all("8x32x32" in record["kind"] for record in records)


def test_part_goes_back_uncounted_when_the_device_is_gone(bench: Bench) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.sent()
    engines = Engines(bench.settings, bench.store, "cuda:7")
    parts = PartHandler(bench.settings, bench.store, bench.hints, bench.sender, engines, lambda: False)
    with pytest.raises(DeviceFailed, match="cuda:7 is not on this machine"):
        parts.handle("j", 0)
    assert bench.keys("jobs/j/attempts/") == []


def test_part_goes_back_uncounted_when_the_device_gives_no_numbers(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cars(tmp_path / "cars", 3)
    bench.submit("j", ReconstructSpec(source=f"file://{tmp_path}/cars"))
    bench.planner.plan("j")
    bench.sent()
    monkeypatch.setattr(Engine, "_encode", lambda self, images: torch.full((32, self.latent_dim), torch.nan))
    with pytest.raises(DeviceFailed, match="not finite"):
        bench.parts.handle("j", 0)
    assert bench.keys("jobs/j/attempts/") == []


def test_part_goes_back_uncounted_when_the_device_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit("j", SAMPLE)
    bench.planner.plan("j")
    bench.sent()
    run_out_of_memory(monkeypatch, above=0)
    for _ in (32, 16, 8, 4, 2):
        bench.parts.handle("j", 0)
    with pytest.raises(DeviceFailed, match="no room for a batch of one image"):
        bench.parts.handle("j", 0)
    assert bench.keys("jobs/j/attempts/") == []
    bench.reconciler.reconcile()
    assert ("part", ["j", 0]) in bench.sent()


def run_out_of_memory(monkeypatch: pytest.MonkeyPatch, above: int) -> None:
    """Lets torch fail as it does without memory, for batches of more images."""
    to_device = Engine._to_device

    def limited(self: Engine, rows: object) -> object:
        if self.batch_size > above:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")
        return to_device(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "_to_device", limited)
