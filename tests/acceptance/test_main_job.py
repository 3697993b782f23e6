"""The main job with real processes: sampling and reconstructing, whatever the part size and the number of workers."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet, wait_for
from tests.pictures import write_bad_pictures, write_cars
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from vae_core.settings import SHIPPED_CHECKPOINT


def check_outputs(folder: Path, count: int) -> list[dict[str, object]]:
    """Every manifest line against its file below `folder`; the lines."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(count))
    for line in lines:
        data = (folder / line["key"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == line["sha256"]
        assert len(data) == line["size_bytes"]
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    assert len(list((folder / "images").rglob("*.*"))) == count
    with Image.open(folder / "grid.png") as grid:
        grid.load()
    return lines


@pytest.mark.timeout(400)
def test_500_samples_are_the_same_bytes_when_part_size_and_workers_differ(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(VAEJOB_CHECKPOINT="")
    fleet.start_worker()
    fleet.vaejob("sample", "--n", "500", "--seed", "7", "--part-size", "500", "--job-id", "whole", "--watch")
    fleet.start_worker("parts")
    fleet.vaejob("sample", "--n", "500", "--seed", "7", "--part-size", "64", "--job-id", "split", "--watch")
    jobs = fleet.folder / "home" / "store" / "jobs"
    lines = check_outputs(jobs / "whole", 500)
    assert len({line["sha256"] for line in lines}) == 500
    for name in ("manifest.jsonl", "errors.jsonl", "grid.png"):
        assert (jobs / "whole" / name).read_bytes() == (jobs / "split" / name).read_bytes()
    record = json.loads((jobs / "split" / "parts" / "00000.json").read_bytes())
    plan = json.loads((jobs / "split" / "plan.json").read_bytes())
    assert (plan["parts"], len(record["items"])) == (8, 64)
    assert plan["checkpoint_sha256"] == hashlib.sha256(SHIPPED_CHECKPOINT.read_bytes()).hexdigest()
    assert json.loads((jobs / "whole" / "end.json").read_bytes())["state"] == "succeeded"
    wait_for("no open job", lambda: not list(fleet.store.list("open/")), 20)


def test_inputs_are_reconstructed_or_listed_when_some_are_broken(fleet: Fleet) -> None:
    pictures = fleet.folder / "pictures"
    write_cars(pictures / "cars", 20)
    expected = write_bad_pictures(pictures)
    fleet.start_worker()
    fleet.vaejob("reconstruct", str(pictures), "--part-size", "7", "--job-id", "r", "--watch", expect=3)
    lines = fleet.manifest("r")
    assert [line["source"] for line in lines] == [f"cars/car-{index:03d}.png" for index in range(20)]
    assert all(0 < line["psnr"] < 100 and -1 <= line["ssim"] <= 1 for line in lines)
    assert {line["source"]: line["code"] for line in fleet.lines("r", "errors.jsonl")} == expected
    assert all((fleet.folder / "home/store/jobs/r" / line["key"]).is_file() for line in lines)
    page = fleet.read("r", "index.html").decode()
    assert "cars/car-000.png" in page
    assert not re.search(r"https?:", page)


@pytest.mark.parametrize("server", ["s3_moto", "s3_rclone"])
def test_both_kinds_are_done_when_redis_and_bucket_are_remote(
    server: str, make_fleet: MakeFleet, redis_server: RedisServer, request: pytest.FixtureRequest
) -> None:
    s3: S3Server = request.getfixturevalue(server)
    bucket = s3.make_bucket()
    remote = make_fleet(
        VAEJOB_STORE=f"s3://{bucket}/deep/prefix",
        VAEJOB_QUEUE=f"test-{bucket}",
        **redis_server.env,
        **s3.env,
    )
    local = make_fleet()
    for fleet in (remote, local):
        fleet.start_worker()
        fleet.vaejob("sample", "--n", "40", "--seed", "7", "--part-size", "16", "--job-id", "s", "--watch")
        fleet.vaejob("fetch", "s", "--to", str(fleet.folder / "s"))
    assert check_outputs(remote.folder / "s", 40) == check_outputs(local.folder / "s", 40)
    assert (remote.folder / "s" / "grid.png").read_bytes() == (local.folder / "s" / "grid.png").read_bytes()

    remote.vaejob("reconstruct", f"s3://{bucket}/deep/prefix/jobs/s/images/", "--job-id", "r", "--watch")
    remote.vaejob("fetch", "r", "--to", str(remote.folder / "r"))
    lines = check_outputs(remote.folder / "r", 40)
    assert lines[0]["source"] == "deep/prefix/jobs/s/images/00000000.png"
    assert lines[0]["key"] == "images/deep/prefix/jobs/s/images/00000000.png.png"
