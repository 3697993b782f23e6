"""Files of folders and zips: what is listed, what is refused, and how much of it is ever read."""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.unit.preparation.pictures import address
from vae_core.errors import BadImage, InvalidValue
from vae_core.preparation.sources import Candidate, FolderSource, PictureSource, is_hidden
from vae_core.preparation.zips import ZipSource

LIMIT = 1000


def refused(source: PictureSource) -> dict[str, str]:
    """Code of each file that is listed as rejected, or cannot be read."""
    listing = source.list()
    codes = {each.name: each.code for each in listing.rejected}
    for candidate in listing.found:
        try:
            source.read(candidate)
        except BadImage as error:
            codes[candidate.name] = error.reason
    source.close()
    return codes


def contents(source: PictureSource) -> dict[str, bytes]:
    read = {candidate.name: source.read(candidate) for candidate in source.list().found}
    source.close()
    return read


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> ZipSource:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.filename = name  # as it is: the constructor would tidy it up
            archive.writestr(info, data, method)
    return ZipSource(path, max_bytes=LIMIT)


def test_files_are_listed_in_order_when_in_a_folder(tmp_path: Path) -> None:
    for name in ("b/2.png", "b.png", "a.png", ".DS_Store", ".git/x.png", "b/Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source = FolderSource(tmp_path, max_bytes=LIMIT)
    assert source.list().hidden == 3
    assert [*contents(source).items()] == [(name, name.encode()) for name in ("a.png", "b.png", "b/2.png")]


def test_file_is_refused_when_it_is_none_of_the_folders_own(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "above").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe.png")
    (folder / "large.png").write_bytes(bytes(LIMIT + 1))
    (folder / "fits.png").write_bytes(bytes(LIMIT))
    assert refused(FolderSource(folder, max_bytes=LIMIT)) == {
        "link.png": "link",
        "broken.png": "link",
        "above": "link",
        "pipe.png": "special",
        "large.png": "too_large",
    }


def test_file_is_refused_when_it_cannot_be_read(tmp_path: Path) -> None:
    source = FolderSource(tmp_path, max_bytes=LIMIT)
    (tmp_path / "a.png").write_bytes(b"1")
    listed = source.list().found[0]
    (tmp_path / "a.png").unlink()
    with pytest.raises(BadImage, match="cannot be read: No such file"):
        source.read(listed)
    if os.geteuid() != 0:  # who may read everything is refused nothing
        (tmp_path / "b.png").touch(mode=0)
        (tmp_path / "closed").mkdir(mode=0)
        assert refused(source) == {"b.png": "unreadable", "closed": "unreadable"}


def test_names_are_shown_on_one_line_when_they_are_odd(tmp_path: Path) -> None:
    names = {"a b'\".png": "a b'\".png", "é中🚗.png": "é中🚗.png", "two\nlines.png": "two\\nlines.png"}
    for name in names:
        (tmp_path / name).write_bytes(b"1")
    with open(os.fsencode(tmp_path) + b"/\xff.png", "wb") as file:  # noqa: PTH123  # not UTF-8
        file.write(b"1")
    shown = contents(FolderSource(tmp_path, max_bytes=LIMIT))
    assert set(shown) == {*names.values(), "\\udcff.png"}
    assert set(shown.values()) == {b"1"}


def test_files_are_listed_when_folders_are_deeper_than_the_stack(tmp_path: Path) -> None:
    depth, limit = 200, sys.getrecursionlimit()
    bottom = tmp_path.joinpath(*["d"] * depth)
    bottom.mkdir(parents=True)
    (bottom / "a.png").write_bytes(b"1")
    source = FolderSource(tmp_path, max_bytes=LIMIT)
    sys.setrecursionlimit(depth)
    try:
        (found,) = source.list().found
    finally:
        sys.setrecursionlimit(limit)
    assert source.read(found) == b"1"


def test_folder_is_named_when_it_cannot_be_listed(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="gone: the folder cannot be read"):
        FolderSource(tmp_path / "gone", max_bytes=LIMIT).list()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "SOURCE is empty"),
        ("nowhere", "nowhere: no such folder or file"),
        ("https://example.org/a.zip", "is not understood: s3://bucket/prefix or file:///absolute/path"),
        ("file://relative", "is not understood"),
        ("s3://", "names no bucket"),
    ],
)
def test_address_is_refused_when_nothing_can_be_there(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        address(text, tmp_path).open()


def test_local_address_is_opened_when_written_in_either_way(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"1")
    make_zip(tmp_path / "in.zip", {"a.png": b"1"}).close()
    for text in (tmp_path / "in", f"file://{tmp_path}/in", tmp_path / "in.zip", f"file://{tmp_path}/in.zip"):
        assert contents(address(text, tmp_path).open()) == {"a.png": b"1"}


def test_files_are_listed_when_the_zip_holds_more_than_pictures(tmp_path: Path) -> None:
    files = {"b/": b"", "b/2.png": b"2", "a.png": b"1", "__MACOSX/a.png": b"x", "b/._2.png": b"x", "win\\3.png": b"3"}
    source = make_zip(tmp_path / "a.zip", files)
    assert source.list().hidden == 2
    assert [*contents(source).items()] == [("a.png", b"1"), ("b/2.png", b"2"), ("win/3.png", b"3")]


def test_both_are_read_when_two_entries_have_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.png", b"2")
    assert contents(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {"a.png": b"1", "a.png (2)": b"2"}


def test_entry_is_refused_when_its_name_leads_out(tmp_path: Path) -> None:
    names = ("../a.png", "b/../../a.png", "/etc/a.png", "C:\\a.png", "..\\b.png")
    codes = refused(make_zip(tmp_path / "a.zip", dict.fromkeys(names, b"1")))
    assert codes == dict.fromkeys((name.replace("\\", "/") for name in names), "unsafe_name")


def test_entry_is_refused_when_it_is_of_a_kind_that_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("lzma.png", bytes(100), zipfile.ZIP_LZMA)
        archive.writestr("bzip2.png", bytes(100), zipfile.ZIP_BZIP2)
        archive.writestr("bomb.png", bytes(LIMIT + 1), zipfile.ZIP_DEFLATED)
        archive.writestr("fits.png", bytes(LIMIT), zipfile.ZIP_DEFLATED)
    assert refused(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {
        "link.png": "link",
        "lzma.png": "packed_otherwise",
        "bzip2.png": "packed_otherwise",
        "bomb.png": "too_large",
    }


def test_entry_is_refused_when_encrypted(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip", {"a.png": b"1", "b.png": b"2"}).close()
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1  # in the entry's own header, and in the directory at the end
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert refused(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {"a.png": "encrypted"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_entry_is_refused_when_damaged(tmp_path: Path, method: int) -> None:
    make_zip(tmp_path / "a.zip", {"a.png": b"a" + os.urandom(300), "b.png": b"b"}, method).close()
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[100] ^= 255
    (tmp_path / "a.zip").write_bytes(data)
    assert refused(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {"a.png": "damaged"}


def test_no_more_is_unpacked_than_promised_when_an_entry_lies_about_its_size(tmp_path: Path) -> None:
    bomb = bytes(50_000_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bomb)
    data = bytearray(buffer.getvalue())
    for place in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        assert struct.unpack_from("<I", data, place) == (len(bomb),)
        struct.pack_into("<I", data, place, 500)
    (tmp_path / "a.zip").write_bytes(data)
    assert refused(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {"bomb.png": "damaged"}
    # And should the checksum be made to fit, what is there is no more than was promised.
    for place in (data.index(b"PK\x03\x04") + 14, data.index(b"PK\x01\x02") + 16):
        struct.pack_into("<I", data, place, zlib.crc32(bytes(500)))
    (tmp_path / "a.zip").write_bytes(data)
    assert contents(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {"bomb.png": bytes(500)}


def test_name_is_shown_when_it_is_not_utf8(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip", {"aXb.png": b"1"}).close()
    data = (
        (tmp_path / "a.zip").read_bytes().replace(b"aXb", b"a\xe9b")
    )  # as of an old archiver, and not marked as UTF-8
    (tmp_path / "a.zip").write_bytes(data)
    assert contents(ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)) == {"aΘb.png": b"1"}


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "name that is no UTF-8 but says so"])
def test_zip_is_refused_in_one_line_when_it_cannot_be_listed(tmp_path: Path, kind: str) -> None:
    make_zip(tmp_path / "a.zip", {"éa.png": os.urandom(500)}).close()
    data = (tmp_path / "a.zip").read_bytes()
    broken = {"text": b"no zip", "empty": b"", "cut": data[:300]}.get(kind, data.replace("é".encode(), b"\xff\xff"))
    (tmp_path / "a.zip").write_bytes(broken)
    with pytest.raises(InvalidValue, match=r"a.zip: cannot be read as a zip: .*; is it whole\?") as caught:
        ZipSource(tmp_path / "a.zip", max_bytes=LIMIT)
    assert "\n" not in str(caught.value)


def test_file_is_litter_when_a_system_left_it_there() -> None:
    assert all(map(is_hidden, [".a", "x/.a/b.png", "__MACOSX/a.png", "x/THUMBS.DB", "desktop.ini"]))
    assert not any(map(is_hidden, ["a", "x/a.b.png", "../a.png", "./a.png", "thumbs.db.png", "x/"]))


def test_entry_is_refused_when_the_archive_was_replaced_since_it_was_listed(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {"a.png": b"1"})
    with pytest.raises(BadImage, match="damaged"):
        source.read(Candidate("b.png", "7"))
    assert contents(source) == {"a.png": b"1"}
