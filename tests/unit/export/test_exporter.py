"""`vaecore export`: what it writes in each format, and that it writes nothing when something is wrong."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.checkpoints import TINY
from vae_core.cli import main
from vae_core.errors import InvalidValue
from vae_core.export.exporter import DEFAULT_TOLERANCE
from vae_core.export.formats import FORMATS, open_format
from vae_core.export.functions import functions_of
from vae_core.export.info import INFO_NAME, PRIOR_NAME, read_info, read_prior
from vae_core.model.build import build_network
from vae_core.model.checkpoint import file_sha256
from vae_core.model.config import ModelConfig
from vae_core.model.prior import Prior
from vae_core.model.weights import load_checkpoint, save_network

_REFERENCE = ModelConfig(
    architecture="reference",
    image_size=32,
    latent_dim=6,
    encoder_channels=(8, 16),
    decoder_channels=(4, 8, 6),
    residual_max_size=0,
    input_mean=(0.5, 0.4, 0.3),
    input_std=(0.3, 0.2, 0.4),
)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose BatchNorms have statistics of their own, so that folding has something to do."""
    path = tmp_path_factory.mktemp("checkpoint") / "reference.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_network(_REFERENCE).train()
        with torch.no_grad():
            for _ in range(3):
                network(torch.rand(4, 3, 32, 32))
    save_network(path, network.eval(), Prior.standard(_REFERENCE.latent_dim), {})
    return path


def assert_computes(folder: Path, checkpoint: Path) -> None:
    """Every function of the folder, at a batch size that is not one of the parity check's, against the checkpoint."""
    info, rng = read_info(folder), np.random.default_rng(0)
    form = open_format(info.format)
    for function in functions_of(load_checkpoint(checkpoint)[0]):
        rows = rng.random((7, *function.input_shape), dtype=np.float32)
        found = form.load(folder / info.functions[function.name].file)(rows)
        with torch.no_grad():
            expected = function.module(torch.from_numpy(rows))
        expected = expected if isinstance(expected, tuple) else (expected,)
        assert len(found) == len(expected) == len(function.outputs)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_functions_are_the_checkpoints_when_it_is_of_the_published_network(
    reference: Path, tmp_path: Path, name: str
) -> None:
    assert main(["export", str(reference), "--to", name, "--out", str(tmp_path / "out")]) == 0
    assert_computes(tmp_path / "out", reference)


