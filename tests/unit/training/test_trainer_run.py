"""A whole run in a folder."""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_core.errors import InvalidValue
from vae_core.model.checkpoint import read_info
from vae_core.model.config import ModelConfig
from vae_core.model.engine import Engine
from vae_core.model.weights import load_checkpoint
from vae_core.training.aggregate import posterior_moments
from vae_core.training.augmentation import Augmentation
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.dataset import Dataset
from vae_core.training.presets import preset
from vae_core.training.run import Run, RunNotWritten

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)
_CONFIG = TrainingConfig(model=_MODEL, image_steps=240, batch_size=8, components=(1, 2), sheet_every=120)
_CPU = torch.device("cpu")


def _dataset(train: int = 80, validation: int = 10) -> Dataset:
    """Images of one colour each; the test set is such that looking at it would be noticed."""
    colours = np.random.default_rng(0).integers(0, 256, (train + validation, 1, 1, 3), dtype=np.uint8)
    images = np.broadcast_to(colours, (train + validation, 16, 16, 3)).copy()
    return Dataset(images[:train], images[train:], np.zeros((0,), np.uint8))


def _run(out: Path, config: TrainingConfig = _CONFIG, dataset: Dataset | None = None) -> Run:
    return Run(config, dataset or _dataset(), out, _CPU)


