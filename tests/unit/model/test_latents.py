"""Random numbers that depend on seed and index alone."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.errors import InvalidValue
from vae_core.model.latents import MAX_INDEX, MAX_SEED, normals, philox_words, uniforms


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_words_are_the_published_ones_when_counter_and_key_are(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    """The known answers that come with the Random123 library."""
    assert tuple(philox_words(np.array(counter, dtype=np.uint64), key)) == expected


def test_numbers_stay_the_same_when_the_project_goes_on() -> None:
    """Written down once: old jobs have to give the same images for ever."""
    expected = [1.20797636, 0.77021081, 1.24274312]
    np.testing.assert_allclose(normals(42, [7], 3)[0], expected, rtol=0, atol=1e-8)


def test_row_does_not_change_when_its_neighbours_or_the_count_do() -> None:
    together = normals(5, [3, 1_000_000_007, 0], 9)
    for row, index in enumerate([3, 1_000_000_007, 0]):
        assert np.array_equal(normals(5, [index], 9)[0], together[row])
        assert np.array_equal(normals(5, [index], 4)[0], together[row, :4])


def test_rows_differ_when_seed_or_index_differs() -> None:
    seen = {normals(seed, [index], 1)[0, 0] for seed in (0, 1, 2**32, MAX_SEED) for index in (0, 1, 2**32, MAX_INDEX)}
    assert len(seen) == 16


def test_numbers_are_standard_normal_when_many_are_drawn() -> None:
    numbers = normals(1, range(2000), 64)
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1.0) < 0.01
    assert abs((numbers**4).mean() - 3.0) < 0.1
    assert np.abs(np.corrcoef(numbers, rowvar=False) - np.eye(64)).max() < 0.12


def test_uniforms_stay_inside_the_open_interval_when_many_are_drawn() -> None:
    numbers = uniforms(9, range(1000), 100)
    assert 0.0 < numbers.min() < 0.001
    assert 0.999 < numbers.max() < 1.0


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**63)])
def test_value_is_refused_when_seed_or_index_is_out_of_range(seed: int, index: int) -> None:
    with pytest.raises(InvalidValue, match="out of range"):
        uniforms(seed, [index], 1)
