"""Latents between latents."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.model.blending import Blend, bilinear, lerp, slerp

_RNG = np.random.default_rng(0)
_ONE, _OTHER = _RNG.standard_normal((2, 64))


@pytest.mark.parametrize("blend", [lerp, slerp])
def test_ends_are_the_points_themselves(blend: Blend) -> None:
    np.testing.assert_allclose(blend(_ONE, _OTHER, 0.0), _ONE, atol=1e-12)
    np.testing.assert_allclose(blend(_ONE, _OTHER, 1.0), _OTHER, atol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_norm_goes_evenly_from_one_to_the_other_along_an_arc(share: float) -> None:
    expected = (1.0 - share) * np.linalg.norm(_ONE) + share * np.linalg.norm(_OTHER)
    assert np.linalg.norm(slerp(_ONE, _OTHER, share)) == pytest.approx(expected)
    assert np.linalg.norm(lerp(_ONE, _OTHER, share)) < 0.95 * expected


def test_steps_are_equally_long_along_an_arc_of_one_norm() -> None:
    other = _OTHER * np.linalg.norm(_ONE) / np.linalg.norm(_OTHER)
    way = np.array([slerp(_ONE, other, share) for share in np.linspace(0.0, 1.0, 9)])
    lengths = np.linalg.norm(np.diff(way, axis=0), axis=1)
    np.testing.assert_allclose(lengths, lengths[0])


@pytest.mark.parametrize("other", [2.0 * _ONE, -_ONE, np.zeros(64), _ONE])
def test_way_is_straight_where_there_is_no_arc(other: np.ndarray) -> None:
    np.testing.assert_allclose(slerp(_ONE, other, 0.3), lerp(_ONE, other, 0.3))


@pytest.mark.parametrize("blend", [lerp, slerp])
def test_grid_has_the_corners_and_the_ways_between_them_at_its_edges(blend: Blend) -> None:
    corners = tuple(_RNG.standard_normal((4, 16)))
    upper_left, upper_right, lower_left, lower_right = corners
    for corner, across, down in ((upper_left, 0, 0), (upper_right, 1, 0), (lower_left, 0, 1), (lower_right, 1, 1)):
        np.testing.assert_allclose(bilinear(corners, across, down, blend), corner, atol=1e-12)
    np.testing.assert_allclose(bilinear(corners, 0.3, 0.0, blend), blend(upper_left, upper_right, 0.3), atol=1e-12)
    np.testing.assert_allclose(bilinear(corners, 1.0, 0.6, blend), blend(upper_right, lower_right, 0.6), atol=1e-12)
