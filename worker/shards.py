"""A part's images as one tar in the layout of WebDataset: each image, and its JSON of the same name, side by side."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from vae_core.jobs.codec import to_json
from vae_core.jobs.layout import member_name
from vae_core.jobs.records import ItemDone

# A header of the standard library's, of which only name, size and checksum differ from file to file: made anew for
# each, headers took longer than the PNGs. POSIX 1003.1 (ustar): name at 0, size at 124, checksum at 148, type at 156.
_TEMPLATE = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_NAME_BYTES = 100
_BEFORE_SIZE, _AFTER_SIZE, _AFTER_SUM = _TEMPLATE[_NAME_BYTES:124], _TEMPLATE[135:148], _TEMPLATE[156:]
_SUM = 8 * ord(" ") + sum(_BEFORE_SIZE + _AFTER_SIZE + _AFTER_SUM)  # in which the checksum itself counts as spaces
_IN_MANIFEST_ONLY = ("key", "member", "offset", "tag")  # where it lies: nothing that is true of the image itself


class Shard(NamedTuple):
    """A tar, and its items as the record names them: where in it each one begins."""

    data: bytes
    items: list[ItemDone]


def pack(images: Iterable[tuple[ItemDone, bytes]], key: str) -> Shard:
    """A tar of the images, in this order. Equal images give equal bytes: no time and no owner is in it.

    images: each item, its `member` named, with its encoded image. key: of the tar, relative to the job's folder.
    """
    blocks: list[bytes] = []
    items = []
    size = 0
    for item, data in images:
        items.append(msgspec.structs.replace(item, key=key, offset=size + tarfile.BLOCKSIZE))
        for name, content in (
            (item.member or "", data),
            (member_name(item.index, "json"), to_json(_described(item))),
        ):
            blocks += _header(name, len(content)), content, bytes(-len(content) % tarfile.BLOCKSIZE)
            size += tarfile.BLOCKSIZE + len(content) + len(blocks[-1])
    blocks.append(bytes(2 * tarfile.BLOCKSIZE + -(size + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE))
    return Shard(b"".join(blocks), items)


def _header(name: str, size: int) -> bytes:
    """Of a file. name: at most 100 bytes in UTF-8."""
    field, octal = name.encode().ljust(_NAME_BYTES, b"\0"), b"%011o" % size
    checksum = b"%06o\0 " % (_SUM + sum(field) + sum(octal))
    return b"".join((field, _BEFORE_SIZE, octal, _AFTER_SIZE, checksum, _AFTER_SUM))


def _described(item: ItemDone) -> dict[str, object]:
    """What the manifest says of the image, for who has the shard alone."""
    fields: dict[str, object] = msgspec.to_builtins(item)
    return {name: value for name, value in fields.items() if name not in _IN_MANIFEST_ONLY}
