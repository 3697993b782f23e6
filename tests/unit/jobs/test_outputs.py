"""What a job leaves, by its spec and plan."""

from __future__ import annotations

from vae_core.jobs.outputs import item_numbers, kept_inputs
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec

_WALK = InterpolateSpec(points=("seed:7/1", "s3://cars/a.jpg", "seed:7/2"), steps=3)


def test_items_are_numbered_by_their_images_when_those_are_chosen() -> None:
    numbers = item_numbers(SampleSpec(indices="5,100-102", seed=1), 4)
    assert [numbers[position] for position in range(4)] == [5, 100, 101, 102]
    assert [item_numbers(ReconstructSpec(source="s3://cars"), 4)[position] for position in range(4)] == [0, 1, 2, 3]
    assert len(item_numbers(ReconstructSpec(source="s3://cars"), 0)) == 0


def test_inputs_are_kept_when_the_contact_sheet_shows_them() -> None:
    assert kept_inputs(SampleSpec(n=5, seed=1), 5) == frozenset()
    assert kept_inputs(_WALK, 5) == {2}
    assert kept_inputs(ReconstructSpec(source="s3://cars"), 3) == {0, 1, 2}
    assert len(kept_inputs(ReconstructSpec(source="s3://cars"), 1000)) == 50
