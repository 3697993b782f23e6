"""The images that an interpolation walks between: found when the job is planned, opened when a part is done."""

from __future__ import annotations

from collections.abc import Sequence

from vae_core.errors import BadDocument, ObjectMissing
from vae_core.inputs import open_object
from vae_core.jobs.job import Input
from vae_core.jobs.sources import Source
from vae_core.jobs.spec import InterpolateSpec
from vae_core.settings import Settings
from worker.fetching import Wanted


def find_points(spec: InterpolateSpec, settings: Settings) -> list[Input]:
    """Each image among the points as it is now, under its whole address. Raises ObjectMissing, SourceNotAllowed."""
    found = []
    for source in _sources(spec).values():
        store, key = open_object(source, settings)
        there = store.stat(key)
        if there is None:
            raise ObjectMissing(f"point {source.url} does not exist: the address of an image is expected")
        found.append(Input(key=source.url, tag=there.tag, size_bytes=there.size_bytes))
    return found


def open_points(spec: InterpolateSpec, planned: Sequence[Input], settings: Settings) -> dict[int, tuple[Wanted, Input]]:
    """The images among the points, by number, opened at the version that was planned.

    One that is gone by now is found missing when it is read. Raises SourceNotAllowed, and BadDocument where the plan is
    of other points.
    """
    sources = _sources(spec)
    if [found.key for found in planned] != [source.url for source in sources.values()]:
        raise BadDocument("the planned images are not those that the spec names as points")
    opened = {}
    for (number, source), found in zip(sources.items(), planned, strict=True):
        opened[number] = (Wanted(*open_object(source, settings), found.tag, found.key), found)
    return opened


def _sources(spec: InterpolateSpec) -> dict[int, Source]:
    """The points that are images, by number."""
    return {number: point for number, point in enumerate(spec.walk.points) if isinstance(point, Source)}
