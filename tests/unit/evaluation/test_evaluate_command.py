"""The whole command, on a checkpoint and pictures of 32 pixels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from tests.checkpoints import TINY, write_tiny_checkpoint
from tests.unit.evaluation.shapes import flat, noise, shapes
from vae_core.cli import main
from vae_core.evaluation.report import Evaluation
from vae_core.model.build import build_network
from vae_core.model.prior import Prior
from vae_core.model.weights import save_network
from vae_core.training.dataset import fingerprint, open_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints, training and test images, photographs."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_tiny_checkpoint(folder / "tiny.safetensors")
    mixture = Prior(np.array([0.5, 0.5]), np.array([[1.0] * 8, [-1.0] * 8]), np.stack([0.5 * np.eye(8)] * 2))
    save_network(folder / "<b>other.safetensors", build_network(TINY).eval(), mixture, {"training": "none"})
    large = build_network(msgspec.structs.replace(TINY, image_size=64)).eval()
    save_network(folder / "large.safetensors", large, Prior.standard(8), {"training": "none"})
    np.save(folder / "train.npy", shapes(200, 1))
    np.save(folder / "test.npy", shapes(140, 2))
    (folder / "photos").mkdir()
    for number, image in enumerate(np.concatenate([shapes(2, 3), noise(1, 4)])):
        Image.fromarray(image).save(folder / "photos" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def page_and_json(folder: Path) -> tuple[str, bytes]:
    """What the command writes of all that there is."""
    out = folder / "out"
    assert main([*arguments(folder, out), "--photos", str(folder / "photos")]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["evaluation.html", "evaluation.json"]
    return (out / "evaluation.html").read_text(encoding="utf-8"), (out / "evaluation.json").read_bytes()


def arguments(folder: Path, out: Path, data: str = "test.npy") -> list[str]:
    reference = folder / "<b>other.safetensors"
    return [
        *("evaluate", str(folder / "tiny.safetensors"), str(folder / data), "--train-data", str(folder / "train.npy")),
        *("--reference", str(reference), "--out", str(out), "--device", "cpu"),
    ]


def test_json_holds_every_model_and_control_when_written(page_and_json: tuple[str, bytes]) -> None:
    found = Evaluation.from_json(page_and_json[1], where="evaluation.json")
    assert [subject.role for subject in found.subjects] == ["checkpoint", "reference", "control"]
    models = {"tiny", "<b>other", "PCA-8"}
    assert set(found.reconstruction.scores) == models | {"blurred real", "nearest training image", "mean image"}
    assert set(found.samples.scores) == models | {"real", "blurred real", "<b>other, N(0, I)"}
    assert set(found.memorisation.features) == models | {"copies of training images", "held-out images"}
    assert set(found.likelihood.scores) == set(found.denoising.scores) == set(found.interpolation.scores) == models
    assert found.photographs is not None
    assert found.photographs.counts == {"all": 3, "clean background": 2, "other": 1}
    assert found.samples.missing == {}
    assert (found.data.test_used, found.samples.images_per_set, found.data.duplicates) == (140, 70, 0)


def test_figures_rank_as_they_should_when_the_network_is_untrained(page_and_json: tuple[str, bytes]) -> None:
    found = Evaluation.from_json(page_and_json[1], where="evaluation.json")
    rebuilt, sets = found.reconstruction.scores, found.samples.scores
    assert rebuilt["blurred real"].psnr_db > rebuilt["PCA-8"].psnr_db > rebuilt["tiny"].psnr_db
    assert rebuilt["PCA-8"].psnr_db > rebuilt["mean image"].psnr_db
    distances = [sets[label].frechet_distance or 0.0 for label in ("real", "PCA-8", "tiny")]
    assert distances == sorted(distances)
    assert found.memorisation.thumbnails["copies of training images"].memorised is True
    assert found.memorisation.thumbnails["held-out images"].memorised is False
    assert {check.passed for check in found.checks} >= {True, False}


def test_figures_are_the_same_when_measured_again(
    folder: Path, page_and_json: tuple[str, bytes], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    again = [*arguments(folder, folder / "again"), "--photos", str(folder / "photos"), "--json"]
    assert main(again) == 0
    printed = capsysbinary.readouterr().out
    assert printed == (folder / "again" / "evaluation.json").read_bytes()
    assert without_times(printed) == without_times(page_and_json[1])


def without_times(text: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    assert found.pop("timing")["speed"]["tiny"]["decode_per_s"] > 0
    return found


def test_page_needs_nothing_else_and_escapes_names_when_opened(page_and_json: tuple[str, bytes]) -> None:
    page = page_and_json[0]
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(addresses) > 20
    assert [each for each in addresses if not each.startswith(("data:image/webp;base64,", "#"))] == []
    assert not re.search(r"https?:|<script|<link|@import|url\(", page)
    assert "<b>other" not in page
    assert "&lt;b&gt;other" in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    for text in (
        "Checks",
        "Photographs",
        "How this is measured",
        "lower is better",
        "samples nearest to a training image",
    ):
        assert text in page


def test_tables_are_printed_when_no_json_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", str(folder / "tiny.safetensors"), str(folder / "test.npy")]
    assert main([*command, "--train-data", str(folder / "train.npy"), "--limit", "30", "--out", str(folder / "o")]) == 0
    text = capsys.readouterr().out
    assert "Reconstruction of 30 test images" in text
    assert "coverage over real's" in text
    assert "frechet_distance" not in text
    assert "No Fréchet distance for sets of 15 images: more than 64 are needed." in text


def test_page_and_tables_say_so_when_test_images_were_trained_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments(folder, folder / "same", "train.npy"), "--limit", "20"]) == 0
    note = "20 test images are also among the training images: these figures flatter the model."
    assert note in capsys.readouterr().out
    assert note in (folder / "same" / "evaluation.html").read_text(encoding="utf-8")


def test_note_says_so_when_a_checkpoint_was_trained_on_other_data(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = fingerprint(open_dataset(folder / "train.npy", 32))
    command = [str(folder / "test.npy"), "--train-data", str(folder / "train.npy"), "--limit", "20"]
    for name, trained_on in (("same", same), ("other", "9+1 images, 00")):
        path = tmp_path / f"{name}.safetensors"
        save_network(path, build_network(TINY).eval(), Prior.standard(8), {"data": trained_on})
        assert main(["evaluate", str(path), *command, "--out", str(tmp_path / name)]) == 0
        told = f"The training data of {name} (" in capsys.readouterr().out
        assert told is (name == "other")


@pytest.mark.parametrize(
    "images",
    [shapes(5, 7), shapes(2, 7), shapes(1, 7), flat(120, count=130)],
    ids=["five", "two", "one", "equal"],
)
def test_figures_that_cannot_be_had_are_null_when_test_images_are_few_or_equal(
    folder: Path, tmp_path: Path, images: np.ndarray
) -> None:
    np.save(folder / "few.npy", images)
    assert main(arguments(folder, tmp_path / "out", "few.npy")) == 0
    found = Evaluation.from_json((tmp_path / "out" / "evaluation.json").read_bytes(), where="it")
    few = len(images) < 100
    assert bool(found.samples.missing) is few
    if few:
        assert all(score.frechet_distance is None for score in found.samples.scores.values())
        assert all(score.share_p is None for score in found.memorisation.features.values())
        assert found.samples.missing.keys() & {"sets", "frechet_distance"}
    else:
        assert found.reconstruction.missing
        assert found.reconstruction.scores["tiny"].foreground_psnr_db is None
        assert found.reconstruction.scores["tiny"].sharpness is None
        assert found.samples.scores["real"].frechet_distance == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({1: "missing.safetensors"}, "no such file"),
        ({1: "test.npy"}, "is not a safetensors file"),
        ({2: "missing.npy"}, "no such file"),
        ({2: "tiny.safetensors"}, "tiny.safetensors"),
        ({6: "large.safetensors"}, "is for images of 64 px: 32 px are allowed"),
        ({8: "test.npy"}, "is a file: name a folder"),
        ({8: "test.npy/refused"}, "cannot be written to: Not a directory: name another place"),
    ],
)
def test_command_is_refused_in_one_line_when_a_file_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], changes: dict[int, str], message: str
) -> None:
    command = arguments(folder, folder / "refused")
    for place, name in changes.items():
        command[place] = str(folder / name)
    assert main(command) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("Error: ")
    assert message in error
    assert not (folder / "refused").exists()


@pytest.mark.parametrize(("option", "value"), [("--limit", "0"), ("--samples", "1"), ("--seed", "-1")])
def test_command_is_refused_when_a_number_is_out_of_range(
    folder: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main([*arguments(folder, folder / "refused"), option, value]) == 2
    assert f"{option} {value} is out of range" in capsys.readouterr().err
