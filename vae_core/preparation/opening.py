"""From the address of a source to the source: a folder or zip on this machine, or objects in a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from vae_core.errors import BadImage, InvalidValue, ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError
from vae_core.inputs import list_inputs, open_inputs
from vae_core.jobs.sources import S3, parse_source
from vae_core.preparation.sources import Candidate, FolderSource, Listing, PictureSource, is_hidden, printable
from vae_core.preparation.zips import ZipSource
from vae_core.settings import Settings


class Address(NamedTuple):
    """A source that any process can open for itself.

    text: a path, `file:///path`, or `s3://bucket/prefix`, which is taken literally: end it with `/` to mean a folder.
    """

    text: str
    settings: Settings

    @property
    def path(self) -> Path | None:
        """Where it is on this machine, if it is. Raises InvalidValue for an address that is not understood."""
        if self.text.startswith(S3):
            return None
        if "://" in self.text:
            return Path(parse_source(self.text).path)
        if not self.text:
            raise InvalidValue("SOURCE is empty: give a folder or zip of pictures, or s3://bucket/prefix/")
        return Path(self.text)

    @property
    def readers(self) -> int:
        """Threads worth reading with at once: a bucket's answers take their time."""
        return self.settings.io_threads if self.path is None else 1

    def open(self) -> PictureSource:
        """Raises InvalidValue for a path that is neither folder nor zip, or an address that is none."""
        if self.path is None:
            return BucketSource(self.text, self.settings)
        return open_local(self.path, max_bytes=self.settings.max_input_bytes)


def open_local(path: Path, *, max_bytes: int) -> FolderSource | ZipSource:
    """The folder or zip at this path. max_bytes: of one file. Raises InvalidValue if it is neither."""
    if path.is_dir():
        return FolderSource(path, max_bytes=max_bytes)
    if path.is_file():
        return ZipSource(path, max_bytes=max_bytes)
    raise InvalidValue(f"{path}: no such folder or file: give a folder of pictures or a zip of them")


class BucketSource:
    """The objects below a prefix of a bucket, listed and read as a worker does for a reconstruct job.

    VAEJOB_SOURCES has no say here: it holds back those who send jobs to a worker, and this runs for who calls it.
    """

    def __init__(self, address: str, settings: Settings) -> None:
        self._address = address
        self._settings = msgspec.structs.replace(settings, sources=(parse_source(address).url,))
        self._inputs = open_inputs(address, self._settings)

    def list(self) -> Listing:
        found, hidden = [], 0
        folder = self._inputs.prefix.rfind("/") + 1
        for each in list_inputs(self._address, self._settings):
            name = printable(each.key[folder:])
            if is_hidden(name):
                hidden += 1
            else:
                found.append(Candidate(name, each.key, each.tag))
        return Listing(sorted(found), [], hidden)

    def read(self, candidate: Candidate) -> bytes:
        store, most = self._inputs.store, self._settings.max_input_bytes
        try:
            return store.read(candidate.key, max_bytes=most, if_tag=candidate.tag).data
        except (ObjectMissing, ObjectTooLarge, ObjectChanged) as error:
            raise BadImage(error.code, str(error)) from error
        except StoreError as error:
            store.check()  # raises where it is not this object alone that is refused
            raise BadImage(error.code, str(error)) from error

    def close(self) -> None:
        """A client closes itself."""
