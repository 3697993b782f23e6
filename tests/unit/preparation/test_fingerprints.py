"""Which pictures count as the same, and that all such pairs are found."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.unit.preparation.pictures import noise
from vae_core.imaging.fitting import fit_image
from vae_core.preparation.fingerprints import BITS, DEFAULT_DISTANCE, Fingerprint, find_copies, fingerprint
from vae_core.training.cars.draw import draw_car

_GREY = np.zeros((8, 8, 2), np.int16)


@pytest.fixture(scope="module")
def cars() -> list[Image.Image]:
    return [Image.fromarray(draw_car(5, index, 64)[0]) for index in range(16)]


def look(image: Image.Image) -> Fingerprint:
    return fingerprint(fit_image(image.convert("RGB"), 64, "pad"))


def packed(image: Image.Image, image_format: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=quality)
    return Image.open(buffer)


COPIES = {
    "jpeg": lambda image: packed(image, "JPEG", 50),
    "webp": lambda image: packed(image, "WEBP", 60),
    "smaller": lambda image: image.resize((40, 40), Image.Resampling.BILINEAR),
    "larger": lambda image: packed(image.resize((150, 150), Image.Resampling.BICUBIC), "JPEG", 75),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.9),
}


def test_all_are_kept_when_the_cars_are_distinct(cars: list[Image.Image]) -> None:
    assert find_copies([look(car) for car in cars], DEFAULT_DISTANCE) == [None] * len(cars)


@pytest.mark.parametrize("kind", COPIES)
def test_copy_is_found_with_its_original_when_it_was_changed_a_little(cars: list[Image.Image], kind: str) -> None:
    copies = [look(COPIES[kind](car)) for car in cars]
    matches = find_copies([*(look(car) for car in cars), *copies], DEFAULT_DISTANCE)[len(cars) :]
    assert [match and match.place for match in matches] == list(range(len(cars)))


def test_both_are_kept_when_a_car_comes_in_two_colours(cars: list[Image.Image]) -> None:
    pixels = np.asarray(cars[0]).copy()
    red, blue = pixels.copy(), pixels.copy()
    red[24:40, 16:48], blue[24:40, 16:48] = (110, 20, 20), (20, 20, 255)  # of the same brightness
    looks = [fingerprint(red), fingerprint(blue)]
    assert looks[0].shape == looks[1].shape
    assert find_copies(looks, DEFAULT_DISTANCE) == [None, None]


def changed(shape: bytes, bits: list[int]) -> bytes:
    unpacked = np.unpackbits(np.frombuffer(shape, np.uint8))
    unpacked[bits] ^= 1
    return np.packbits(unpacked).tobytes()


@pytest.mark.parametrize("distance", [0, 1, 14, 40])
def test_every_pair_is_found_when_as_far_apart_as_allowed(distance: int) -> None:
    rng = np.random.default_rng(distance)
    for _ in range(50):
        shape = rng.bytes(BITS // 8)
        places = rng.permutation(BITS)[: distance + 1].tolist()
        near, far = changed(shape, places[:distance]), changed(shape, places)
        found = find_copies([Fingerprint(shape, _GREY), Fingerprint(near, _GREY)], distance)
        assert found == [None, (0, distance)]
        assert find_copies([Fingerprint(shape, _GREY), Fingerprint(far, _GREY)], distance) == [None, None]


def test_nearest_of_the_kept_is_named_when_several_match() -> None:
    shape = bytes(BITS // 8)
    shapes = [shape, changed(shape, [*range(12)]), changed(shape, [*range(5)]), changed(shape, [*range(7)])]
    # The third is left out for the first, so the fourth is compared with the first two alone.
    matches = find_copies([Fingerprint(each, _GREY) for each in shapes], 7)
    assert matches == [None, None, (0, 5), (1, 5)]


def test_many_are_compared_as_if_each_pair_were_when_some_are_near() -> None:
    rng = np.random.default_rng(3)
    shapes = [rng.bytes(32) for _ in range(60)]
    shapes += [changed(shape, rng.permutation(BITS)[: rng.integers(0, 25)].tolist()) for shape in shapes * 2]
    kept: list[int] = []
    for place, shape in enumerate(shapes):
        apart = [(int.from_bytes(shapes[other]) ^ int.from_bytes(shape)).bit_count() for other in kept]
        if not apart or min(apart) > 14:
            kept.append(place)
    matches = find_copies([Fingerprint(shape, _GREY) for shape in shapes], 14)
    assert [place for place, match in enumerate(matches) if match is None] == kept
    assert 60 < len(kept) < 180


def test_nothing_is_found_when_there_is_nothing() -> None:
    assert find_copies([], DEFAULT_DISTANCE) == []
    assert find_copies([fingerprint(noise(1))], DEFAULT_DISTANCE) == [None]
