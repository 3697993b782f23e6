"""The real `vaejob` as a process, on an S3 endpoint: what works, and each way a store can be unusable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.servers.s3 import MotoServer, RcloneServer, S3Server
from tests.unit.producer import work
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

SCRIPT = Path(sys.executable).parent / "vaejob"


def environment(home: Path, server: S3Server, bucket: str) -> dict[str, str]:
    """Nothing of this process's own but the path."""
    variables = {"VAEJOB_HOME": str(home), "VAEJOB_STORE": f"s3://{bucket}/prefix"}
    return {"PATH": os.environ["PATH"], "HOME": str(home), **server.env, **variables}


def vaejob(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), *args], env=env, capture_output=True, text=True, timeout=60, check=False)


def stored(server: S3Server, bucket: str) -> Store:
    return open_store(f"s3://{bucket}/prefix", s3=server.options)


def assert_unusable(outcome: subprocess.CompletedProcess[str]) -> None:
    assert outcome.returncode == 4, outcome.stderr
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("Error: ")
    assert len(outcome.stderr.splitlines()) == 1


def test_job_is_submitted_watched_and_fetched_when_the_store_is_a_bucket(s3_moto: MotoServer, tmp_path: Path) -> None:
    bucket = s3_moto.make_bucket()
    env = environment(tmp_path, s3_moto, bucket)
    store = stored(s3_moto, bucket)
    outcome = vaejob(env, "sample", "--n", "10", "--seed", "7", "--part-size", "4", "--job-id", "cars", "--json")
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["store"] == f"s3://{bucket}/prefix"
    assert store.stat(open_key("cars")) is not None
    job = work.make_job("cars")
    made = work.plan(store, job)
    work.finish(store, job, made, [work.commit(store, job, made, part) for part in range(3)])
    watched = vaejob(env, "watch", "latest")
    assert (watched.returncode, "Succeeded: 10 of 10 images" in watched.stdout) == (0, True)
    assert vaejob(env, "fetch", "cars", "--to", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out/images/00000009.png").read_bytes() == b"image 9"


def test_inputs_are_counted_when_a_bucket_is_previewed(s3_moto: MotoServer, tmp_path: Path) -> None:
    bucket = s3_moto.make_bucket()
    source = open_store(f"s3://{bucket}", s3=s3_moto.options)
    for key in ("cars/a.jpg", "cars/b/c.jpg", "cars2/d.jpg", "cars/e.txt"):
        source.write(key, b"12345")
    outcome = vaejob(
        environment(tmp_path, s3_moto, bucket),
        *("reconstruct", f"s3://{bucket}/cars/", "--pattern", "*.jpg", "--dry-run", "--json"),
    )
    assert json.loads(outcome.stdout)["inputs"] == {"count": 2, "size_bytes": 10}
    assert sorted(entry.key for entry in source.list()) == ["cars/a.jpg", "cars/b/c.jpg", "cars/e.txt", "cars2/d.jpg"]


@pytest.mark.parametrize("args", [("sample", "--n", "5"), ("list",), ("status", "latest")])
def test_command_ends_in_one_line_when_the_bucket_does_not_exist(
    args: tuple[str, ...], s3_moto: MotoServer, tmp_path: Path
) -> None:
    outcome = vaejob(environment(tmp_path, s3_moto, "no-such-bucket"), *args)
    assert_unusable(outcome)
    assert "no-such-bucket" in outcome.stderr


def test_command_ends_in_one_line_when_the_store_is_away(s3_moto: MotoServer, tmp_path: Path) -> None:
    env = environment(tmp_path, s3_moto, "any-bucket") | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    began = time.monotonic()
    assert_unusable(vaejob(env, "sample", "--n", "5"))
    assert time.monotonic() - began < 45
    assert vaejob(env, "doctor", "--json").returncode == 4


def test_command_ends_in_one_line_when_access_is_denied(s3_rclone: RcloneServer, tmp_path: Path) -> None:
    bucket = s3_rclone.make_bucket()
    env = environment(tmp_path, s3_rclone, bucket) | {"AWS_SECRET_ACCESS_KEY": "not-the-right-one"}
    outcome = vaejob(env, "sample", "--n", "5")
    assert_unusable(outcome)
    assert "not-the-right-one" not in outcome.stderr
    assert s3_rclone.secret_access_key not in outcome.stderr
    assert list(stored(s3_rclone, bucket).list()) == []


def test_same_job_is_found_again_when_the_store_ignores_conditions(s3_rclone: RcloneServer, tmp_path: Path) -> None:
    bucket = s3_rclone.make_bucket()
    env = environment(tmp_path, s3_rclone, bucket)
    assert vaejob(env, "sample", "--n", "5", "--job-id", "cars").returncode == 0
    first = stored(s3_rclone, bucket).read(JobKeys("cars").job).data
    assert vaejob(env, "sample", "--n", "5", "--job-id", "cars").returncode == 0
    assert vaejob(env, "sample", "--n", "6", "--job-id", "cars").returncode == 2
    assert stored(s3_rclone, bucket).read(JobKeys("cars").job).data == first


def test_job_goes_on_when_the_watcher_is_interrupted(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "VAEJOB_HOME": str(tmp_path)}
    command = [str(SCRIPT), "sample", "--n", "5", "--job-id", "cars", "--watch"]
    with subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As from a terminal: tests that run in the background of a shell have Ctrl-C ignored, and pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        try:
            assert "submitted" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "job cars goes on; come back with `vaejob watch cars`" in told
    assert "Traceback" not in told
    assert open_store(f"file://{tmp_path}/store").stat("jobs/cars/cancel") is None


def test_nothing_is_said_when_the_reader_of_the_output_leaves(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "VAEJOB_HOME": str(tmp_path)}
    for number in range(3):
        work.accept(open_store(f"file://{tmp_path}/store"), work.make_job(f"job-{number}"))
    read, write = os.pipe()
    os.close(read)
    outcome = subprocess.run(
        [str(SCRIPT), "list"], env=env, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert outcome.stderr == ""
