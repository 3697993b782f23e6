"""`vaecore prepare` as a process, from a bucket of a real S3 endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.servers.s3 import MotoServer
from tests.unit.preparation.pictures import write_many
from vae_core.storage.opening import open_store

SCRIPT = Path(sys.executable).parent / "vaecore"


def prepare(server: MotoServer, home: Path, source: str, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "VAEJOB_HOME": str(home), **server.env}
    command = [str(SCRIPT), "prepare", source, str(out), "--size", "16", *more]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_data_set_of_a_prefix_is_that_of_a_folder_when_they_hold_the_same(s3_moto: MotoServer, tmp_path: Path) -> None:
    folder = write_many(tmp_path / "cars", 20)
    (folder / "notes.txt").write_text("no picture")
    bucket = s3_moto.make_bucket()
    store = open_store(f"s3://{bucket}", s3=s3_moto.options)
    for path in folder.iterdir():
        store.write(f"all/cars/{path.name}", path.read_bytes())
    store.write("all/cars/", b"")  # what a console makes of a folder
    store.write("all/cars/.DS_Store", b"x")
    store.write("all/cars2/other.png", (folder / "000.png").read_bytes())
    (folder / ".DS_Store").write_bytes(b"x")
    made = prepare(s3_moto, tmp_path, f"s3://{bucket}/all/cars/", tmp_path / "bucket.zip", "--json")
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    assert (report["files"], report["hidden"], report["kept"]) == (21, 1, 20)
    assert report["rejected_by_code"] == {"not_an_image": 1}
    assert prepare(s3_moto, tmp_path, str(folder), tmp_path / "folder.zip").returncode == 0
    assert (tmp_path / "bucket.zip").read_bytes() == (tmp_path / "folder.zip").read_bytes()


def test_object_is_listed_when_it_is_too_large_to_be_read(s3_moto: MotoServer, tmp_path: Path) -> None:
    bucket = s3_moto.make_bucket()
    store = open_store(f"s3://{bucket}", s3=s3_moto.options)
    for path in write_many(tmp_path / "cars", 3).iterdir():
        store.write(path.name, path.read_bytes())
    store.write("film.mp4", bytes(64 * 2**20 + 1))
    made = prepare(s3_moto, tmp_path, f"s3://{bucket}/", tmp_path / "set.zip", "--json")
    assert made.returncode == 0, made.stderr
    assert [(each["name"], each["code"]) for each in json.loads(made.stdout)["rejected"]] == [("film.mp4", "too_large")]


def test_command_ends_in_one_line_when_there_is_no_such_bucket_or_nothing_in_it(
    s3_moto: MotoServer, tmp_path: Path
) -> None:
    for bucket, said in (("no-such-bucket", "no-such-bucket"), (s3_moto.make_bucket(), "holds no files")):
        made = prepare(s3_moto, tmp_path, f"s3://{bucket}/cars/", tmp_path / "out" / "set.zip")
        assert (made.returncode, made.stdout) == (2, "")
        assert made.stderr.startswith("Error: ")
        assert len(made.stderr.splitlines()) == 1
        assert said in made.stderr
    assert not (tmp_path / "out").exists()
