"""Key names: the folders of DESIGN.md, and names of reconstructions that never meet."""

from __future__ import annotations

import hashlib
import re
from itertools import product
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.jobs.layout import (
    EXTENSIONS,
    JobKeys,
    checkpoint_key,
    fitted_input_name,
    open_key,
    part_of,
    reconstruction_name,
    sample_name,
    sheet_name,
)

HASHED = re.compile(r"images/~[0-9a-f]{32}\.(png|jpg|webp)")

any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), max_size=12)
NASTY: tuple[str, ...] = (
    "",
    ".",
    "..",
    "~",
    "%",
    "%2F",
    "%7E",
    "%2E",
    "a",
    "A",
    "a.jpg",
    "a.jpg.png",
    ".png",
    "..png",
    "a%2Epng",
    "a.PNG",
)
NASTY += (
    "b.webp",
    "a b",
    "a\nb",
    "a?b#c",
    "ä",
    "a\u0308",
    "x" * 200,
    "x" * 196,
    "é" * 70,
    "\\",
    "CON",
    "a.jpg.png.png",
)
nasty_segments = st.sampled_from(NASTY)
nasty_keys = st.lists(nasty_segments | any_text, min_size=1, max_size=5).map("/".join)
formats = st.sampled_from(sorted(EXTENSIONS))


def hashed(key: str, extension: str = "png") -> str:
    return f"images/~{hashlib.sha256(key.encode()).hexdigest()[:32]}.{extension}"


def test_keys_are_those_of_the_design_when_made() -> None:
    keys = JobKeys("my-job")
    assert open_key("my-job") == "open/my-job"
    assert checkpoint_key("ab12") == "checkpoints/ab12.safetensors"
    assert keys.root == "jobs/my-job/"
    assert {
        name: getattr(keys, name).removeprefix(keys.root)
        for name in ("job", "plan", "end", "success", "cancel", "manifest", "errors", "summary", "grid", "page")
    } == {
        "job": "job.json",
        "plan": "plan.json",
        "end": "end.json",
        "success": "_SUCCESS",
        "cancel": "cancel",
        "manifest": "manifest.jsonl",
        "errors": "errors.jsonl",
        "summary": "summary.json",
        "grid": "grid.png",
        "page": "index.html",
    }
    assert keys.inputs("set", 7) == "jobs/my-job/inputs/set/00007.jsonl"
    assert keys.part(7) == "jobs/my-job/parts/00007.json"
    assert keys.dead(7) == "jobs/my-job/dead/00007.json"
    assert keys.attempts(7) == "jobs/my-job/attempts/00007/"
    assert keys.attempt(7, "t0ken") == "jobs/my-job/attempts/00007/t0ken"
    assert sheet_name(7) == "sheets/00007.jpg"
    assert fitted_input_name(7) == "sheets/inputs/00000007.png"


def test_samples_sort_by_index_and_have_the_format_s_extension_when_named() -> None:
    assert sample_name(7, "png") == "images/00000007.png"
    assert sample_name(7, "jpeg") == "images/00000007.jpg"
    assert sample_name(9_999_999, "webp") == "images/09999999.webp"
    names = [sample_name(index, "png") for index in (0, 9, 10, 99_999, 9_999_999)]
    assert names == sorted(names)


@given(st.integers(0, 10_000_000))
def test_part_is_read_back_when_it_is_in_a_name(part: int) -> None:
    keys = JobKeys("job")
    assert part_of(keys.part(part)) == part_of(keys.dead(part)) == part


