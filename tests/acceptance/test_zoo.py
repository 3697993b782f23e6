"""A worker among odd files under odd names: each is accounted for, and the worker lives, no larger than before."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.acceptance.conftest import MakeFleet
from tests.checkpoints import TINY
from tests.fleet import Fleet, Worker
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.unit.imaging.zoo import Animal
from tests.zoo.files import MAX_INPUT_BYTES, bad_files, good_files, large_files, plain_picture
from tests.zoo.keys import ODD_KEYS
from vae_core.errors import StoreError
from vae_core.imaging.fitting import fit_image
from vae_core.jobs.parts import GRID_PAIRS
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

MOST_MORE_BYTES = 300 * 2**20


@dataclass
class Place:
    """Where inputs and results lie. files, keys: the sources, each with its address."""

    name: str
    fleet: Fleet
    files_url: str
    keys_url: str
    files: Store
    keys: Store
    results: Store

    def job_lines(self, job_id: str, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(job_id, name).split(b"\n") if line]

    def read(self, job_id: str, name: str) -> bytes:
        return self.results.read(f"jobs/{job_id}/{name}").data


@pytest.fixture(params=["folder", "moto", "rclone"])
def place(request: pytest.FixtureRequest, make_fleet: MakeFleet, tmp_path: Path) -> Place:
    limit = {"VAEJOB_MAX_INPUT_BYTES": str(MAX_INPUT_BYTES)}
    if request.param == "folder":
        fleet = make_fleet(**limit)
        files, keys = f"file://{tmp_path}/files", f"file://{tmp_path}/keys"
        return Place("folder", fleet, files, keys, open_store(files), open_store(keys), fleet.store)
    server: S3Server = request.getfixturevalue(f"s3_{request.param}")
    redis: RedisServer = request.getfixturevalue("redis_server")
    files, keys, results = (f"s3://{server.make_bucket()}" for _ in range(3))
    fleet = make_fleet(
        VAEJOB_STORE=f"{results}/a prefix",
        VAEJOB_SOURCES=f"{files} {keys}",
        VAEJOB_QUEUE=f"zoo-{request.param}",
        **limit,
        **redis.env,
        **server.env,
    )
    stores = [open_store(url, s3=server.options) for url in (files, keys, f"{results}/a prefix")]
    return Place(request.param, fleet, files, keys, *stores)


def write_keys(place: Place) -> set[str]:
    """A picture under each odd name that the place can hold; those names."""
    held = {odd.key for odd in ODD_KEYS if place.name not in odd.not_held}
    for key in held:
        place.keys.write(key, plain_picture())
    if place.name != "rclone":  # which does not say so of each, and may make a folder of a key
        for key in {odd.key for odd in ODD_KEYS} - held:
            with pytest.raises(StoreError):
                place.keys.write(key, plain_picture())
    if place.name == "moto":
        place.keys.write("marker/", b"")  # no input: consoles make such for an empty folder
    return held


def write_files(place: Place) -> tuple[dict[str, Animal], dict[str, str]]:
    """The good files, in folders of as many as a contact sheet shows, and the code of each bad one, by key."""
    good = {f"good {number // GRID_PAIRS}/{name}": file for number, (name, file) in enumerate(good_files().items())}
    bad = {f"bad/{name}": found for name, found in bad_files().items()}
    for key, animal in good.items():
        place.files.write(key, animal.data)
    for key, (data, _) in bad.items():
        place.files.write(key, data)
    return good, {key: code for key, (_, code) in bad.items()}


def reconstruct(place: Place, job_id: str, source: str, expect: int = 0) -> None:
    place.fleet.vaejob(
        "reconstruct", source, "--part-size", "32", "--job-id", job_id, "--watch", expect=expect, timeout_s=120
    )
    place.fleet.vaejob("verify", job_id)


def check_accounts(place: Place, job_id: str, good: set[str], bad: Mapping[str, str]) -> None:
    """Every key is in the manifest or the error list, once, and bad ones with the code that is theirs."""
    errors = place.job_lines(job_id, "errors.jsonl")
    assert {line["source"]: line["code"] for line in errors} == bad
    assert sorted(line["source"] for line in place.job_lines(job_id, "manifest.jsonl")) == sorted(good)
    end = json.loads(place.read(job_id, "end.json"))
    assert (end["state"], end["done"], end["errors"]) == ("succeeded", len(good), len(bad))


def fitted(animal: Animal) -> NDArray[np.uint8]:
    pixels = np.round(animal.pixels).astype(np.uint8)
    return fit_image(Image.fromarray(pixels), TINY.image_size, "pad")


def wrong_pixels(place: Place, job_id: str, animals: Mapping[str, Animal]) -> Iterator[str]:
    """Names of those that the model saw otherwise than a viewer shows them. animals: by key, one folder deep."""
    by_name = {key.partition("/")[2]: animal for key, animal in animals.items()}
    for line in place.job_lines(job_id, "manifest.jsonl"):
        animal = by_name[line["source"]]
        with Image.open(io.BytesIO(place.read(job_id, f"sheets/inputs/{line['index']:08d}.png"))) as image:
            difference = np.abs(np.asarray(image).astype(int) - fitted(animal)).max()
        if difference > 2 * animal.within + 2:  # enlarging overshoots at edges
            yield f"{animal.name}: {difference}"


def model_process(worker: Worker) -> psutil.Process:
    """The child that decodes and runs the model."""
    parts = [child for child in worker.children() if child.cmdline()[-1] == "parts" and child.children()]
    return parts[0].children()[0]


def peak_bytes(process: psutil.Process) -> int:
    """The largest resident size since the last `forget_peak`."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def forget_peak(process: psutil.Process) -> None:
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


@pytest.mark.timeout(300)
def test_each_file_is_accounted_for_and_the_worker_lives_when_all_of_them_are_odd(place: Place) -> None:
    keys, (good, bad) = write_keys(place), write_files(place)
    large = {f"large/{name}": data for name, data in large_files().items()}
    for key, data in large.items():
        place.files.write(key, data)
    assert len(good) + len(bad) > 150
    assert len(keys) > 30
    worker = place.fleet.start_worker()
    place.fleet.vaejob("sample", "--n", "4", "--job-id", "first", "--watch")
    child = model_process(worker)
    idle = child.memory_info().rss
    forget_peak(child)

    reconstruct(place, "files", f"{place.files_url}/", expect=3)
    check_accounts(place, "files", {*good, *large}, bad)
    reconstruct(place, "keys", f"{place.keys_url}/")
    check_accounts(place, "keys", keys, {})
    if place.name == "folder":  # where an image comes from does not change it
        for folder in sorted({key.partition("/")[0] for key in good}):
            reconstruct(place, folder.replace(" ", "-"), f"{place.files_url}/{folder}/")
            assert list(wrong_pixels(place, folder.replace(" ", "-"), good)) == []

    assert model_process(worker).pid == child.pid
    assert peak_bytes(child) - idle < MOST_MORE_BYTES
    place.fleet.vaejob("sample", "--n", "4", "--seed", "1", "--job-id", "last", "--watch")
    place.fleet.vaejob("rm", "keys", "files", "--yes")
    assert {"first", "last"} <= set(place.results.list_folders("jobs/"))
    assert not [*place.results.list("jobs/keys/"), *place.results.list("jobs/files/"), *place.results.list("open/")]
    assert worker.stop() == 0
