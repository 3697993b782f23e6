"""Reading and writing checkpoint files without torch."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from vae_core.errors import BadCheckpoint
from vae_core.model.checkpoint import file_sha256, read_info
from vae_core.model.config import ModelConfig
from vae_core.model.tensors import read_tensors, write_checkpoint

_CONFIG = ModelConfig(latent_dim=3)
_TENSORS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([0.5, -2.0], dtype=np.float16),
    "count": np.array(7, dtype=np.int64),
}


def _write_raw(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def _header(**changes: Any) -> dict[str, Any]:
    metadata = {"format_version": "1", "model_config": _CONFIG.to_json()}
    return {"__metadata__": metadata, "x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, **changes}


def test_everything_comes_back_when_a_checkpoint_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    sha256 = write_checkpoint(path, _CONFIG, _TENSORS, {"training": "a note"})
    info = read_info(path)
    assert info.sha256 == sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.size_bytes == path.stat().st_size
    assert info.config == _CONFIG
    assert info.metadata["training"] == "a note"
    found = read_tensors(info, list(_TENSORS))
    for name, array in _TENSORS.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_other_tools_read_the_file_when_they_know_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, _CONFIG, _TENSORS, {"training": "a note"})
    with safe_open(path, "np") as file:
        assert file.metadata()["training"] == "a note"
        for name, array in _TENSORS.items():
            np.testing.assert_array_equal(file.get_tensor(name), array)


def test_bytes_are_equal_when_the_same_is_written_twice(tmp_path: Path) -> None:
    first = write_checkpoint(tmp_path / "1", _CONFIG, _TENSORS, {"a": "1", "b": "2"})
    reordered = dict(reversed(_TENSORS.items()))
    assert write_checkpoint(tmp_path / "2", _CONFIG, reordered, {"b": "2", "a": "1"}) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 7, b"PK\x03\x04" + b"\x00" * 100, struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", 500) + b"{}"],
)
def test_file_is_refused_when_it_is_not_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadCheckpoint, match="not a safetensors file"):
        read_info(path)


@pytest.mark.parametrize(
    "written", [{"_use_new_zipfile_serialization": True}, {"_use_new_zipfile_serialization": False}]
)
def test_remedy_is_told_when_pytorch_wrote_the_file(tmp_path: Path, written: dict[str, bool]) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "seed.pt", **written)
    with pytest.raises(BadCheckpoint, match="PyTorch wrote it, and `vaecore import-seed`"):
        read_info(tmp_path / "seed.pt")


@pytest.mark.parametrize("header", [b"[1, 2]", b"{no json", b"[" * 5000, b'{"a": "\xff"}', b"null"])
def test_header_is_refused_when_it_is_not_a_json_object(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(BadCheckpoint, match="JSON object"):
        read_info(_write_raw(tmp_path / "c.safetensors", header))


@pytest.mark.parametrize(
    "entry",
    [
        5,
        {"dtype": "F32", "shape": [2]},
        {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]},
    ],
)
def test_tensor_is_named_when_its_entry_is_broken(tmp_path: Path, entry: object) -> None:
    with pytest.raises(BadCheckpoint, match="tensor x") as caught:
        read_info(_write_raw(tmp_path / "c.safetensors", _header(x=entry), b"\x00" * 8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        (None, "no metadata"),
        ({"a": 1}, "metadata"),
        ({"format_version": "1"}, "no model config"),
        ({"model_config": "{}"}, "no model config"),
        ({"format_version": "9", "model_config": "{}"}, "format version 9"),
        ({"format_version": "1", "model_config": '{"latent_dim": -1}'}, "latent_dim"),
    ],
)
def test_file_is_refused_when_its_metadata_holds_no_valid_config(tmp_path: Path, metadata: object, named: str) -> None:
    with pytest.raises(BadCheckpoint, match=named):
        read_info(_write_raw(tmp_path / "c.safetensors", _header(__metadata__=metadata), b"\x00" * 8))


def test_path_is_named_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no such file"):
        read_info(tmp_path / "none")
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        file_sha256(tmp_path)


def test_values_are_refused_when_one_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, _CONFIG, {"good": np.zeros(2, np.float32), "bad": np.array([1, np.nan], np.float32)}, {})
    info = read_info(path)
    read_tensors(info, ["good"])
    with pytest.raises(BadCheckpoint, match="tensor bad"):
        read_tensors(info, ["bad"])
    with pytest.raises(BadCheckpoint, match="no tensor other"):
        read_tensors(info, ["other"])