@pytest.mark.parametrize("name", FORMATS)
def test_functions_stay_the_checkpoints_and_bytes_the_same_when_exported_again(
    tiny_checkpoint: Path, tiny_onnx: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    arguments = ["export", str(tiny_checkpoint), "--to", name, "--out", str(out)]
    if name == "onnx":
        shutil.copytree(tiny_onnx, out)
    else:
        assert main(arguments) == 0
    first = contents(out)
    assert main(arguments) == 0
    assert_computes(out, tiny_checkpoint)
    second = contents(out)
    if name == "torchscript":  # a trace numbers its types through the process: only a new process gives the same
        assert first.keys() == second.keys()
    else:
        assert first == second
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folder_says_what_it_holds_when_written(tiny_checkpoint: Path, tiny_onnx: Path) -> None:
    info = read_info(tiny_onnx)
    assert (info.format, info.config, info.tolerance) == ("onnx", TINY, DEFAULT_TOLERANCE)
    assert info.checkpoint_sha256 == file_sha256(tiny_checkpoint)
    assert info.functions.keys() == {"encode", "decode", "reconstruct"}
    for function in info.functions.values():
        assert file_sha256(tiny_onnx / function.file) == function.sha256
        assert 0.0 <= function.largest_difference <= DEFAULT_TOLERANCE
    assert contents(tiny_onnx).keys() == {"encode.onnx", "decode.onnx", "reconstruct.onnx", PRIOR_NAME, INFO_NAME}
    prior = load_checkpoint(tiny_checkpoint)[1]
    np.testing.assert_array_equal(read_prior(tiny_onnx, info).sample(7, [3], 1.5), prior.sample(7, [3], 1.5))


def test_onnx_names_its_checkpoint_and_no_place_of_this_machine_when_written(
    tiny_checkpoint: Path, tiny_onnx: Path
) -> None:
    names = {"encode": (["images"], ["mean", "log_variance"]), "decode": (["latents"], ["images"])}
    names["reconstruct"] = (["images"], ["reconstructions"])
    for function, (inputs, outputs) in names.items():
        data = (tiny_onnx / f"{function}.onnx").read_bytes()
        model = onnx.load_from_string(data)
        assert [value.name for value in model.graph.input] == inputs
        assert [value.name for value in model.graph.output] == outputs
        assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
        notes = {entry.key: entry.value for entry in model.metadata_props}
        assert notes["checkpoint_sha256"] == file_sha256(tiny_checkpoint)
        assert notes["model_config"] == TINY.to_json()
        assert notes["function"] == function
        assert b"site-packages" not in data
        assert str(Path(__file__).parents[3]).encode() not in data


def test_nothing_is_left_and_the_place_is_named_when_a_function_differs(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = ["--to", "torchscript", "--tolerance", "0"]
    assert main(["export", str(tiny_checkpoint), "--out", str(tmp_path / "new"), *strict]) == 1
    assert list(tmp_path.iterdir()) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: encode differs from the checkpoint by ")
    assert "at a batch of " in line
    assert "at most 0 is allowed; nothing was written" in line


def test_earlier_export_stays_when_a_new_one_fails(tiny_checkpoint: Path, tiny_onnx: Path) -> None:
    before, beside = contents(tiny_onnx), sorted(tiny_onnx.parent.iterdir())
    strict = ["--to", "torchscript", "--tolerance", "0"]
    assert main(["export", str(tiny_checkpoint), "--out", str(tiny_onnx), *strict]) == 1
    assert contents(tiny_onnx) == before
    assert sorted(tiny_onnx.parent.iterdir()) == beside


def test_folder_stays_when_something_else_was_put_into_an_export(
    tiny_checkpoint: Path, tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_onnx, tmp_path / "mine")
    shutil.copy(tiny_checkpoint, tmp_path / "mine" / "best.safetensors")
    before = contents(tmp_path / "mine")
    assert main(["export", str(tiny_checkpoint), "--out", str(tmp_path / "mine")]) == 2
    assert "mine holds best.safetensors, which is no part of an export: name a new" in capsys.readouterr().err
    assert contents(tmp_path / "mine") == before


def test_error_is_the_system_s_when_a_file_cannot_grow(tmp_path: Path) -> None:
    # A process of its own, as torch's own writers would end it; its limit stands for a full disk.
    script = """
import resource, signal, sys
from pathlib import Path
from torch import nn
from vae_core.export.formats import open_format
from vae_core.export.functions import Function

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
function = Function("decode", nn.Linear(50, 50).eval(), "latents", (50,), ("images",))
for name in ("pt2", "torchscript"):
    try:
        open_format(name).write(function, Path(sys.argv[1]) / name, {})
    except OSError as error:
        print(name, error.strerror)
"""
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("pt2 File too large\ntorchscript File too large\n", 0), ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["absent.safetensors"], "absent.safetensors: no such file"),
        (["short.safetensors"], "short.safetensors: is not a safetensors file"),
        (["c.safetensors", "--to", "tflite"], "'tflite' is not one of 'onnx', 'pt2', 'torchscript'"),
        (["c.safetensors", "--tolerance", "nan"], "--tolerance nan is not a number"),
        (["c.safetensors", "--tolerance", "-1"], "--tolerance -1 is out of range"),
        (["c.safetensors", "--out", "file"], "file exists and is no folder"),
        (["c.safetensors", "--out", "file/out"], "is no folder: name one that exists"),
        (["c.safetensors", "--out", "a/b/c"], "is no folder: name one that exists"),
        (["c.safetensors", "--out", "full"], "full holds mine, which is no part of an export"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_one_line_is_told_and_nothing_changes_when_refused(
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.safetensors").write_bytes(tiny_checkpoint.read_bytes())
    Path("short.safetensors").write_bytes(tiny_checkpoint.read_bytes()[:50])
    Path("file").write_text("mine")
    Path("full").mkdir()
    Path("full/mine").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert told in line
    assert sorted(tmp_path.rglob("*")) == before


def test_folder_is_named_for_the_checkpoint_when_no_name_is_given(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(tiny_checkpoint), "--to", "torchscript"]) == 0
    assert capsys.readouterr().out == "tiny-torchscript\n"
    assert (tmp_path / "tiny-torchscript" / "decode.pt").is_file()


def test_package_is_named_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "vae_core.export.onnx_file", raising=False)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InvalidValue, match=r"needs the package onnxscript.*pip install 'vaejob\[export\]'"):
        open_format("onnx")


def test_figures_are_the_same_when_torch_has_more_threads(tiny_checkpoint: Path, tmp_path: Path) -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert (
                main(["export", str(tiny_checkpoint), "--to", "torchscript", "--out", str(tmp_path / str(threads))])
                == 0
            )
            assert torch.get_num_threads() == threads
            info = read_info(tmp_path / str(threads))
            found.append({name: function.largest_difference for name, function in info.functions.items()})
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]
