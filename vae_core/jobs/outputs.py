"""What a job leaves, by its spec and plan alone: the numbers of its items, and whose inputs lie beside them."""

from __future__ import annotations

from vae_core.jobs.indices import Indices
from vae_core.jobs.parts import GRID_PAIRS, grid_indices
from vae_core.jobs.sources import Source
from vae_core.jobs.spec import InterpolateSpec, JobSpec, ReconstructSpec, SampleSpec


def item_numbers(spec: JobSpec, items: int) -> Indices:
    """The `index` of each of the plan's items, by position: of a sample the number of its image, else the position."""
    return spec.images if isinstance(spec, SampleSpec) else Indices.below(items)


def kept_inputs(spec: JobSpec, items: int) -> frozenset[int]:
    """Positions of the items whose input, made square, is kept for the contact sheet."""
    match spec:
        case ReconstructSpec():
            return frozenset(grid_indices(items, GRID_PAIRS))
        case InterpolateSpec():
            walk = spec.walk
            points = ((position, walk.at_point(position)) for position in range(len(walk.frames)))
            return frozenset(
                position for position, point in points if point is not None and isinstance(walk.points[point], Source)
            )
        case SampleSpec():
            return frozenset()
