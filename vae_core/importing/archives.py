"""Files of `torch.save` and `torch.jit.save`, read without torch: what they hold, and the numbers of their tensors."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

from vae_core.errors import BadCheckpoint
from vae_core.importing.pickles import BadPickle, Meaning, read_pickle, shown
from vae_core.importing.stored import TORCH_MEANING, StorageRef, called, check_name, persistent

MAX_FILE_BYTES = 256 * 2**20
MAX_UNPACKED_BYTES = 512 * 2**20
_MAX_PICKLE_BYTES = 8 * 2**20
_MAX_RECORDS = 20_000
_ZIP_START = b"PK\x03\x04"
# The first two pickles of the format that `torch.save` wrote before torch 1.6, and still does when told to.
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_NOT_OURS = "is not a file of torch.save or torch.jit.save"


class Archive(NamedTuple):
    """content: the file's object, with a TensorRef for each tensor. numbers: all bytes of a storage, little-endian.

    `numbers` raises BadCheckpoint when the file does not hold them, or not so many.
    """

    content: object
    numbers: Callable[[StorageRef], bytes]


def open_archive(data: bytes, where: str) -> Archive:
    """The archive in `data`, the bytes of the file `where`. Raises BadCheckpoint.

    All three formats: the zip of `torch.save`, the older one that is none, and the zip of `torch.jit.save`, whose code
    is left unread.
    """
    try:
        return _Zip(data, where).archive() if data.startswith(_ZIP_START) else _plain(data, where)
    except BadPickle as exc:
        raise BadCheckpoint(f"{where}: its pickle {exc}") from exc


class _Zip:
    """The records of a zip file that share one folder, as torch writes them, with limits on all sizes."""

    def __init__(self, data: bytes, where: str) -> None:
        self._where = where
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as exc:
            raise BadCheckpoint(f"{where}: is not a whole zip file, as torch writes: {exc}") from exc
        records = self._zip.infolist()
        if len(records) > _MAX_RECORDS:
            raise BadCheckpoint(f"{where}: holds {len(records)} records: at most {_MAX_RECORDS} are allowed")
        if any(record.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for record in records):
            raise BadCheckpoint(f"{where}: is packed in a way that torch does not use")
        unpacked = sum(record.file_size for record in records)
        if unpacked > MAX_UNPACKED_BYTES:
            raise BadCheckpoint(f"{where}: unpacks to {unpacked} bytes: at most {MAX_UNPACKED_BYTES} are allowed")
        roots = [name.removesuffix("/data.pkl") for name in self._zip.namelist() if name.endswith("/data.pkl")]
        roots = [root for root in roots if "/" not in root]
        if len(roots) != 1:
            raise BadCheckpoint(f"{where}: {_NOT_OURS}: it holds {len(roots)} records data.pkl in its folder, not 1")
        self._root = roots[0]

    def archive(self) -> Archive:
        if self._size("byteorder") not in {None, len("little")} or self._read("byteorder", b"little") != b"little":
            raise BadCheckpoint(f"{self._where}: was written on a big-endian machine: save it on a usual one")
        size = self._size("data.pkl") or 0
        if size > _MAX_PICKLE_BYTES:
            raise BadCheckpoint(f"{self._where}: its pickle has {size} bytes: at most {_MAX_PICKLE_BYTES} are allowed")
        return Archive(read_pickle(io.BytesIO(self._read("data.pkl")), TORCH_MEANING), self._numbers)

    def _numbers(self, storage: StorageRef) -> bytes:
        size = self._size(f"data/{storage.key}")
        _check_size(storage, size, self._where)
        return self._read(f"data/{storage.key}")

    def _size(self, name: str) -> int | None:
        try:
            return self._zip.getinfo(f"{self._root}/{name}").file_size
        except KeyError:
            return None

    def _read(self, name: str, otherwise: bytes = b"") -> bytes:
        size = self._size(name)
        if size is None:
            return otherwise
        try:
            # Told how much to read, it stops there, however much more the record would unpack to.
            with self._zip.open(f"{self._root}/{name}") as record:
                content = record.read(size)
        except (zipfile.BadZipFile, RuntimeError, ValueError, OSError, EOFError, zlib.error) as exc:
            raise BadCheckpoint(f"{self._where}: record {shown(name)} cannot be unpacked: {exc}") from exc
        # It may also unpack to less, with a checksum that is right; a tensor would then reach into memory behind it.
        if len(content) != size:
            raise BadCheckpoint(
                f"{self._where}: record {shown(name)} unpacks to {len(content)} bytes, and not to {size} as it says: "
                "the file is damaged"
            )
        return content


def _plain(data: bytes, where: str) -> Archive:
    """Pickles one behind the other (mark, version, machine, object, names of storages), then the storages' numbers."""
    storages: dict[str, StorageRef] = {}

    def remember(identifier: object) -> StorageRef:
        found = persistent(identifier)
        if storages.setdefault(found.key, found) != found:
            raise BadPickle(f"has two storages called {shown(found.key)}")
        return found

    stream = io.BytesIO(data)
    meaning = Meaning(check_name, called, remember)
    try:
        mark = read_pickle(stream, meaning)
    except BadPickle as exc:
        raise BadCheckpoint(f"{where}: {_NOT_OURS}: as a pickle it {exc}") from exc
    if mark != _MAGIC or read_pickle(stream, meaning) != _VERSION:
        raise BadCheckpoint(f"{where}: {_NOT_OURS}")
    machine, content, keys = (read_pickle(stream, meaning) for _ in range(3))
    if not isinstance(machine, dict) or machine.get("little_endian") is not True or not isinstance(keys, list):
        raise BadCheckpoint(f"{where}: was written on a big-endian machine, or is damaged")
    places: dict[str, tuple[int, int]] = {}
    start = stream.tell()
    for key in keys:
        if not isinstance(key, str) or key not in storages or len(data) < start + 8:
            raise BadCheckpoint(f"{where}: is cut short, or its list of storages is damaged")
        (count,) = struct.unpack_from("<Q", data, start)
        first, start = start + 8, start + 8 + count * storages[key].item_bytes
        if len(data) < start:
            _check_size(storages[key], len(data) - first, where)
            raise BadCheckpoint(f"{where}: says that storage {shown(key)} holds {count} numbers, and ends before them")
        places[key] = first, start

    def numbers(storage: StorageRef) -> bytes:
        first, behind = places.get(storage.key, (0, 0))
        _check_size(storage, behind - first, where)
        return data[first:behind]

    return Archive(content, numbers)


def _check_size(storage: StorageRef, found: int | None, where: str) -> None:
    if found != storage.size_bytes:
        held = "no" if found is None else str(found)
        raise BadCheckpoint(
            f"{where}: holds {held} bytes for storage {shown(storage.key)}, of which its pickle says "
            f"{storage.size_bytes}: the file is cut short or damaged"
        )
