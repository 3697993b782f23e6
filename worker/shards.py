"""A part's images as one tar in the layout of WebDataset: each image, and its JSON of the same name, side by side."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from vae_core.jobs.codec import to_json
from vae_core.jobs.layout import member_name
from vae_core.jobs.records import ItemDone

_IN_MANIFEST_ONLY = ("key", "member", "offset", "tag")  # where it lies: nothing that is true of the image itself


class Shard(NamedTuple):
    """A tar, and its items as the record names them: where in it each one begins."""

    data: bytes
    items: list[ItemDone]


def pack(images: Iterable[tuple[ItemDone, bytes]], key: str) -> Shard:
    """A tar of the images, in this order. Equal images give equal bytes: no time and no owner is in it.

    images: each item, its `member` named, with its encoded image. key: of the tar, relative to the job's folder.
    """
    buffer = io.BytesIO()
    items = []
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for item, data in images:
            offset = _add(tar, buffer, item.member or "", data)
            _add(tar, buffer, member_name(item.index, "json"), to_json(_described(item)))
            items.append(msgspec.structs.replace(item, key=key, offset=offset))
    return Shard(buffer.getvalue(), items)


def _add(tar: tarfile.TarFile, buffer: io.BytesIO, name: str, data: bytes) -> int:
    """Adds a file; the byte that its content begins at."""
    header = tarfile.TarInfo(name)
    header.size = len(data)
    offset = buffer.tell() + tarfile.BLOCKSIZE
    tar.addfile(header, io.BytesIO(data))
    return offset


def _described(item: ItemDone) -> dict[str, object]:
    """What the manifest says of the image, for who has the shard alone."""
    fields: dict[str, object] = msgspec.to_builtins(item)
    return {name: value for name, value in fields.items() if name not in _IN_MANIFEST_ONLY}
