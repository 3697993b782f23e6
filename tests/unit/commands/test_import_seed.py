"""`vaecore import-seed`, from the published weights to the engine of a worker."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.importing.files import FORMATS, Sizes, published_images, state_dict, trained
from vae_core.cli import main
from vae_core.model.engine import Engine
from vae_core.model.reference import REFERENCE_CONFIG
from vae_core.model.weights import load_checkpoint


class _Payload:
    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self._marker}",)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights of the published sizes."""
    path = tmp_path_factory.mktemp("published") / "cars.pt"
    state_dict(trained(Sizes()), path)
    return path


def _told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize("kind", ["state_dict", "trace"])
def test_engine_gives_the_published_images_when_weights_are_imported(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, path, out = trained(Sizes()), tmp_path / "cars.pt", tmp_path / "cars.safetensors"
    FORMATS[kind](network, path)
    assert main(["import-seed", str(path), str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == "prior: N(0, I), as no images were given to fit one to (--prior-from DATA)\n"
    assert captured.out == f"{out} {hashlib.sha256(out.read_bytes()).hexdigest()}\n"
    images = np.random.default_rng(3).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    expected = published_images(network, torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0).permute(0, 2, 3, 1)
    assert expected.std() > 0.1
    found = Engine.load(out, device="cpu", batch_size=2).reconstruct(images)
    # Half a level is what rounding takes; 1e-4 is what the network may differ by.
    assert np.abs(found / 255.0 - expected.numpy()).max() < 0.5 / 255.0 + 1e-4
    folded = load_checkpoint(out)[0].fold()
    with torch.no_grad():
        exact = folded(torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0).permute(0, 2, 3, 1)
    torch.testing.assert_close(exact, expected, rtol=0, atol=1e-4)


def test_checkpoint_says_where_it_is_from_when_imported(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    assert main(["import-seed", str(published), str(out)]) == 0
    _, prior, info = load_checkpoint(out)
    assert info.config == REFERENCE_CONFIG
    assert info.metadata["imported_from"] == "cars.pt"
    assert info.metadata["imported_sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
    assert info.metadata["imported_kind"] == "state_dict"
    assert np.array_equal(prior.factors[0], np.eye(100))


def test_prior_is_fitted_when_images_are_given(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, data = tmp_path / "out.safetensors", tmp_path / "data.npy"
    images = np.random.default_rng(0).integers(0, 256, (32, 1, 1, 3), dtype=np.uint8)
    np.save(data, np.broadcast_to(images, (32, 128, 128, 3)))
    assert main(["import-seed", str(published), str(out), "--prior-from", str(data)]) == 0
    assert capsys.readouterr().err.startswith("prior: mixture of 1, fitted to the encodings of ")
    _, prior, _ = load_checkpoint(out)
    assert np.abs(prior.means).max() > 0.1


def test_prior_is_refused_when_encodings_have_no_bounds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, data = trained(Sizes()), tmp_path / "data.npy"
    with torch.no_grad():
        network.fc_encode[0].bias.fill_(200.0)  # the log-variance too, which float32 cannot hold then
    state_dict(network, tmp_path / "cars.pt")
    np.save(data, np.random.default_rng(0).integers(0, 256, (40, 128, 128, 3), dtype=np.uint8))
    out = tmp_path / "out.safetensors"
    assert main(["import-seed", str(tmp_path / "cars.pt"), str(out), "--prior-from", str(data)]) == 2
    assert "leave --prior-from out" in _told(capsys)
    assert not out.exists()


def test_few_images_are_refused_when_a_prior_is_to_be_fitted(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "data.npy", np.zeros((5, 128, 128, 3), np.uint8))
    out = tmp_path / "out.safetensors"
    assert main(["import-seed", str(published), str(out), "--prior-from", str(tmp_path / "data.npy")]) == 2
    assert "at least 20 are needed" in _told(capsys)
    assert not out.exists()


def test_nothing_is_run_or_written_when_the_file_carries_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, marker, out = tmp_path / "bad.pt", tmp_path / "ran", tmp_path / "out.safetensors"
    torch.save({**trained().state_dict(), "note": _Payload(marker)}, path)
    assert main(["import-seed", str(path), str(out)]) == 2
    assert _told(capsys) == (
        f"Error: {path}: its pickle asks for posix.system, which is no tensor: save only `model.state_dict()`"
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.pt"]


def test_another_place_is_asked_for_when_out_cannot_be_written(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (tmp_path, tmp_path / "none" / "out.safetensors"):
        assert main(["import-seed", str(published), str(out)]) == 2
        assert f"{out} cannot be written" in _told(capsys)
    before = published.read_bytes()
    (tmp_path / "link").symlink_to(published)
    assert main(["import-seed", str(published), str(tmp_path / "link")]) == 2
    assert "is the file to be read" in _told(capsys)
    assert published.read_bytes() == before


def test_path_is_told_when_there_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-seed", str(tmp_path / "none.pt"), str(tmp_path / "out.safetensors")]) == 2
    assert "none.pt: no such file" in _told(capsys)
