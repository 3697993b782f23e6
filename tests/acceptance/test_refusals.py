"""What is refused: one line naming the value and what is allowed, a status, and nothing written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.checkpoints import TINY, write_tiny_checkpoint
from tests.fleet import BIN, Fleet
from tests.servers.process import free_port
from tests.servers.s3 import MotoServer
from vae_core.model.checkpoint import read_info
from vae_core.model.tensors import read_tensors, write_checkpoint


def check_refused(fleet: Fleet, arguments: tuple[str, ...], status: int, *words: str) -> None:
    done = fleet.vaejob(*arguments, expect=status)
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    for word in words:
        assert word in lines[0]
    assert not (fleet.folder / "home" / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sample", "--n", "0"), ("--n 0", "1 to 10,000,000")),
        (("sample", "--n", "-3"), ("--n -3", "1 to 10,000,000")),
        (("sample", "--n", "abc"), ("--n", "abc")),
        (("sample", "--n", "99999999999"), ("--n 99999999999", "1 to 10,000,000")),
        (("sample", "--n", "5", "--format", "tga"), ("--format", "tga", "png, jpeg, webp")),
        (("sample", "--n", "5", "--job-id", "../x"), ("--job-id", "../x", "letters")),
        (("sample", "--n", "5", "--part-size", "0"), ("--part-size 0", "1 to")),
        (("sample", "--n", "5", "--temperature", "nan"), ("--temperature", "nan")),
        (("reconstruct", "gs://bucket/x"), ("gs://bucket/x", "s3://bucket/prefix")),
        (("reconstruct", "s3://not-allowed/x"), ("s3://not-allowed/x", "VAEJOB_SOURCES")),
        (("reconstruct", "/no/such/folder"), ("/no/such/folder",)),
    ],
)
def test_submission_is_refused_in_one_line_when_a_value_is_wrong(
    fleet: Fleet, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(fleet, arguments, 2, *words)


def test_nothing_is_submitted_when_the_store_is_away(fleet: Fleet, s3_moto: MotoServer) -> None:
    fleet.environment.update(s3_moto.env, VAEJOB_STORE="s3://bucket/x")
    fleet.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}"
    check_refused(fleet, ("sample", "--n", "5"), 4)


def test_nothing_is_submitted_when_the_bucket_does_not_exist(fleet: Fleet, s3_moto: MotoServer) -> None:
    fleet.environment.update(s3_moto.env, VAEJOB_STORE="s3://no-such-bucket-here/x")
    check_refused(fleet, ("sample", "--n", "5"), 4, "no-such-bucket-here")


def bad_checkpoint(path: Path, what: str) -> str:
    """Writes a checkpoint that is wrong in one way; what the error has to say of it."""
    if what == "text":
        path.write_text("these are no weights\n" * 100)
    elif what == "shape":
        write_tiny_checkpoint(path)
        info = read_info(path)
        tensors = read_tensors(info, info.tensors)
        name = max(tensors, key=lambda name: tensors[name].ndim)
        tensors[name] = tensors[name][..., :1]
        write_checkpoint(path, TINY, tensors, {})
        return f"tensor {name} has shape"
    elif what == "cut":
        write_tiny_checkpoint(path)
        path.write_bytes(path.read_bytes()[:-100])
    return str(path)


@pytest.mark.parametrize("what", ["missing", "text", "shape", "cut"])
def test_worker_refuses_to_start_when_its_checkpoint_cannot_be_used(fleet: Fleet, what: str) -> None:
    path = fleet.folder / "bad.safetensors"
    expected = bad_checkpoint(path, what)
    fleet.environment["VAEJOB_CHECKPOINT"] = str(path)
    fleet.environment["VAEJOB_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    done = subprocess.run(
        [BIN / "vaeworker", "parts"], env=fleet.environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert expected in done.stderr


def test_job_fails_with_status_1_when_its_source_turns_out_empty(fleet: Fleet) -> None:
    (fleet.folder / "empty").mkdir()
    fleet.start_worker("control")
    done = fleet.vaejob("reconstruct", str(fleet.folder / "empty"), "--job-id", "e", "--watch", expect=1)
    assert "no objects" in done.stdout + done.stderr
    assert not list(fleet.store.list("jobs/e/images/"))


def test_job_id_means_one_job_when_it_is_given_twice(fleet: Fleet) -> None:
    fleet.vaejob("sample", "--n", "5", "--job-id", "nightly")
    fleet.vaejob("sample", "--n", "5", "--job-id", "nightly")
    said = fleet.vaejob("sample", "--n", "6", "--job-id", "nightly", expect=2).stderr
    assert "nightly" in said
    assert len(list(fleet.store.list("jobs/"))) == 1
