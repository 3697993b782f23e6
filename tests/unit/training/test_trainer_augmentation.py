"""Changes of training images, and noise on them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vae_core.errors import InvalidValue
from vae_core.training.augmentation import Augmentation, add_noise, augmented


def _pictures(count: int = 6, size: int = 24) -> Tensor:
    """A dark square in the middle of a white picture."""
    pictures = torch.ones(count, 3, size, size)
    pictures[:, :, size // 4 : -size // 4, size // 4 : -size // 4] = 0.2
    return pictures


def _extent(picture: Tensor) -> tuple[int, int]:
    """Height and width of what is dark."""
    dark = picture[0] < 0.6
    return int(dark.any(dim=1).sum()), int(dark.any(dim=0).sum())


@pytest.mark.parametrize(
    "strengths",
    [Augmentation(shift_px=3), Augmentation(scale=0.2, aspect=0.1, shift_px=2), Augmentation(color=0.3)],
)
def test_images_are_a_function_of_seed_and_number_when_changed(strengths: Augmentation) -> None:
    pictures = _pictures()
    before = pictures.clone()
    first = augmented(pictures, strengths, 5, 7)
    torch.manual_seed(99)
    assert torch.equal(first, augmented(pictures, strengths, 5, 7))
    assert not torch.equal(first, augmented(pictures, strengths, 5, 8))
    assert not torch.equal(first, augmented(pictures, strengths, 6, 7))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(pictures, before)
    assert first.shape == pictures.shape
    assert float(first.min()) >= 0.0
    assert float(first.max()) <= 1.0


def test_nothing_changes_when_all_strengths_are_zero() -> None:
    pictures = _pictures()
    assert augmented(pictures, Augmentation(), 1, 2) is pictures


def test_image_moves_by_whole_pixels_within_the_bound_when_shifted() -> None:
    pictures = torch.zeros(20, 3, 15, 15)
    pictures[:, :, 7, 7] = 1.0
    moved = augmented(pictures, Augmentation(shift_px=2), 0, 0)
    places = moved[:, 0].nonzero()[:, 1:]
    assert len(places) == 20
    assert int((places - 7).abs().max()) == 2
    assert set(moved.unique().tolist()) == {0.0, 1.0}


def test_border_is_repeated_when_shifted() -> None:
    assert float(augmented(_pictures(), Augmentation(shift_px=5), 0, 0)[:, :, 0].min()) == 1.0


def test_sizes_stay_within_the_bounds_when_scaled() -> None:
    changed = augmented(_pictures(200, 48), Augmentation(scale=0.25), 0, 0)
    sizes = [_extent(picture) for picture in changed]
    assert min(height for height, _ in sizes) in range(18, 21)
    assert max(height for height, _ in sizes) in range(29, 32)
    assert all(abs(height - width) <= 1 for height, width in sizes)


def test_width_changes_against_height_when_the_aspect_does() -> None:
    changed = augmented(_pictures(200, 48), Augmentation(aspect=0.3), 0, 0)
    ratios = [width / height for height, width in (_extent(picture) for picture in changed)]
    assert 1 / 1.4 < min(ratios) < 0.85
    assert 1.15 < max(ratios) < 1.4


def test_grey_stays_grey_and_hue_stays_when_recoloured() -> None:
    changed = augmented(_pictures(), Augmentation(color=0.5), 0, 0)
    assert float((changed.amax(dim=1) - changed.amin(dim=1)).max()) < 1e-5
    red = torch.zeros(6, 3, 8, 8)
    red[:, 0] = 0.6
    changed = augmented(red, Augmentation(color=0.5), 0, 0)
    assert (changed[:, 0] > changed[:, 1]).all()
    torch.testing.assert_close(changed[:, 1], changed[:, 2])


@pytest.mark.parametrize(("field", "value"), [("shift_px", -1), ("scale", 0.6), ("color", float("nan"))])
def test_strength_is_named_when_out_of_range(field: str, value: float) -> None:
    with pytest.raises(InvalidValue, match=rf"augmentation\.{field} .* is out of range: 0 to"):
        Augmentation(**{field: value})  # type: ignore[arg-type]


def test_noise_is_cut_to_the_range_of_images() -> None:
    noisy = add_noise(_pictures(), 1.0, torch.Generator().manual_seed(0))
    assert float(noisy.min()) == 0.0
    assert float(noisy.max()) == 1.0
