"""Where inputs come from: globs and lists of keys, on real buckets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet
from tests.pictures import write_cars
from tests.servers.redis import RedisServer
from tests.servers.s3 import MotoServer, S3Server
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

ODD = "a b+c%20#?'é.png"


def filled(s3: S3Server, pictures: list[bytes], *keys: str) -> tuple[str, Store]:
    """A bucket with a picture under each of the keys."""
    bucket = s3.make_bucket()
    store = open_store(f"s3://{bucket}", s3=s3.options)
    for number, key in enumerate(keys):
        store.write(key, pictures[number % len(pictures)])
    return bucket, store


def results(fleet: Fleet, job_id: str, code: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Manifest and errors of a job in a bucket, once it has ended with this exit code."""
    folder = fleet.folder / job_id
    fleet.vaejob("watch", job_id, expect=code)
    fleet.vaejob("verify", job_id)
    fleet.vaejob("fetch", job_id, "--to", str(folder), expect=code)
    manifest, errors = (
        [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("manifest.jsonl", "errors.jsonl")
    )
    return manifest, errors


@pytest.fixture
def pictures(tmp_path: Path) -> list[bytes]:
    write_cars(tmp_path / "cars", 3)
    return [path.read_bytes() for path in sorted((tmp_path / "cars").iterdir())]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("server", ["s3_moto", "s3_rclone"])
def test_only_what_is_named_is_read_when_the_source_is_a_glob_or_a_list(
    server: str, make_fleet: MakeFleet, redis_server: RedisServer, pictures: list[bytes], request: pytest.FixtureRequest
) -> None:
    s3: S3Server = request.getfixturevalue(server)
    keys = ["cars/top.jpg", f"cars/a/{ODD}", "cars/a/b/deep.jpg", "cars/a/b/notes.txt", "cars2/x.jpg", "y.jpg"]
    bucket, _ = filled(s3, pictures, *keys)
    fleet = make_fleet(
        VAEJOB_STORE=f"s3://{bucket}/results", VAEJOB_QUEUE=f"test-{bucket}", **redis_server.env, **s3.env
    )
    fleet.start_worker()
    globs = {
        "cars/**/*.jpg": ["cars/a/b/deep.jpg", "cars/top.jpg"],
        "*.jpg": ["y.jpg"],
        "c*/*.jpg": ["cars/top.jpg", "cars2/x.jpg"],
        "cars/*/*.png": [f"cars/a/{ODD}"],
    }
    for number, glob in enumerate(globs):
        fleet.vaejob("reconstruct", f"s3://{bucket}/{glob}", "--job-id", f"glob-{number}")
    key_list = fleet.folder / "keys.txt"
    listed = [f"a/{ODD}", "a/gone.jpg", "top.jpg", "a/b/notes.txt", f"s3://{bucket}/cars/top.jpg", "a/b/deep.jpg"]
    key_list.write_text("\r\n".join(listed))
    fleet.vaejob(
        "reconstruct", f"s3://{bucket}/cars", "--from-manifest", str(key_list), "--part-size", "2", "--job-id", "list"
    )
    for number, expected in enumerate(globs.values()):
        manifest, errors = results(fleet, f"glob-{number}")
        assert sorted(line["source"] for line in manifest) == sorted(expected)
        assert errors == []
    manifest, errors = results(fleet, "list", code=3)
    assert [(line["index"], line["source"]) for line in manifest] == [
        (0, f"cars/a/{ODD}"),
        (2, "cars/top.jpg"),
        (3, "cars/a/b/notes.txt"),  # which is a picture, whatever its name
        (4, "cars/a/b/deep.jpg"),
    ]
    assert [(line["index"], line["source"], line["code"]) for line in errors] == [
        (1, "cars/a/gone.jpg", "object_missing")
    ]


@pytest.mark.timeout(400)
def test_outputs_carry_the_bucket_when_a_list_spans_several(
    make_fleet: MakeFleet, redis_server: RedisServer, s3_moto: MotoServer, pictures: list[bytes]
) -> None:
    first, store = filled(s3_moto, pictures, "a.jpg", ODD)
    second, _ = filled(s3_moto, pictures, "a.jpg")
    third, _ = filled(s3_moto, pictures, "a.jpg")
    fleet = make_fleet(
        VAEJOB_STORE=f"s3://{first}/results",
        VAEJOB_SOURCES=f"s3://{first} s3://{second}",
        VAEJOB_QUEUE=f"test-{first}",
        **redis_server.env,
        **s3_moto.env,
    )
    fleet.start_worker()
    lines = [f"s3://{second}/a.jpg", f"s3://{first}/{ODD}", f"s3://{first}/a.jpg"]
    store.write("lists/keys", "\n".join([*lines, lines[0]]).encode())
    fleet.vaejob("reconstruct", "--from-manifest", f"s3://{first}/lists/keys", "--job-id", "span")
    manifest, _ = results(fleet, "span")
    assert [line["source"] for line in manifest] == [f"{second}/a.jpg", f"{first}/{ODD}", f"{first}/a.jpg"]
    assert manifest[0]["key"] == f"images/{second}/a.jpg.png"
    assert json.loads((fleet.folder / "span" / "summary.json").read_text())["duplicates"] == 1

    store.write("lists/more", f"s3://{second}/a.jpg\ns3://{third}/a.jpg".encode())
    refused = fleet.vaejob("reconstruct", "--from-manifest", f"s3://{first}/lists/more", expect=2)
    assert f"s3://{third}/a.jpg is not allowed" in refused.stderr
