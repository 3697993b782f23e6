"""A data set made of a heap of real files: what is in it, what is not, and that it is the same again."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.imaging.files import bmp_header, orientation
from tests.unit.imaging.zoo import zoo
from tests.unit.preparation.pictures import (
    SIZE,
    address,
    car,
    codes,
    index,
    names,
    noise,
    prepared,
    write,
    write_many,
)
from tests.unit.preparation.test_processes import readers
from vae_core.errors import InvalidValue
from vae_core.preparation import reading
from vae_core.preparation.assembly import prepare
from vae_core.preparation.recipe import Recipe
from vae_core.preparation.splits import Shares, content_hash, split_of
from vae_core.training.dataset import open_dataset


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_data_set_opens_as_it_was_split_when_prepared(tmp_path: Path) -> None:
    result = prepared(write_many(tmp_path / "in", 60), tmp_path)
    wanted: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for pixels in sorted((noise(seed) for seed in range(60)), key=content_hash):
        wanted[split_of(content_hash(pixels), Shares())].append(pixels)
    assert min(map(len, wanted.values())) > 0
    for name, images in open_dataset(result.output.archive, SIZE)._asdict().items():
        assert np.array_equal(images, wanted[name])
    assert result.report.splits == {name: len(images) for name, images in wanted.items()}
    assert (result.report.files, result.report.kept, result.report.warnings) == (60, 60, [])
    values = np.stack(wanted["train"]).reshape(-1, 3) / 255
    assert result.report.channel_mean == pytest.approx(values.mean(axis=0), abs=1e-6)
    assert result.report.channel_std == pytest.approx(values.std(axis=0), abs=1e-6)


def test_zip_tells_where_each_picture_comes_from_when_opened(tmp_path: Path) -> None:
    write(tmp_path / "in" / "sub" / "wide.png", noise(1, 40)[:20])
    result = prepared(tmp_path / "in", tmp_path, Recipe(size=SIZE, shares=Shares(0.0, 0.0)))
    (line,) = index(result.output.archive)
    with zipfile.ZipFile(result.output.archive) as archive:
        assert archive.namelist() == ["index.jsonl", "report.json", line["file"]]
        assert archive.read("report.json") == result.output.report.read_bytes()
        with Image.open(io.BytesIO(archive.read(line["file"]))) as image:
            pixels = np.asarray(image)
    sha256 = content_hash(pixels)
    assert line == {
        "file": f"train/{sha256[:16]}.png",
        "name": "sub/wide.png",
        "sha256": sha256,
        "split": "train",
        "width": 40,
        "height": 20,
    }
    assert pixels.shape == (SIZE, SIZE, 3)
    assert (pixels[[0, -1]] == 255).all()
    assert json.loads(result.output.report.read_bytes())["recipe"]["size"] == SIZE


def test_bytes_are_the_same_when_made_again_in_other_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_WORTH_A_PROCESS", 10)
    folder = write_many(tmp_path / "in", 24)
    for seed in range(5):
        write(folder / f"car-{seed}.png", car(seed, 64))
        write(folder / f"copy-{seed}.jpg", car(seed, 48), quality=90)
    (folder / "notes.txt").write_text("no picture")
    recipe = Recipe(size=SIZE)
    first = prepare(address(folder, tmp_path), tmp_path / "1" / "set.zip", recipe)
    zipped = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    prepare(address(zipped, tmp_path), tmp_path / "2" / "set.zip", recipe)
    prepare(address(folder, tmp_path), tmp_path / "3" / "set.zip", recipe, processes=2)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "3")
    assert (len(first.report.duplicates), first.report.rejected_by_code) == (5, {"not_an_image": 1})


def test_picture_stays_on_its_side_when_others_come_and_go(tmp_path: Path) -> None:
    folder = write_many(tmp_path / "in", 40)
    before = {line["name"]: line["split"] for line in index(prepared(folder, tmp_path).output.archive)}
    for seed in range(0, 40, 3):
        (folder / f"{seed:03d}.png").unlink()
    write_many(folder, 20, first=40)
    after = {line["name"]: line["split"] for line in index(prepared(folder, tmp_path).output.archive)}
    both = before.keys() & after.keys()
    assert len(both) == 26
    assert {name: before[name] for name in both} == {name: after[name] for name in both}


def test_one_is_kept_when_pictures_look_alike(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "a-small.png", car(1, 32))
    write(folder / "b-large.png", car(1, 64))
    write(folder / "c-packed.jpg", car(1, 48), quality=90)
    write(folder / "d-other.png", car(2, 32))
    write(folder / "e-again.png", car(2, 32))
    result = prepared(folder, tmp_path)
    assert names(result.output.archive) == {"b-large.png", "d-other.png"}
    left_out = [(each.name, each.of, each.same_pixels) for each in result.report.duplicates]
    assert left_out == [
        ("a-small.png", "b-large.png", False),
        ("c-packed.jpg", "b-large.png", False),
        ("e-again.png", "d-other.png", True),
    ]
    lines = [*result.report.lines()]
    assert lines[0].startswith("2 of 5 files kept: ")
    assert lines[1] == "3 duplicates left out, 1 of them to the last pixel"


def test_one_is_kept_when_all_are_the_same(tmp_path: Path) -> None:
    for number in range(7):
        write(tmp_path / "in" / f"{number}.png", noise(3))
    result = prepared(tmp_path / "in", tmp_path)
    assert names(result.output.archive) == {"0.png"}
    assert len(result.report.duplicates) == 6
    assert result.report.splits["train"] == 1


def test_five_pictures_are_enough_when_there_are_no_more(tmp_path: Path) -> None:
    result = prepared(write_many(tmp_path / "in", 5), tmp_path)
    assert result.report.splits["train"] > 0
    empty = [name for name, count in result.report.splits.items() if not count]
    assert empty
    assert [warning.split(":")[0] for warning in result.report.warnings] == [
        f"no picture is for {name}" for name in empty
    ]
    assert sum(map(len, open_dataset(result.output.archive, SIZE))) == 5


def test_all_are_for_training_when_none_would_be(tmp_path: Path) -> None:
    seeds = [seed for seed in range(60) if split_of(content_hash(noise(seed)), Shares()) == "test"][:2]
    for seed in seeds:
        write_many(tmp_path / "in", 1, first=seed)
    result = prepared(tmp_path / "in", tmp_path)
    assert result.report.splits == {"train": 2, "validation": 0, "test": 0}
    assert result.report.warnings == [
        "2 pictures are too few to split: all are for training, and a set with more may split them"
    ]


def test_every_kind_of_picture_is_taken_when_it_can_be_decoded(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    animals = {animal.name.replace(" ", "-"): animal.data for animal in zoo()}
    for name, data in animals.items():
        (tmp_path / "in" / name).write_bytes(data)
    result = prepared(tmp_path / "in", tmp_path)
    assert result.report.rejected == []
    assert result.report.kept + len(result.report.duplicates) == len(animals) > 70
    turned = {each.name: each.of for each in result.report.duplicates if "png-turned" in each.name}
    assert len(turned) >= 7
    assert len(set(turned.values())) == 1


def test_picture_is_upright_and_on_white_when_the_file_says_otherwise(tmp_path: Path) -> None:
    write(tmp_path / "in" / "turned.png", np.rot90(noise(1)), exif=orientation(6))
    clear = np.zeros((SIZE, SIZE, 4), np.uint8)
    write(tmp_path / "in" / "clear.png", clear)
    result = prepared(tmp_path / "in", tmp_path, Recipe(size=SIZE, shares=Shares(0.0, 0.0)))
    hashes = {line["name"]: line["sha256"] for line in index(result.output.archive)}
    assert hashes == {
        "turned.png": content_hash(noise(1)),
        "clear.png": content_hash(np.full((SIZE, SIZE, 3), 255, np.uint8)),
    }


def test_file_is_listed_with_its_code_when_it_cannot_be_used(tmp_path: Path) -> None:
    folder = write_many(tmp_path / "in", 3)
    whole = (folder / "000.png").read_bytes()
    jpeg = write(folder / "x.jpg", noise(9, 64)).read_bytes()
    (folder / "x.jpg").unlink()
    (folder / "zero.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "cut.png").write_bytes(whole[:-30])
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "huge.bmp").write_bytes(bmp_header(20_000, 20_000))
    (folder / "heavy.png").write_bytes(whole + bytes(5000))
    write(folder / "dot.png", noise(4)[:1, :1])
    write(folder / "line.png", noise(5, 64)[:1])
    (folder / "link.png").symlink_to(folder / "000.png")
    shutil.make_archive(str(folder / "nested"), "zip", folder, "000.png")
    result = prepared(folder, tmp_path, max_input_bytes="4000")
    assert codes(result) == {
        "zero.png": "empty",
        "text.jpg": "not_an_image",
        "nested.zip": "not_an_image",
        "cut.png": "undecodable",
        "cut.jpg": "undecodable",
        "huge.bmp": "too_many_pixels",
        "heavy.png": "too_large",
        "dot.png": "too_small",
        "line.png": "too_small",
        "link.png": "link",
    }
    assert names(result.output.archive) == {"000.png", "001.png", "002.png"}
    assert result.report.files == 13
    assert "10 rejected: not_an_image 2, too_small 2, undecodable 2, empty 1" in [*result.report.lines()][1]


def test_picture_counts_as_huge_when_over_the_limit_that_is_set(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.png", noise(1, 17))
    write(tmp_path / "in" / "b.png", noise(2, 16))
    assert codes(prepared(tmp_path / "in", tmp_path, max_input_pixels="256")) == {"a.png": "too_many_pixels"}


def test_zip_is_read_when_it_is_full_of_traps(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a.png", noise(1)).read_bytes(), write(tmp_path / "b.png", noise(2)).read_bytes()
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("cars/good.png", good)
        archive.writestr("../escape.png", bad)
        archive.writestr("/absolute.png", bad)
        archive.writestr("__MACOSX/cars/._good.png", b"x")
        archive.writestr("bomb.png", bytes(5_000_000), zipfile.ZIP_DEFLATED)
    result = prepared(tmp_path / "in.zip", tmp_path, max_input_bytes="100000")
    assert names(result.output.archive) == {"cars/good.png"}
    assert codes(result) == {
        "../escape.png": "unsafe_name",
        "/absolute.png": "unsafe_name",
        "bomb.png": "too_large",
    }
    assert result.report.hidden == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "in.zip", "out"]


@pytest.mark.parametrize("name", ["empty", "litter", "empty.zip"])
def test_source_is_refused_when_it_holds_no_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "litter").mkdir()
    (tmp_path / "litter" / ".DS_Store").write_bytes(b"x")
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    with pytest.raises(InvalidValue, match=f"{name}: holds no files"):
        prepared(tmp_path / name, tmp_path)
    assert not (tmp_path / "out").exists()


def test_source_is_refused_with_the_reasons_when_nothing_in_it_is_usable(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("no picture")
    (tmp_path / "in" / "b.png").write_bytes(b"")
    with pytest.raises(InvalidValue, match=r"in: holds no usable picture: empty 1, not_an_image 1; the first is a.txt"):
        prepared(tmp_path / "in", tmp_path)
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("set.tar", "is no file name for a zip"),
        ("folder.zip", "is no file name for a zip"),
        ("there.zip", "is there already"),
        ("kept.zip", "kept.report.json' is there already"),
        ("in/set.zip", "lies in SOURCE"),
        ("also/set.zip", "lies in SOURCE"),
        ("in/../in/sub/new/set.zip", "lies in SOURCE"),
    ],
)
def test_place_is_refused_when_a_data_set_cannot_be_there(tmp_path: Path, out: str, said: str) -> None:
    write_many(tmp_path / "in", 2)
    (tmp_path / "also").symlink_to(tmp_path / "in")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "there.zip").write_bytes(b"of somebody else")
    (tmp_path / "kept.report.json").write_text("of somebody else")
    with pytest.raises(InvalidValue, match=said):
        prepare(address(tmp_path / "in", tmp_path), tmp_path / out, Recipe(size=SIZE))
    assert (tmp_path / "there.zip").read_bytes() == b"of somebody else"
    assert len(list((tmp_path / "in").iterdir())) == 2


def test_source_stays_when_it_is_asked_to_be_replaced_by_itself(tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "in"), "zip", write_many(tmp_path / "in", 2)))
    before = archive.read_bytes()
    with pytest.raises(InvalidValue, match="is SOURCE itself"):
        prepare(address(archive, tmp_path), archive, Recipe(size=SIZE), overwrite=True)
    assert archive.read_bytes() == before


def test_output_is_replaced_only_when_asked(tmp_path: Path) -> None:
    folder, out = write_many(tmp_path / "in", 2), tmp_path / "new" / "folders" / "set.zip"
    prepare(address(folder, tmp_path), out, Recipe(size=SIZE))
    before = out.read_bytes()
    write_many(folder, 1, first=2)
    with pytest.raises(InvalidValue, match="or --overwrite"):
        prepare(address(folder, tmp_path), out, Recipe(size=SIZE))
    assert out.read_bytes() == before
    assert prepare(address(folder, tmp_path), out, Recipe(size=SIZE), overwrite=True).report.kept == 3
    assert len(index(out)) == 3


def test_nothing_is_left_when_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_WORTH_A_PROCESS", 10)
    folder = write_many(tmp_path / "in", 50)

    def interrupt(done: int, of: int) -> None:
        assert of == 50
        if done == 20:
            raise KeyboardInterrupt

    before = readers()
    with pytest.raises(KeyboardInterrupt):
        prepare(address(folder, tmp_path), tmp_path / "out" / "a.zip", Recipe(size=SIZE), processes=2, tick=interrupt)
    assert contents(tmp_path / "out") == {}
    assert readers() == before


def test_previous_output_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = write_many(tmp_path / "in", 2), tmp_path / "out" / "set.zip"
    prepare(address(folder, tmp_path), out, Recipe(size=SIZE))
    before = contents(tmp_path / "out")
    monkeypatch.setattr("vae_core.preparation.assembly._ON_SHEET", {})  # the sheet is the last to be written
    with pytest.raises(KeyError):
        prepare(address(folder, tmp_path), out, Recipe(size=SIZE), overwrite=True)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size": 15}, "--size 15 is out of range: 16 to 1,024"),
        ({"size": 2000}, "--size"),
        ({"fit": "stretch"}, "--fit 'stretch' is unknown: one of pad, squash, crop"),
        ({"distance": -1}, "--duplicates -1 is out of range: 0 to 40"),
        ({"distance": 41}, "--duplicates"),
    ],
)
def test_recipe_is_refused_when_a_value_is_not_allowed(values: dict[str, int], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        Recipe(**values)