@pytest.mark.parametrize(
    "key", ["", "parts/", "parts/x.json", "parts/1.jsonl", "parts/1.json.tmp", "parts/-1.json", "parts/١.json", "00012"]
)
def test_part_is_none_when_the_name_is_no_part_s(key: str) -> None:
    assert part_of(key) is None


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a.jpg", "images/a.jpg.png"),
        ("cars/a.jpg", "images/cars/a.jpg.png"),
        ("a.png", "images/a.png.png"),
        ("a", "images/a.png"),
        ("a b+c.jpg", "images/a%20b%2Bc.jpg.png"),
        ("ä/é.jpg", "images/%C3%A4/%C3%A9.jpg.png"),
        ("a%20b", "images/a%2520b.png"),
        ("~a/~", "images/%7Ea/%7E.png"),
        ("a?b#c&d=e", "images/a%3Fb%23c%26d%3De.png"),
        ("a\\b\nc\0", "images/a%5Cb%0Ac%00.png"),
        ("./a", "images/%2E/a.png"),
        ("../../etc/passwd", "images/%2E%2E/%2E%2E/etc/passwd.png"),
        ("..", "images/...png"),
        ("a.png/b", "images/a%2Epng/b.png"),
        (".png/b", "images/%2Epng/b.png"),
        ("a.jpg/b", "images/a.jpg/b.png"),
        ("bucket/a.jpg", "images/bucket/a.jpg.png"),
    ],
)
def test_name_is_the_encoded_key_with_the_extension_when_it_fits(key: str, name: str) -> None:
    assert reconstruction_name(key, "png") == name


@pytest.mark.parametrize(
    "key", ["", "/", "a//b", "/a", "a/", "a//", "x" * 197, "é" * 33 + "x", "x" * 201 + "/a", "/".join(["x" * 99] * 9)]
)
def test_name_is_a_hash_of_the_key_when_it_does_not_fit(key: str) -> None:
    assert reconstruction_name(key, "png") == hashed(key)
    assert reconstruction_name(key, "jpeg") == hashed(key, "jpg")


@pytest.mark.parametrize("key", ["x" * 196, "é" * 32 + "xxxx", "x" * 200 + "/a", "/".join(["x" * 99] * 7 + ["x" * 96])])
def test_name_is_the_key_when_it_just_fits(key: str) -> None:
    name = reconstruction_name(key, "png")
    assert name.startswith(("images/x", "images/%C3%A9"))
    assert max(map(len, name.split("/"))) in {99, 100, 200}


@pytest.mark.parametrize("image_format", sorted(EXTENSIONS))
def test_names_differ_and_none_is_a_folder_when_all_nasty_keys_are_in_one_job(image_format: str) -> None:
    keys = {"/".join(segments) for depth in (1, 2, 3) for segments in product(NASTY, repeat=depth)}
    names = {reconstruction_name(key, image_format) for key in keys}
    folders = {name[:end] for name in names for end, letter in enumerate(name) if letter == "/"}
    assert len(names) == len(keys) > 20_000
    assert not names & folders


@given(nasty_keys, nasty_keys, formats)
def test_names_differ_and_none_is_a_folder_of_another_when_keys_differ(one: str, other: str, image_format: str) -> None:
    first, second = reconstruction_name(one, image_format), reconstruction_name(other, image_format)
    if one == other:
        assert first == second
    else:
        assert first != second
        assert not first.startswith(second + "/")
        assert not second.startswith(first + "/")


@given(st.lists(nasty_segments, min_size=1, max_size=3).map("/".join), st.lists(nasty_segments, max_size=2), formats)
def test_name_is_no_folder_when_another_key_lies_below_it(key: str, below: list[str], image_format: str) -> None:
    extension = EXTENSIONS[image_format]
    name = reconstruction_name(key, image_format)
    for deeper in (f"{key}.{extension}", key):
        other = reconstruction_name("/".join([deeper, "x", *below]), image_format)
        assert not other.startswith(name + "/")


@given(nasty_keys, formats)
def test_name_is_short_plain_and_inside_images_when_key_is_nasty(key: str, image_format: str) -> None:
    name = reconstruction_name(key, image_format)
    assert re.fullmatch(r"images(/[A-Za-z0-9._%~-]+)+", name)
    assert name.endswith(f".{EXTENSIONS[image_format]}")
    folder, *segments = name.split("/")
    assert folder == "images"
    assert not {".", ".."} & set(segments)
    assert len("/".join(segments)) <= 800
    assert all(len(segment) <= 200 for segment in segments)


@given(nasty_keys)
def test_key_is_read_back_by_decoding_when_it_is_not_hashed(key: str) -> None:
    name = reconstruction_name(key, "webp")
    if not HASHED.fullmatch(name):
        assert unquote(name) == f"images/{key}.webp"
