"""The measurements of a GPU, made on the CPU with few images: that they come to their figures, and to equal bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import gpu
from tests.bench.on_gpu.shards import PIECE, cut, differing, shard_end, shard_hashes, shard_members, whole_shard

ROOT = Path(__file__).parents[2]
RATES = {"decode_eager", "decode_engine", "encode_eager", "device_alone", "png_threads_1", "png_processes_2", "path"}


BARE = """
import sys
for name in "msgspec fpng simplejpeg safetensors celery kombu redis boto3 click obstore".split():
    sys.modules[name] = None
"""


def test_figures_are_told_and_bytes_equal_when_only_torch_is_there(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    (tmp_path / "sitecustomize.py").write_text(BARE)
    command = [sys.executable, "tests/bench/gpu.py", "--device", "cpu", "--images", "24", "--batch", "4"]
    child = subprocess.run(
        [*command, "--cores", "2", "--runs", "1", "--json", str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    told = json.loads(file.read_text())
    assert told["failed"] == []
    figures = told["figures"]
    rates = {name: figure["median"] for name, figure in figures.items() if name in RATES}
    assert rates.keys() == RATES
    assert all(rate > 0 for rate in rates.values())
    assert figures["equal_bytes"] is True
    assert figures["same_as_plain"] is True
    assert len(figures["shard_sha256"]) == 2
    assert {"device", "torch", "cores", "png_encoder"} <= told["facts"].keys()
    assert "whole path" in child.stdout


def test_shard_is_named_when_a_second_run_was_tampered_with(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(3):
            (folder / f"{number}.tar").write_bytes(whole_shard(number, [b"image"]))
        hashes.append(shard_hashes(folder))
    assert differing(*hashes) == []
    path = tmp_path / "other" / "1.tar"
    path.write_bytes(path.read_bytes().replace(b"image", b"imago"))
    (tmp_path / "other" / "2.tar").unlink()
    assert differing(hashes[0], shard_hashes(tmp_path / "other")) == ["1.tar", "2.tar"]


@pytest.mark.parametrize("sizes", [[1], [3, 2], [2, 40, 7]])
def test_shard_is_the_same_when_made_of_pieces(sizes: list[int]) -> None:
    encoded = [bytes([number]) * (100 * number) + bytes(3) for number in range(sum(sizes))]
    made, first = b"", 0
    for size in sizes:
        made += shard_members(first, encoded[first : first + size])
        first += size
    assert made + shard_end(len(made)) == whole_shard(0, encoded)


@pytest.mark.parametrize(("first", "count", "shard_size"), [(0, 256, 5000), (4864, 256, 5000), (10, 7, 3), (0, 1, 1)])
def test_pieces_are_small_and_of_one_shard_when_a_batch_is_cut(first: int, count: int, shard_size: int) -> None:
    pieces = list(cut(first, count, shard_size))
    assert [number for start, stop in pieces for number in range(start, stop)] == list(range(count))
    assert all(stop - start <= PIECE for start, stop in pieces)
    assert all((first + start) // shard_size == (first + stop - 1) // shard_size for start, stop in pieces)


def test_package_is_named_when_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda name: None if name == "torch" else name)
    assert gpu.main([]) == 2
    assert capsys.readouterr().err == "this machine lacks what is measured: pip install torch>=2.11\n"


def test_value_is_refused_when_it_is_out_of_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--images", "0"]) == 2
    assert "--images 0 is out of range" in capsys.readouterr().err