def _rows(run: Run) -> list[dict[str, str]]:
    with (run.out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_folder_holds_metrics_sheets_and_a_checkpoint_that_runs_when_done(tmp_path: Path) -> None:
    run = Run(_CONFIG, _dataset(), tmp_path / "run", _CPU, board=True)
    assert run.train()
    sha256 = run.export()
    assert [row["image_steps"] for row in _rows(run) if row["held_out_psnr_db"]] == ["120", "240"]
    assert {path.name for path in (run.out / "sheets").iterdir()} == {
        *(f"{steps:08d}-{kind}.png" for steps in (120, 240) for kind in ("samples", "reconstructions")),
        *(f"final-{kind}.png" for kind in ("samples", "reconstructions", "generated-beside-originals")),
    }
    with Image.open(run.out / "curves.png") as curves:
        assert curves.size == (1100, 770)
    assert TrainingConfig.from_json((run.out / "config.json").read_bytes(), where="x") == _CONFIG
    info = read_info(run.checkpoint_path)
    assert info.sha256 == sha256
    assert info.metadata["image_steps"] == "240"
    assert float(info.metadata["held_out_psnr_db"]) > 5.0
    engine = Engine.load(run.checkpoint_path, device="cpu")
    assert engine.decode(engine.sample_latents(0, range(3))).shape == (3, 16, 16, 3)


def test_curves_are_on_the_board_once_when_the_run_was_stopped(tmp_path: Path) -> None:
    first = Run(_CONFIG, _dataset(), tmp_path, _CPU, board=True)
    assert not first.train(lambda: first.trainer.image_steps == 96)
    state = (tmp_path / "state.pt").read_bytes()
    assert not first.train(lambda: first.trainer.image_steps == 160)
    (tmp_path / "state.pt").write_bytes(state)
    second = Run(_CONFIG, _dataset(), tmp_path, _CPU, board=True)
    assert second.train()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    for tag, column in (("loss", "loss"), ("held_out_psnr_db", "held_out_psnr_db")):
        rows = [row for row in _rows(second) if row[column]]
        points = [(event.step, event.value) for event in board.Scalars(tag)]
        assert points == [(int(row["image_steps"]), pytest.approx(float(row[column]))) for row in rows]


def test_latents_are_whitened_when_exported(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.train()
    run.export()
    means, variances = posterior_moments(run.trainer.average.network, run.images)
    total = torch.cov(means.T) + torch.diag(variances.mean(dim=0))
    torch.testing.assert_close(means.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-3)
    torch.testing.assert_close(total.diagonal(), torch.ones(4), rtol=0, atol=5e-2)


def test_run_is_the_same_when_stopped_and_gone_on_with(tmp_path: Path) -> None:
    straight = _run(tmp_path / "straight")
    straight.train()
    stopped = _run(tmp_path / "stopped")
    assert not stopped.train(lambda: stopped.trainer.image_steps == 136)
    again = _run(tmp_path / "stopped")
    assert again.trainer.image_steps == 136
    assert again.train()
    assert again.export() == straight.export()
    assert _without_seconds(again) == _without_seconds(straight)


def test_weights_are_the_same_when_sheets_are_made_or_not(tmp_path: Path) -> None:
    config = changed(_CONFIG, denoise=0.1, augmentation=Augmentation(shift_px=1, scale=0.1, color=0.1))
    runs = [_run(tmp_path / str(every), changed(config, sheet_every=every)) for every in (40, 10_000)]
    for run in runs:
        run.train()
    assert len(list((tmp_path / "40" / "sheets").iterdir())) == 12
    assert len(list((tmp_path / "10000" / "sheets").iterdir())) == 2
    often, seldom = (run.trainer.state() for run in runs)
    assert all(torch.equal(value, seldom["network"][name]) for name, value in often["network"].items())
    assert all(torch.equal(value, seldom["average"][name]) for name, value in often["average"].items())


def test_nothing_is_learnt_from_validation_or_test_images(tmp_path: Path) -> None:
    one, other = _dataset(), _dataset()
    other = Dataset(one.train, 255 - one.validation, one.train)
    runs = [_run(tmp_path / str(number), dataset=dataset) for number, dataset in enumerate((one, other))]
    for run in runs:
        run.train()
    first, second = (run.trainer.state()["network"] for run in runs)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert _rows(runs[0])[-1]["held_out_psnr_db"] != _rows(runs[1])[-1]["held_out_psnr_db"]


def test_run_is_refused_when_the_folder_has_one_of_other_images(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.train(lambda: run.trainer.image_steps == 8)
    with pytest.raises(InvalidValue, match="trained on other images"):
        _run(tmp_path, dataset=_dataset(train=81))


def test_batches_are_smaller_when_there_are_few_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = _run(tmp_path, changed(_CONFIG, batch_size=32), _dataset(train=12, validation=0))
    assert run.config.batch_size == 12
    assert "batches of 12 instead of 32" in caplog.text
    assert "no validation images" in caplog.text
    run.train()
    info = read_info(tmp_path / "checkpoint.safetensors") if run.export() else None
    assert info is not None
    assert "held_out_psnr_db" not in info.metadata
    assert _rows(run)[-1]["held_out_psnr_db"] == ""


def test_run_is_refused_when_there_are_too_few_images(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="5 training images are too few: at least 8 are needed"):
        _run(tmp_path / "run", dataset=_dataset(train=5))
    assert list(tmp_path.iterdir()) == []


def test_prior_is_standard_and_latents_are_as_trained_when_the_reference_is_exported(tmp_path: Path) -> None:
    model = changed(preset("reference"), seed=0).model
    tiny = msgspec.structs.replace(model, image_size=32, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(4, 8))
    for name, components in (("reference", 1), ("reference-fixed", 2)):
        config = changed(preset(name), model=tiny, image_steps=160, components=(2,))
        images = np.repeat(np.repeat(_dataset().train, 2, axis=1), 2, axis=2)
        run = _run(tmp_path / name, config, Dataset(images, images[:10], images[:0]))
        run.train()
        weights = {key: value.clone() for key, value in run.trainer.network.state_dict().items()}
        run.export()
        exported = run.trainer.average.network.state_dict()
        assert all(torch.equal(value, exported[key]) for key, value in weights.items())
        prior = load_checkpoint(run.checkpoint_path)[1]
        assert len(prior.weights) == components
        assert np.array_equal(prior.means, np.zeros((1, 4))) == (name == "reference")


def test_error_says_what_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.train(lambda: run.trainer.image_steps == 80)
    kept = (tmp_path / "state.pt").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) // 2, before[1]))
    try:
        with pytest.raises(
            RunNotWritten, match=r"cannot be written: File too large; the last saved state is as it was"
        ):
            run.train(lambda: run.trainer.image_steps == 88)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "state.pt").read_bytes() == kept
    assert not list(tmp_path.glob(".*.partial"))
    again = _run(tmp_path)
    assert again.trainer.image_steps == 80


def test_folder_is_named_when_it_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunNotWritten, match="file/run: cannot be written: Not a directory; no state was saved yet"):
        _run(tmp_path / "file" / "run")


def _without_seconds(run: Run) -> list[dict[str, str]]:
    return [{**row, "seconds": ""} for row in _rows(run)]


def test_images_are_refused_when_they_are_all_equal(tmp_path: Path) -> None:
    equal = np.full((20, 16, 16, 3), 200, np.uint8)
    with pytest.raises(InvalidValue, match="all 20 training images are equal"):
        _run(tmp_path / "run", dataset=_dataset()._replace(train=equal))
    assert not (tmp_path / "run").exists()


def test_run_is_refused_when_another_process_trains_in_the_folder(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from vae_core.training.occupancy import occupy\n"
    code += "kept = occupy(Path(sys.argv[1])); print('taken', flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], text=True, **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        with pytest.raises(InvalidValue, match="another training is at work"):
            _run(tmp_path)
        assert not (tmp_path / "metrics.csv").exists()
        other.kill()
    assert _run(tmp_path).trainer.image_steps == 0  # what a killed process had is free
