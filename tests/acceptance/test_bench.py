"""`vaejob bench` on a real worker."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fleet import Fleet
from tests.pictures import write_cars


def test_workers_are_measured_and_nothing_is_left(fleet: Fleet, tmp_path: Path) -> None:
    refused = fleet.vaejob("bench", expect=2)
    assert "bench measures workers: no worker is there" in refused.stderr

    fleet.start_worker()
    write_cars(tmp_path / "cars", 5)
    options = ("--n", "40", "--runs", "2", "--source", str(tmp_path / "cars"))
    found = json.loads(fleet.vaejob("bench", *options, "--json").stdout)
    assert [worker["processes"] for worker in found["workers"]] == [1]
    assert {kind: told["images"] for kind, told in found["kinds"].items()} == {"sample": 40, "reconstruct": 5}
    for spread in (found["submit_s"], found["first_image_s"], found["one_image_job_s"]):
        assert 0 < spread["min"] <= spread["median"] <= spread["max"]
    assert found["submit_s"]["median"] < found["first_image_s"]["median"] < found["one_image_job_s"]["median"]
    for told in found["kinds"].values():
        assert told["images_per_s"]["median"] > 0
        assert {"model", "encode", "write"} <= set(told["shares"])
        assert abs(sum(told["shares"].values()) - 1) < 0.02
    assert list(fleet.store.list("jobs/")) == list(fleet.store.list("open/")) == []

    shown = fleet.vaejob("bench", "--n", "10", "--runs", "1", "--keep")
    assert "sample, 10 images, submitted to ended" in shown.stdout
    assert len(list(fleet.store.list_folders("jobs/"))) == 1 + 5 + 1
