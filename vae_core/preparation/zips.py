"""The files in a zip archive, which may be damaged or hostile."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from pathlib import Path

from vae_core.errors import BadImage, InvalidValue
from vae_core.preparation.sources import Candidate, Listing, Rejected, is_hidden, printable

# Deflate is undone piece by piece; of the other methods Python undoes a whole block at once, however large it becomes.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


class ZipSource:
    """The files in a zip. None of their names is ever used as a path. Raises InvalidValue if it is no zip."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        try:
            self._zip = zipfile.ZipFile(path)
        except MemoryError:
            raise
        except Exception as error:  # BadZipFile, OSError, ValueError, struct.error, ...: it is not a zip to read
            what = f"cannot be read as a zip: {error}"
            raise InvalidValue(f"{path}: {what}; is it whole? Copy it again, or try `unzip -t`") from error
        self._entries = self._zip.infolist()

    def list(self) -> Listing:
        found, rejected, hidden = [], [], 0
        times: Counter[str] = Counter()
        # Two entries may have the same name; the order of the archive tells them apart.
        for name, place in sorted((_name(info), place) for place, info in enumerate(self._entries)):
            if name.endswith("/"):
                continue
            if is_hidden(name):
                hidden += 1
                continue
            times[name] += 1
            label = name if times[name] == 1 else f"{name} ({times[name]})"
            refusal = self._refusal(name, self._entries[place])
            if refusal:
                rejected.append(Rejected(label, *refusal))
            else:
                found.append(Candidate(label, str(place)))
        return Listing(found, rejected, hidden)

    def _refusal(self, name: str, info: zipfile.ZipInfo) -> tuple[str, ...]:
        """Why the entry is not one to read, if so."""
        if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            return "unsafe_name", "its name leads out of the archive"
        if stat.S_ISLNK(info.external_attr >> 16):
            return "link", "a symbolic link, which is not followed"
        if info.flag_bits & _ENCRYPTED:
            return "encrypted", "encrypted; make the archive again without a password"
        if info.compress_type not in _METHODS:
            return "packed_otherwise", "neither stored nor deflated; make the archive again with one of these"
        if info.file_size > self._max_bytes:
            return "too_large", f"{info.file_size:,} bytes unpacked; at most {self._max_bytes:,} are read of a file"
        return ()

    def read(self, candidate: Candidate) -> bytes:
        try:
            info = self._entries[int(candidate.key)]
            with self._zip.open(info) as file:
                # Told how much to read, it never unpacks more, though the entry may: `read()` would.
                data = file.read(info.file_size)
        except MemoryError:
            raise
        except (
            Exception
        ) as error:  # as above, zlib.error, or IndexError in an archive that was replaced: the rest may be whole
            raise BadImage("damaged", f"damaged in the archive: {error}") from error
        if len(data) != info.file_size:
            raise BadImage(
                "damaged", f"damaged in the archive: {len(data):,} of its {info.file_size:,} bytes are there"
            )
        return data

    def close(self) -> None:
        self._zip.close()


def _name(info: zipfile.ZipInfo) -> str:
    """The entry's name, `/` between segments: some archivers of Windows write backslashes."""
    return printable(info.filename.replace("\\", "/"))
