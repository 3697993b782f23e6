"""`vaecore train`: its options, its refusals, and a run that is killed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from vae_core import cli
from vae_core.model.checkpoint import read_info
from vae_core.model.config import ModelConfig
from vae_core.training.augmentation import Augmentation
from vae_core.training.config import TrainingConfig
from vae_core.training.states import read_state

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)
_CONFIG = TrainingConfig(
    model=_MODEL,
    image_steps=480,
    batch_size=8,
    components=(1, 2),
    sheet_every=200,
    augmentation=Augmentation(shift_px=1, scale=0.1, color=0.1),
    denoise=0.2,
    state_every_s=0.1,
)
_FAST = ["--device", "cpu", "--threads", "1", "--no-tensorboard"]


def _data(folder: Path, count: int = 90) -> Path:
    """Images of one colour each, in an array file."""
    colours = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3), dtype=np.uint8)
    path = folder / "data.npy"
    np.save(path, np.broadcast_to(colours, (count, 16, 16, 3)))
    return path


def _config(folder: Path, config: TrainingConfig = _CONFIG) -> Path:
    path = folder / "config.json"
    path.write_text(config.to_json())
    return path


def _rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


def _hashes(run: Path) -> dict[str, str]:
    """SHA-256 of the checkpoint and of every sheet."""
    paths = [run / "checkpoint.safetensors", *sorted((run / "sheets").iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _killed(arguments: list[str], run: Path) -> None:
    """Start the command in a process of its own, and kill it once it has got beyond its first saved state."""
    code = "import sys; from vae_core.cli import main; sys.exit(main(sys.argv[1:]))"
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not ((run / "state.pt").exists() and len(_rows(run)) > 12):
            assert child.poll() is None, "the run was over before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        child.kill()
    assert child.wait() == -signal.SIGKILL
    assert not (run / "checkpoint.safetensors").exists()


def test_everything_is_the_same_when_the_run_was_killed_with_no_warning(tmp_path: Path) -> None:
    arguments = ["train", str(_data(tmp_path)), "--config", str(_config(tmp_path)), *_FAST]
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    _killed([*arguments, "--out", str(killed)], killed)
    assert cli.main([*arguments, "--out", str(killed)]) == 0
    assert cli.main([*arguments, "--out", str(straight)]) == 0
    assert _hashes(killed) == _hashes(straight)
    assert _rows(killed) == _rows(straight)
    assert len(_rows(straight)) == 60


def test_run_stops_with_its_state_saved_when_it_is_asked_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    config = msgspec.structs.replace(_CONFIG, image_steps=1_000_000, sheet_every=80, state_every_s=1000.0)
    arguments = ["train", str(_data(tmp_path)), "--config", str(_config(tmp_path, config)), "--out", str(run), *_FAST]

    def ask() -> None:
        deadline = time.monotonic() + 60
        while not (run / "sheets").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask)
    asking.start()
    assert cli.main(arguments) == 130
    asking.join()
    assert capfd.readouterr().err.splitlines()[-1].startswith("Error: interrupted; the same command goes on")
    assert read_state(run / "state.pt")["trainer"]["image_steps"] >= 80
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_command_trains_and_tells_of_the_checkpoint(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = _config(tmp_path, msgspec.structs.replace(_CONFIG, image_steps=10))
    arguments = ["train", str(_data(tmp_path)), "--config", str(config), "--out", str(tmp_path / "run")]
    assert cli.main([*arguments, "--epochs", "0.5", "--seed", "4", "--set", "model.latent_dim=3", *_FAST]) == 0
    path, sha256 = capfd.readouterr().out.split()
    info = read_info(Path(path))
    assert info.sha256 == sha256
    assert info.config.latent_dim == 3
    (stage,) = json.loads(info.metadata["training"])
    assert stage["config"]["seed"] == 4
    assert stage["config"]["image_steps"] == round(0.5 * int(info.metadata["training_images"]))


def test_run_that_fails_is_told_from_a_refusal_when_its_folder_cannot_be_made(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    arguments = ["train", str(_data(tmp_path)), "--config", str(_config(tmp_path)), *_FAST]
    assert cli.main([*arguments, "--out", str(tmp_path / "file" / "run")]) == 1
    assert cli.main([*arguments, "--out", str(tmp_path / "run"), "--beta", "-1"]) == 2
    assert [line[:6] for line in capfd.readouterr().err.splitlines()] == ["Error:", "Error:"]


def test_run_keeps_its_settings_when_only_its_folder_is_named(tmp_path: Path) -> None:
    arguments = ["train", str(_data(tmp_path)), "--out", str(tmp_path / "run"), *_FAST]
    config = msgspec.structs.replace(_CONFIG, image_steps=16)
    assert cli.main([*arguments, "--config", str(_config(tmp_path, config))]) == 0
    assert cli.main([*arguments, "--image-steps", "32"]) == 0
    info = read_info(tmp_path / "run" / "checkpoint.safetensors")
    assert info.config == _MODEL
    stages = json.loads(info.metadata["training"])
    assert [(stage["from"], stage["config"]["image_steps"]) for stage in stages] == [(0, 16), (16, 32)]


def test_cars_are_drawn_and_trained_on_when_asked_for(tmp_path: Path) -> None:
    config = msgspec.structs.replace(_CONFIG, image_steps=16, model=msgspec.structs.replace(_MODEL, image_size=32))
    arguments = ["train", "--cars", "12", "--config", str(_config(tmp_path, config)), "--out", str(tmp_path / "run")]
    assert cli.main([*arguments, *_FAST]) == 0
    assert (tmp_path / "run" / "cars-0-12-32.npy").exists()
    assert 8 <= int(read_info(tmp_path / "run" / "checkpoint.safetensors").metadata["training_images"]) <= 12


def test_config_is_printed_and_nothing_done_when_it_is_a_dry_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "--preset", "photos", "--denoise", "0.2", "--dry-run"]) == 0
    printed = capfd.readouterr().out
    config = TrainingConfig.from_json(printed, where="x")
    assert config.denoise == 0.2
    assert config.augmentation.shift_px == 6
    (tmp_path / "config.json").write_text(printed)
    assert cli.main(["train", "--config", str(tmp_path / "config.json"), "--dry-run"]) == 0
    assert capfd.readouterr().out == printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "x"], "either DATA"),
        (["data.npy"], "--out is missing"),
        (["data.npy", "--cars", "5", "--out", "x"], "either DATA"),
        (["data.npy", "--out", "x", "--preset", "huge"], "preset huge is unknown: default, small, photos"),
        (["data.npy", "--out", "x", "--preset", "small", "--config", "y"], "give one of them"),
        (["data.npy", "--out", "x", "--config", "none.json"], "none.json: cannot be read: No such file"),
        (["data.npy", "--out", "x", "--beta", "-1"], "beta -1.0 is out of range: 0.0 to 1000.0"),
        (["data.npy", "--out", "x", "--denoise", "2"], "denoise 2.0 is out of range"),
        (["data.npy", "--out", "x", "--set", "beta"], "--set beta: FIELD=VALUE is expected"),
        (["data.npy", "--out", "x", "--set", "speed=1"], "setting speed is unknown: model"),
        (["data.npy", "--out", "x", "--epochs", "2", "--image-steps", "9"], "give one of them"),
        (["data.npy", "--out", "x", "--set", "model.image_size=16", "--epochs", "nan"], "image_size 16"),
        (["data.npy", "--out", "x", "--threads", "0"], "--threads 0 is out of range: 1 to 1,024"),
        (["data.npy", "--out", "x", "--device", "tpu"], "device tpu is not on this machine"),
        (["data.npy", "--out", "x"], "data.npy: holds uint8"),
        (["five.npy", "--out", "x", "--preset", "small"], "training images are too few"),
        (["five.npy", "--out", "x", "--preset", "small", "--epochs", "nan"], "--epochs nan is out of range"),
        (["--cars", "0", "--out", "x"], "--cars 0 is out of range: 1 to 1,000,000"),
        (["none", "--out", "x"], "none: no such"),
        (["none.zip", "--out", "x"], "none.zip: no such"),
        (["empty", "--out", "x"], "empty: holds no pictures"),
    ],
)
def test_command_is_refused_in_one_line(
    arguments: list[str],
    said: str,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    _data(tmp_path)
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "five.npy", np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8))
    assert cli.main(["train", *arguments]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert not (tmp_path / "x" / "state.pt").exists()
