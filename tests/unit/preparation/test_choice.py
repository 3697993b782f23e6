"""Which of several pictures is kept, whatever their order."""

from __future__ import annotations

import random

from tests.unit.preparation.pictures import noise
from vae_core.preparation.choice import choose
from vae_core.preparation.fingerprints import Fingerprint, fingerprint
from vae_core.preparation.reading import Picture
from vae_core.preparation.recipe import Recipe
from vae_core.preparation.splits import Shares, split_of

LOOKS = [fingerprint(noise(seed)) for seed in range(3)]


def picture(name: str, sha256: str, look: Fingerprint, *, side: int = 100, file_bytes: int = 1000) -> Picture:
    return Picture(name, sha256 * 64, side, side, file_bytes, look, (0, 0, 0), (0, 0, 0), b"")


HEAP = [
    picture("small", "1", LOOKS[0], side=50, file_bytes=9000),
    picture("packed", "2", LOOKS[0], file_bytes=400),
    picture("best", "9", LOOKS[0]),
    picture("later hash", "8", LOOKS[1]),
    picture("earlier hash", "3", LOOKS[1]),
    picture("b twice", "5", LOOKS[2]),
    picture("a twice", "5", LOOKS[2]),
]


def test_largest_then_least_packed_then_first_is_kept_when_pictures_look_alike() -> None:
    choice = choose(HEAP, Recipe())
    assert {HEAP[place].name for place, _ in choice.kept} == {"best", "earlier hash", "a twice"}
    assert sorted((each.name, each.of, each.same_pixels) for _, _, each in choice.copies) == [
        ("b twice", "a twice", True),
        ("later hash", "earlier hash", False),
        ("packed", "best", False),
        ("small", "best", False),
    ]
    assert all((HEAP[place].name, HEAP[of].name) == (each.name, each.of) for place, of, each in choice.copies)


def test_choice_is_the_same_when_the_order_is_another() -> None:
    kept, copies, _ = choose(HEAP, Recipe())
    for seed in range(10):
        heap = random.Random(seed).sample(HEAP, len(HEAP))
        choice = choose(heap, Recipe())
        assert [each for _, each in choice.kept] == [each for _, each in kept]
        assert [each for _, _, each in choice.copies] == [each for _, _, each in copies]


def test_side_is_the_hash_s_when_there_is_something_to_train_on() -> None:
    shares = Shares(0.2, 0.3)
    kept = choose(
        [picture(letter, letter, fingerprint(noise(ord(letter)))) for letter in "05af"], Recipe(shares=shares)
    )
    assert [(each.name, each.split) for _, each in kept.kept] == [
        ("0", "test"),
        ("5", "train"),
        ("a", "train"),
        ("f", "validation"),
    ]
    assert all(each.split == split_of(each.sha256, shares) for _, each in kept.kept)
    assert not kept.unsplit
    lonely = choose([picture("0", "0", LOOKS[0])], Recipe(shares=shares))
    assert ([each.split for _, each in lonely.kept], lonely.unsplit) == (["train"], True)
