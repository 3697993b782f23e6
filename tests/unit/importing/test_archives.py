"""Files that are damaged, lie about themselves, or would have code run."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.unit.importing.files import TINY_CONFIG, Save, old_state_dict, refusal, rezip, state_dict, trace, trained
from vae_core.errors import BadCheckpoint
from vae_core.importing import archives
from vae_core.importing.published import read_published

_SAVES = pytest.mark.parametrize("save", [state_dict, old_state_dict, trace])
_ZIPS = pytest.mark.parametrize("save", [state_dict, trace])


class _Payload(NamedTuple):
    """What runs a command when it is unpickled."""

    marker: Path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("way", ["alone", "zip", "old", "among weights", "trace"])
def test_nothing_is_run_when_a_file_carries_a_command(way: str, protocol: int, path: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    payload = pickle.dumps(_Payload(marker), protocol)
    if way == "alone":
        path.write_bytes(payload)
    elif way == "old":
        old_state_dict(trained(), path)
        head = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        path.write_bytes(head + payload + pickle.dumps([], 2))
    elif way == "among weights":
        torch.save({**trained().state_dict(), "note": _Payload(marker)}, path, pickle_protocol=max(protocol, 2))
    else:
        (trace if way == "trace" else state_dict)(trained(), path)
        rezip(path, lambda name, content: payload if name == "data.pkl" else content)
    assert "asks for posix.system" in refusal(path)
    assert not marker.exists()
    pickle.loads(payload)  # so that this test could fail
    assert marker.exists()


@_SAVES
def test_file_is_refused_when_cut_short_anywhere(save: Save, path: Path) -> None:
    save(trained(), path)
    whole = path.read_bytes()
    for part in range(20):
        path.write_bytes(whole[: len(whole) * part // 20])
        assert refusal(path)


@_SAVES
def test_file_is_refused_or_read_when_bytes_are_changed(save: Save, path: Path) -> None:
    save(trained(), path)
    whole = path.read_bytes()
    rng, refused = random.Random(1), 0
    for _ in range(40):
        changed = bytearray(whole)
        for _ in range(rng.choice([1, 8])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed)
        refused += _is_refused(path)
    assert refused > 5


@_ZIPS
def test_file_is_refused_or_read_when_bytes_of_its_pickle_are_changed(save: Save, path: Path) -> None:
    save(trained(), path)
    whole = path.read_bytes()
    rng, refused = random.Random(2), 0
    for _ in range(60):

        def changed(name: str, content: bytes) -> bytes:
            if name != "data.pkl":
                return content
            place = rng.randrange(len(content))
            return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]

        path.write_bytes(whole)
        rezip(path, changed)
        refused += _is_refused(path)
    assert refused > 20


def _is_refused(path: Path) -> bool:
    try:
        read_published(path, TINY_CONFIG)
    except BadCheckpoint as error:
        assert str(error).isprintable()
        return True
    return False


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\x00" * 100,
        b"PK\x05\x06" + b"\x00" * 18,
        b"<!DOCTYPE html><html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\x80",
        b"\x80\x02.",
        b"\x80\x02K\x01.",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        pickle.dumps({"a": 1}),
        os.urandom(1000),
    ],
)
def test_file_is_refused_when_it_is_something_else(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert refusal(path)


def test_path_is_named_when_there_is_no_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.pt")
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ({"a/b/data.pkl": b"", "x": b""}, "0 records data.pkl"),
        ({"a/data.pkl": b"N.", "b/data.pkl": b"N."}, "2 records data.pkl"),
        ({"a/data.pkl": b"N.", "a/byteorder": b"big"}, "big-endian"),
        ({"a/data.pkl": b"N.", "a/byteorder": b"larger"}, "big-endian"),
        ({"a/data.pkl": b""}, "pickle is damaged"),
        ({"a/data.pkl": b"N."}, "no dictionary of tensors"),
    ],
)
def test_zip_is_refused_when_torch_does_not_write_such(records: dict[str, bytes], told: str, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in records.items():
            file.writestr(name, content)
    assert told in refusal(path)


@_ZIPS
def test_sizes_are_told_when_a_storage_is_short(save: Save, path: Path) -> None:
    save(trained(), path)
    rezip(path, lambda name, content: content[:-4] if name == "data/0" else content)
    assert "holds 860 bytes for storage 0, of which its pickle says 864" in refusal(path)
    rezip(path, lambda name, content: None if name == "data/0" else content)
    assert "holds no bytes for storage 0" in refusal(path)


def test_storage_is_refused_when_an_old_file_says_it_is_longer(path: Path) -> None:
    old_state_dict(trained(), path)
    whole = path.read_bytes()
    places = [found.start() for found in re.finditer(re.escape(struct.pack("<Q", 216)), whole)]
    assert places  # of the first convolution: 8 * 3 * 3 * 3 numbers
    for place in places:
        for count in (215, 217, 2**40, 2**64 - 1):
            path.write_bytes(whole[:place] + struct.pack("<Q", count) + whole[place + 8 :])
            assert refusal(path)


def test_last_storage_is_refused_when_an_old_file_says_it_is_longer(path: Path) -> None:
    numbers = OrderedDict({"decode.bias": torch.arange(5.0)})
    torch.save(numbers, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    assert whole[-28:-20] == struct.pack("<Q", 5)
    for count in (6, 2**40, 2**64 - 1):
        path.write_bytes(whole[:-28] + struct.pack("<Q", count) + whole[-20:])
        assert "ends before them" in refusal(path)


def test_zip_is_refused_when_it_says_that_it_unpacks_to_too_much(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_dict(trained(), path)
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 5000)
    assert "at most 5000 are allowed" in refusal(path)


def test_record_is_read_no_further_when_it_unpacks_to_more_than_it_says(path: Path) -> None:
    state_dict(trained(), path)
    rezip(path, lambda name, content: bytes(200_000_000) if name == "data/0" else content, compress=True)
    raw = path.read_bytes().replace(struct.pack("<L", 200_000_000), struct.pack("<L", 864))
    path.write_bytes(raw)
    assert path.stat().st_size < 500_000
    assert "record data/0 cannot be unpacked" in refusal(path)


@pytest.mark.parametrize("compress", [False, True])
def test_record_is_refused_when_it_unpacks_to_less_than_it_says(compress: bool, path: Path) -> None:
    state_dict(trained(), path)
    rezip(path, lambda name, content: content[:104] if name == "data/0" else content, compress=compress)
    raw = bytearray(path.read_bytes())
    entry = raw.rfind(b"cars/data/0") - 46  # in the directory at the end, whose checksum is that of the 104 bytes
    struct.pack_into("<L", raw, entry + 24, 864)
    path.write_bytes(raw)
    assert "record data/0 unpacks to 104 bytes, and not to 864 as it says" in refusal(path)


_MODULE = b"c__torch__\nA\n)\x81}(%sub"


def _modules(count: int, attributes: bytes) -> bytes:
    """A module that holds itself, as it were: each has the one before it, told by its number, as its attributes."""
    made = _MODULE % b"" + b"q\x00"
    for number in range(1, count):
        made += b"0" + _MODULE % attributes.replace(b"?", bytes([number - 1])) + b"q" + bytes([number])
    return b"\x80\x02" + made + b"."


@pytest.mark.parametrize("attributes", [b"K\x01h?K\x02h?", b"X\xff\x00\x00\x00" + b"a" * 255 + b"h?"])
def test_trace_is_refused_when_its_modules_have_no_end(attributes: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", _modules(40, attributes))
    assert "more modules, or deeper ones" in refusal(path)


def test_file_is_refused_when_too_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae_core.importing.published.MAX_FILE_BYTES", 1000)
    state_dict(trained(), path)
    assert "at most 1000 bytes" in refusal(path)


def test_pickle_is_refused_when_too_large(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"N0" * 5_000_000 + b"N.")
    assert "its pickle has 10000002 bytes" in refusal(path)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_is_refused_when_packed_in_another_way(kind: int, path: Path) -> None:
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("a/data.pkl", b"N.")
    assert "in a way that torch does not use" in refusal(path)


def test_old_file_is_refused_when_written_on_another_machine(path: Path) -> None:
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": False}, {}, []]
    path.write_bytes(b"".join(pickle.dumps(each, 2) for each in head))
    assert "big-endian" in refusal(path)


def test_old_file_is_refused_when_its_storages_are_not_named(path: Path) -> None:
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {}, [["a"]]]
    path.write_bytes(b"".join(pickle.dumps(each, 2) for each in head) + bytes(100))
    assert "list of storages" in refusal(path)


def test_stream_of_old_files_is_as_torch_writes_it() -> None:
    """The mark that tells the old format is the one that torch itself still writes."""
    buffer = io.BytesIO()
    torch.save({}, buffer, _use_new_zipfile_serialization=False)
    assert pickle.loads(buffer.getvalue()) == archives._MAGIC
