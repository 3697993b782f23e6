"""Fleets: each test has a home, a store and a Redis of its own, and leaves no process behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleet import Fleet

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def make_fleet(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[MakeFleet]:
    """Makes a fleet with the tiny checkpoint, unless VAEJOB_CHECKPOINT is given (empty: the shipped one)."""
    fleets: list[Fleet] = []

    def make(**settings: str) -> Fleet:
        folder = tmp_path / f"fleet-{len(fleets)}"
        folder.mkdir()
        fleet = Fleet(folder, {"VAEJOB_CHECKPOINT": str(tiny_checkpoint), **settings})
        fleets.append(fleet)
        return fleet

    yield make
    for fleet in fleets:
        fleet.end()


@pytest.fixture
def fleet(make_fleet: MakeFleet) -> Fleet:
    """An embedded fleet: a folder store, and the Redis that the worker starts."""
    return make_fleet()
