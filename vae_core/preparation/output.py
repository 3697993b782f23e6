"""The files of a data set: a zip that is the same for the same pictures, written whole or not at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from vae_core.errors import InvalidValue
from vae_core.preparation.opening import Address

# Zip's own earliest time. The system is fixed as well, as Python would write the one that it runs on.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100644 << 16


class Output(NamedTuple):
    """Where a data set goes: the zip, and beside it the report and the sheet."""

    archive: Path
    report: Path
    sheet: Path


def plan_output(archive: Path, address: Address, *, overwrite: bool) -> Output:
    """Raises InvalidValue for a place that a data set cannot be written to."""
    if archive.suffix.lower() != ".zip" or archive.is_dir():
        raise InvalidValue(f"OUT {str(archive)!r} is no file name for a zip: give one that ends in .zip")
    source = address.path and address.path.resolve()
    if source is not None and archive.resolve().is_relative_to(source):
        what = "is SOURCE itself" if archive.resolve() == source else "lies in SOURCE, where it would be read next time"
        raise InvalidValue(f"OUT {str(archive)!r} {what}: give a place outside")
    output = Output(archive, archive.with_suffix(".report.json"), archive.with_suffix(".sheet.png"))
    there = next((path for path in output if path.exists()), None)
    if there is not None and not overwrite:
        raise InvalidValue(f"OUT {str(there)!r} is there already: give another name, or --overwrite")
    return output


@contextmanager
def written_whole(output: Output) -> Iterator[Output]:
    """Places beside `output` to write to. At the end they become it, the zip last; on any error they are removed."""
    drafts = Output(*(path.with_name(f".{path.name}.{os.getpid()}.partial") for path in output))
    try:
        yield drafts
        for draft, path in zip(reversed(drafts), reversed(output), strict=True):
            draft.replace(path)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)


def write_zip(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """A zip of these files, in this order, stored as they are: the same files give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, data)
