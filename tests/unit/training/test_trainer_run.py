"""A whole run in a folder, and the command that starts it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vae_core import cli
from vae_core.model.checkpoint import read_info
from vae_core.model.config import ModelConfig
from vae_core.model.engine import Engine
from vae_core.training.aggregate import posterior_moments
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.metrics import Metrics
from vae_core.training.run import Run
from vae_core.training.trainer import StepResult, Trainer

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)
_CONFIG = TrainingConfig(
    model=_MODEL, image_steps=480, batch_size=8, holdout=10, components=(1, 2), sheet_every=160, state_every_s=0.0
)
_CPU = torch.device("cpu")


def _images(count: int = 90) -> np.ndarray:
    colours = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3), dtype=np.uint8)
    return np.broadcast_to(colours, (count, 16, 16, 3)).copy()


def _run(out: Path, config: TrainingConfig = _CONFIG) -> Run:
    return Run(config, _images(), out, _CPU)


def test_folder_holds_metrics_sheets_and_a_checkpoint_that_runs_when_done(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    run.train()
    sha256 = run.export()
    with (run.out / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image_steps"] for row in rows if row["held_out_psnr_db"]] == ["160", "320", "480"]
    assert {path.name for path in (run.out / "sheets").iterdir()} >= {
        "00000160-samples.png",
        "00000480-reconstructions.png",
        "final-samples.png",
    }
    assert TrainingConfig.from_json((run.out / "config.json").read_bytes(), where="x") == _CONFIG
    info = read_info(run.checkpoint_path)
    assert info.sha256 == sha256
    assert info.metadata["image_steps"] == "480"
    engine = Engine.load(run.checkpoint_path, device="cpu")
    assert engine.decode(engine.sample_latents(0, range(3))).shape == (3, 16, 16, 3)


def test_latents_are_whitened_when_exported(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.train()
    run.export()
    means, variances = posterior_moments(run.trainer.average.network, run.images)
    total = torch.cov(means.T) + torch.diag(variances.mean(dim=0))
    torch.testing.assert_close(means.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-3)
    torch.testing.assert_close(total.diagonal(), torch.ones(4), rtol=0, atol=1e-2)


def test_checkpoint_is_the_same_file_when_the_run_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = _run(tmp_path / "straight")
    straight.train()
    killed = _run(tmp_path / "killed")
    step = Trainer.step

    def until_killed(trainer: Trainer, images: torch.Tensor) -> StepResult:
        if trainer.image_steps == 264:
            raise KeyboardInterrupt
        return step(trainer, images)

    monkeypatch.setattr(Trainer, "step", until_killed)
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    monkeypatch.undo()
    again = _run(tmp_path / "killed")
    assert again.trainer.image_steps == 264
    again.train()
    assert again.export() == straight.export()


def test_metrics_go_on_without_gap_or_repetition_when_the_run_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    result = StepResult(1.0, 2.0, 3.0, 4.0, 5.0)
    for image_steps in (100, 200, 300):
        Metrics(path, image_steps).add(image_steps, result, 20.0)
    path.write_text(path.read_text() + "400,7")
    Metrics(path, 250).add(300, result, None)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image_steps"] for row in rows] == ["100", "200", "300"]
    assert [row["held_out_psnr_db"] for row in rows] == ["20.000", "20.000", ""]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)


def test_nothing_is_trained_on_that_is_held_out(tmp_path: Path) -> None:
    run = _run(tmp_path, changed(_CONFIG, holdout=5000))
    assert (len(run.images), len(run.held_out)) == (72, 18)
    assert np.array_equal(np.concatenate([run.images, run.held_out]), _images())


def test_command_trains_and_tells_of_the_checkpoint(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "data.npy", np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), dtype=np.uint8))
    out = tmp_path / "run"
    arguments = ["train", str(tmp_path / "data.npy"), "--out", str(out), "--preset", "small", "--image-steps", "64"]
    assert cli.main([*arguments, "--device", "cpu"]) == 0
    path, sha256 = capfd.readouterr().out.split()
    assert cli.main(["info", path, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["sha256"] == sha256
    assert told["config"]["image_size"] == 64
    assert told["tensors"]["prior.means"] == [1, 32]
    assert cli.main(["info", path]) == 0
    assert sha256 in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info", "none.safetensors"], "no such file"),
        (["train", "--out", "x"], "either DATA"),
        (["train", "a", "--cars", "5", "--out", "x"], "either DATA"),
        (["train", "none", "--out", "x", "--preset", "huge"], "default, small, photos"),
        (["train", "none", "--out", "x", "--beta", "-1"], "beta -1.0"),
        (["train", "none", "--out", "x"], "no such folder"),
        (["cars", "out", "--n", "0"], "0"),
        (["cars"], "OUT"),
        (["fly"], "fly"),
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
    assert cli.main(arguments) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err


def test_command_loads_no_torch_when_it_only_looks_into_a_checkpoint(tiny_checkpoint: Path) -> None:
    code = "import sys; from vae_core.cli import main; main(sys.argv[1:]); print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, "info", str(tiny_checkpoint)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
