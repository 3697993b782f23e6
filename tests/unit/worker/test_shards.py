"""Shards: the same bytes for the same images, read back by offset, by tar and by WebDataset."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from vae_core.jobs.records import ItemDone
from worker.shards import Shard, pack

NAME = "shards/00003.tar"


def packed(count: int = 5) -> tuple[Shard, dict[int, bytes]]:
    images = {index: bytes([index]) * (400 * index + 1) for index in range(count)}
    items = [
        ItemDone(
            index=index,
            key=f"images/{index:08d}.png",
            member=f"{index:08d}.png",
            sha256="5eed" * 16,
            size_bytes=len(data),
            source=f"a b/{index}.jpg",
            psnr=21.5,
            tag="",
        )
        for index, data in images.items()
    ]
    return pack(((item, images[item.index]) for item in items), NAME), images


def test_image_lies_at_its_offset_when_it_is_packed() -> None:
    shard, images = packed()
    for item in shard.items:
        assert item.offset is not None
        assert shard.data[item.offset : item.offset + item.size_bytes] == images[item.index]
        assert (item.key, item.member) == (NAME, f"{item.index:08d}.png")


def test_bytes_are_the_same_when_it_is_packed_again() -> None:
    assert packed()[0].data == packed()[0].data


def test_nothing_of_this_machine_is_in_it_when_it_is_packed() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed()[0].data)) as tar:
        members = tar.getmembers()
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    names = [one.name for one in members]
    assert names == [f"{index:08d}.{extension}" for index in range(5) for extension in ("png", "json")]


def test_json_says_what_the_manifest_says_of_the_image_when_only_the_shard_is_there() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed()[0].data)) as tar:
        file = tar.extractfile("00000002.json")
        assert file is not None
        assert json.load(file) == {
            "index": 2,
            "sha256": "5eed" * 16,
            "size_bytes": 801,
            "source": "a b/2.jpg",
            "psnr": 21.5,
        }


# The library leaves the shard's file open for the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_gives_each_image_with_its_json_when_it_reads_the_shard(tmp_path: Path) -> None:
    import webdataset

    shard, images = packed()
    path = tmp_path / "00003.tar"
    path.write_bytes(shard.data)
    found = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [sample["__key__"] for sample in found] == [f"{index:08d}" for index in range(5)]
    for index, sample in enumerate(found):
        assert sample["png"] == images[index]
        assert json.loads(sample["json"])["index"] == index


@pytest.mark.parametrize("count", [1, 2, 9, 40])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 10_000])
def test_bytes_are_those_of_the_standard_library_when_it_packs_the_same(count: int, size: int) -> None:
    items = [
        ItemDone(index=index, key="", member=f"{index:08d}.png", sha256="5eed" * 16, size_bytes=size)
        for index in range(count)
    ]
    shard = pack(((item, bytes([item.index]) * size) for item in items), NAME)
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(shard.data)) as tar,
        tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as again,
    ):
        for member in tar:
            plain = tarfile.TarInfo(member.name)
            plain.size = member.size
            again.addfile(plain, tar.extractfile(member))
        assert len(tar.getnames()) == 2 * count
    assert buffer.getvalue() == shard.data
