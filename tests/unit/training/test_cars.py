"""The drawn cars: the same bytes for the same key wherever they are drawn, varied, and within their ranges."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from PIL import Image

from vae_core.cli import main
from vae_core.errors import InvalidValue, PermanentError
from vae_core.training.cars.dataset import draw_array, draw_many, write_cars
from vae_core.training.cars.draw import draw_car, render
from vae_core.training.cars.families import FAMILIES, PAINTS, Family
from vae_core.training.cars.params import CarParams
from vae_core.training.cars.population import MIRRORED_SHARE, SHARED, SKEWED, draw_params


def params_of(seed: int, count: int) -> list[CarParams]:
    """Parameters without the drawing, which takes most of the time."""
    return [draw_params(seed, index) for index in range(count)]


def test_image_is_rgb_bytes_of_the_size_when_drawn() -> None:
    for size in (16, 64, 128, 300):
        image, params = draw_car(1, 2, size)
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8
        assert (params.seed, params.index) == (1, 2)


def test_bytes_are_the_same_when_drawn_again() -> None:
    first, first_params = draw_car(11, 5)
    draw_car(11, 6)
    np.random.default_rng(0).random(3)
    again, again_params = draw_car(11, 5)
    assert first.tobytes() == again.tobytes()
    assert first_params == again_params


def test_parameters_do_not_depend_on_size_when_size_differs() -> None:
    assert draw_car(3, 9, 32)[1] == draw_car(3, 9, 64)[1] == params_of(3, 10)[9]


def test_images_are_the_same_when_start_or_order_differs() -> None:
    whole = draw_array(2, 0, 6, size=32)
    assert np.array_equal(draw_array(2, 3, 3, size=32), whole[3:])
    backwards = [draw_car(2, index, 32)[0] for index in reversed(range(6))]
    assert np.array_equal(np.stack(backwards[::-1]), whole)


def test_images_come_in_order_and_alike_when_processes_differ() -> None:
    here = list(draw_many(4, 10, 40, size=16, processes=1))
    apart = list(draw_many(4, 10, 40, size=16, processes=2))
    assert [index for index, _, _ in apart] == list(range(10, 50))
    assert all(np.array_equal(a[1], b[1]) and a[2] == b[2] for a, b in zip(here, apart, strict=True))


def test_images_are_distinct_when_index_or_seed_differs() -> None:
    images = [draw_car(seed, index, 32)[0].tobytes() for seed in (0, 1) for index in range(20)]
    assert len(set(images)) == 40


def test_parameters_are_within_their_documented_ranges_when_many_are_drawn() -> None:
    for params in params_of(8, 400):
        limits = dict(zip(Family._fields[1:], FAMILIES[params.family][1:], strict=True)) | SHARED
        limits |= {name: (low, high) for name, (low, high, _) in SKEWED.items()}
        for name, (low, high) in limits.items():
            assert low - 1e-4 <= getattr(params, name) <= high + 1e-4, name
        assert params.paint in PAINTS
        assert 0.55 <= params.wheel_diameter_m <= 0.84
        assert all(0.0 < value < 1.0 for value in (params.paint_red, params.paint_green, params.paint_blue))
        assert 0.0 <= params.cladding <= 0.22


def test_every_family_paint_and_style_occurs_when_many_are_drawn() -> None:
    drawn = params_of(9, 1500)
    families = [params.family for params in drawn]
    for name, family in FAMILIES.items():
        assert families.count(name) / len(drawn) == pytest.approx(family.weight, abs=0.05)
    assert {params.paint for params in drawn} == set(PAINTS)
    assert {params.lamp_style for params in drawn} == {"almond", "swept", "square", "round"}
    assert {params.wheel_style for params in drawn} == {"five", "twin", "many", "mesh", "cover"}
    assert {params.day_lights for params in drawn} == {"none", "below", "above"}
    assert {params.roof_style for params in drawn} == {"body", "black", "white"}
    assert {params.badge for params in drawn} == {"round", "oval", "wings", "none"}


def test_most_backgrounds_are_white_and_all_occur_when_many_are_drawn() -> None:
    found = [params.background for params in params_of(9, 1500)]
    assert set(found) == {"white", "grey", "floor", "tint", "room", "outdoor", "dark"}
    assert found.count("white") / len(found) == pytest.approx(0.64, abs=0.04)
    assert (found.count("outdoor") + found.count("room") + found.count("dark")) / len(found) < 0.18


def test_corners_are_bright_and_car_fills_the_frame_when_background_is_white() -> None:
    white = [params.index for params in params_of(6, 60) if params.background == "white"][:30]
    images = np.stack([draw_car(6, index, 64)[0] for index in white]).astype(int)
    top = images[:, 0].min(axis=2)
    assert (np.median(top, axis=1) == 255).mean() > 0.85
    busy = np.abs(images - 255).max(axis=3) > 25
    widths = busy.any(axis=1).sum(axis=1)
    heights = busy.any(axis=2).sum(axis=1)
    assert (np.maximum(widths, heights) >= 38).all()
    assert (busy.mean(axis=(1, 2)) > 0.12).all()


def test_car_stays_in_the_frame_when_its_margin_is_not_negative() -> None:
    drawn = [params for params in params_of(12, 200) if params.background == "white" and params.margin_frac > 0.03]
    for params in drawn[:25]:
        image = draw_car(12, params.index, 64)[0].astype(int)
        assert (image[:, [0, -1]].min(axis=2) > 150).all(), params.index
        assert np.median(image[0].min(axis=1)) == 255, params.index
    margins = np.array([params.margin_frac for params in params_of(12, 1000)])
    assert margins.min() >= -0.02
    assert (margins < 0).mean() < 0.2


def test_both_directions_occur_and_a_mirrored_car_is_the_other_turned_over_when_drawn() -> None:
    drawn = params_of(13, 1500)
    mirrored = [params for params in drawn if params.mirrored]
    assert len(mirrored) / len(drawn) == pytest.approx(MIRRORED_SHARE, abs=0.025)
    turned = msgspec.structs.replace(mirrored[0], mirrored=False)
    assert np.array_equal(render(mirrored[0], 32)[:, ::-1], render(turned, 32))


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("plate", "white", "dark"),
        ("grille_style", "bars", "slats"),
        ("grille_shape", "band", "tall"),
        ("badge", "wings", "none"),
        ("day_lights", "none", "below"),
        ("lamp_dark", 0.0, 1.0),
        ("fog_lamps", True, False),
        ("wheel_style", "five", "cover"),
        ("wheel_dark", 0.3, 1.0),
        ("skid_plate", True, False),
    ],
)
def test_only_its_own_part_changes_when_a_fitting_does(field: str, one: object, other: object) -> None:
    base = msgspec.structs.replace(draw_params(1, 4), mirrored=False, margin_frac=0.02, softness_px=0.0, chrome=0.6)
    first = render(msgspec.structs.replace(base, **{field: one}), 96).astype(int)
    second = render(msgspec.structs.replace(base, **{field: other}), 96).astype(int)
    changed = np.abs(first - second).max(axis=2) > 8
    assert 0.0004 < changed.mean() < 0.15
    rows = np.flatnonzero(changed.any(axis=1))
    # fittings of the face and the wheels lie below the windows
    assert rows[0] > 96 * 0.3


def test_roof_alone_changes_when_it_is_of_another_colour() -> None:
    base = msgspec.structs.replace(draw_params(1, 4), mirrored=False, roof_style="body", softness_px=0.0)
    changed = np.abs(render(base, 64).astype(int) - render(msgspec.structs.replace(base, roof_style="white"), 64)) > 8
    rows = np.flatnonzero(changed.any(axis=(1, 2)))
    assert 0 < len(rows) < 20


def test_car_is_coloured_as_its_parameters_say_when_paint_is_red() -> None:
    params = next(params for params in params_of(5, 200) if params.paint == "red" and params.background == "white")
    image = draw_car(5, params.index, 64)[0].astype(int)
    reddish = (image[..., 0] > 1.8 * image[..., 1]) & (image[..., 0] > 90)
    assert reddish.mean() > 0.10


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("seed", (-1, 0, 64)),
        ("seed", (2**64, 0, 64)),
        ("index", (0, -1, 64)),
        ("size", (0, 0, 0)),
        ("size", (0, 0, -128)),
        ("size", (0, 0, 4096)),
        ("seed", (True, 0, 64)),
    ],
)
def test_drawing_is_refused_by_name_when_a_number_is_out_of_range(field: str, arguments: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidValue, match=rf"^{field} (-?\d+|True) is out of range: a whole number from \d+ to \d+$"):
        draw_car(*arguments)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("seed", (-1, 0, 1)),
        ("start", (0, -1, 1)),
        ("count", (0, 0, -1)),
        ("size", (0, 0, 1, 1)),
        ("processes", (0, 0, 1, 16, 0)),
    ],
)
def test_stream_is_refused_at_the_call_when_a_number_is_out_of_range(field: str, arguments: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValue, match=f"^{field} "):
        draw_many(*arguments)


def test_files_and_table_hold_the_cars_when_written(tmp_path: Path) -> None:
    assert write_cars(tmp_path / "cars", seed=3, count=3, size=32) == 3
    names = sorted(path.name for path in (tmp_path / "cars").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png", "cars.csv"]
    with Image.open(tmp_path / "cars" / "000002.png") as image:
        assert np.array_equal(np.asarray(image), draw_car(3, 2, 32)[0])
    with (tmp_path / "cars" / "cars.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert float(rows[1]["yaw_deg"]) == draw_car(3, 1, 32)[1].yaw_deg
    assert rows[0]["size_px"] == "32"


def test_picture_is_the_same_when_drawn_from_its_row_of_the_table(tmp_path: Path) -> None:
    write_cars(tmp_path, seed=21, count=2, size=32)
    with (tmp_path / "cars.csv").open(newline="") as lines:
        row = list(csv.DictReader(lines))[1]
    size = int(row.pop("size_px"))
    flags = {"True": "true", "False": "false"}
    params = msgspec.convert({name: flags.get(text, text) for name, text in row.items()}, CarParams, strict=False)
    with Image.open(tmp_path / "000001.png") as image:
        assert np.array_equal(np.asarray(image), render(params, size))


def test_progress_is_told_from_what_is_there_to_the_last_image_when_written(tmp_path: Path) -> None:
    write_cars(tmp_path, seed=3, count=2, size=16)
    told: list[tuple[int, int]] = []
    write_cars(tmp_path, seed=3, count=4, size=16, report=lambda done, total: told.append((done, total)))
    assert told == [(2, 4), (3, 4), (4, 4)]


def test_only_missing_files_are_drawn_when_written_again(tmp_path: Path) -> None:
    write_cars(tmp_path, seed=3, count=3, size=16)
    before = (tmp_path / "000001.png").read_bytes()
    (tmp_path / "000001.png").unlink()
    assert write_cars(tmp_path, seed=3, count=4, size=16) == 2
    assert (tmp_path / "000001.png").read_bytes() == before
    assert len((tmp_path / "cars.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize(("seed", "size"), [(4, 16), (3, 32)])
def test_folder_is_refused_when_it_holds_other_cars(tmp_path: Path, seed: int, size: int) -> None:
    write_cars(tmp_path, seed=3, count=1, size=16)
    with pytest.raises(InvalidValue, match="holds cars of seed 3 and size 16"):
        write_cars(tmp_path, seed=seed, count=1, size=size)


def test_table_lists_all_images_when_fewer_are_asked_for_again(tmp_path: Path) -> None:
    write_cars(tmp_path, seed=3, count=3, size=16)
    before = (tmp_path / "cars.csv").read_bytes()
    assert write_cars(tmp_path, seed=3, count=1, size=16) == 0
    assert (tmp_path / "cars.csv").read_bytes() == before


@pytest.mark.parametrize("content", [b"name,price\nmini,3\n", b"\xff\xfe\x00\nx"])
def test_folder_is_refused_when_its_table_is_none_of_cars(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cars.csv").write_bytes(content)
    with pytest.raises(InvalidValue, match=r"holds a cars\.csv that is no table of cars"):
        write_cars(tmp_path, seed=3, count=1, size=16)
    assert (tmp_path / "cars.csv").read_bytes() == content


def test_death_is_noticed_when_a_process_that_draws_is_killed() -> None:
    before = set(psutil.Process().children())
    with closing(draw_many(1, 0, 4000, size=16, processes=2)) as drawings:
        next(drawings)
        for child in set(psutil.Process().children()) - before:
            if "resource_tracker" not in " ".join(child.cmdline()):
                child.kill()
        with pytest.raises(PermanentError, match="died"):
            list(drawings)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--n", "0"], "--n 0 is out of range: 1 to 1,000,000"),
        (["--n", "1", "--seed", "-1"], "--seed -1 is out of range"),
        (["--n", "1", "--size", "5"], "--size 5 is out of range: 16 to 1,024"),
        (["--n", "1"], "is a file: give a folder"),
    ],
)
def test_command_is_refused_in_one_line_when_a_value_is_not_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    (tmp_path / "file").touch()
    assert main(["cars", str(tmp_path / "file"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
