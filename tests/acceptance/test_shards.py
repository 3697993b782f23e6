"""Jobs whose images lie in shards, with real processes and real stores."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet
from tests.pictures import write_bad_pictures, write_cars
from tests.servers.redis import RedisServer
from tests.servers.s3 import MotoServer


def members(data: bytes) -> dict[str, bytes]:
    """The files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def in_shards(fleet: Fleet, job_id: str, parts: int) -> dict[str, bytes]:
    """The files of all shards of a job."""
    return {
        name: data
        for part in range(parts)
        for name, data in members(fleet.read(job_id, f"shards/{part:05d}.tar")).items()
    }


@pytest.mark.timeout(400)
def test_images_are_the_same_bytes_when_they_lie_in_shards(fleet: Fleet) -> None:
    pictures = fleet.folder / "pictures"
    write_cars(pictures, 9)
    write_bad_pictures(pictures)
    fleet.start_worker()
    kinds = {
        "samples": ("sample", "--n", "20", "--seed", "7"),
        "pairs": ("reconstruct", str(pictures)),
        "frames": ("interpolate", "seed:7/0", str(pictures / "car-000.png"), "--steps", "6"),
    }
    for name, command in kinds.items():
        code = 3 if name == "pairs" else 0
        fleet.vaejob(*command, "--part-size", "5", "--job-id", f"{name}-files", "--watch", expect=code)
        fleet.vaejob(*command, "--part-size", "8", "--shards", "--job-id", f"{name}-shards", "--watch", expect=code)
        alone = fleet.manifest(f"{name}-files")
        packed = fleet.manifest(f"{name}-shards")
        files = in_shards(fleet, f"{name}-shards", len({line["key"] for line in packed}))
        assert [line["sha256"] for line in packed] == [line["sha256"] for line in alone]
        for one, other in zip(alone, packed, strict=True):
            assert files[other["member"]] == fleet.read(f"{name}-files", one["key"])
            shard = fleet.read(f"{name}-shards", other["key"])
            piece = shard[other["offset"] : other["offset"] + other["size_bytes"]]
            assert hashlib.sha256(piece).hexdigest() == other["sha256"]
            described = json.loads(files[f"{other['index']:08d}.json"])
            assert described == {field: other[field] for field in described}
        same = ["grid.png", "errors.jsonl"]
        same += {"pairs": ["worst.png", "best.png"], "frames": ["animation.webp", "animation.gif"]}.get(name, [])
        for document in same:
            assert fleet.read(f"{name}-shards", document) == fleet.read(f"{name}-files", document), document
        assert not list(fleet.store.list(f"jobs/{name}-shards/images/"))
    fleet.verify_all()


@pytest.mark.timeout(400)
def test_shard_is_made_again_when_it_is_damaged_before_the_job_ends(fleet: Fleet) -> None:
    worker = fleet.start_worker()
    fleet.vaejob("sample", "--n", "12", "--seed", "7", "--part-size", "4", "--shards", "--job-id", "whole", "--watch")
    whole = fleet.read("whole", "shards/00001.tar")
    keys = [found.key for found in fleet.store.list("jobs/whole/")]
    documents = ("_SUCCESS", "end.json")
    worker.kill_all()
    fleet.store.delete(key for key in keys if key.endswith(documents))
    fleet.store.write("jobs/whole/shards/00001.tar", whole[:-1])
    fleet.store.delete(["jobs/whole/shards/00002.tar"])
    fleet.store.write("open/whole", b"")
    fleet.start_worker()
    fleet.vaejob("watch", "whole")
    assert fleet.read("whole", "shards/00001.tar") == whole
    fleet.vaejob("verify", "whole")


@pytest.mark.timeout(400)
def test_shards_are_fetched_and_verified_when_they_lie_in_a_bucket(
    make_fleet: MakeFleet, redis_server: RedisServer, s3_moto: MotoServer, tmp_path: Path
) -> None:
    bucket = s3_moto.make_bucket()
    fleet = make_fleet(
        VAEJOB_STORE=f"s3://{bucket}/deep", VAEJOB_QUEUE=f"test-{bucket}", **redis_server.env, **s3_moto.env
    )
    fleet.start_worker()
    fleet.vaejob("sample", "--n", "20", "--seed", "7", "--part-size", "8", "--shards", "--job-id", "s", "--watch")
    assert "20 images" in fleet.vaejob("verify", "s").stdout
    assert " 0 there already" in fleet.vaejob("fetch", "s", "--to", str(tmp_path / "s")).stdout
    assert "0 files fetched" in fleet.vaejob("fetch", "s", "--to", str(tmp_path / "s")).stdout
    assert len(members((tmp_path / "s" / "shards" / "00002.tar").read_bytes())) == 8
