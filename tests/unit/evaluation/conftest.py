"""What the tests of the evaluation share."""

from __future__ import annotations

import pytest

from tests.unit.evaluation.shapes import shapes
from tests.unit.threads import one_thread
from vae_core.evaluation.features import FeatureSpace

__all__ = ["one_thread", "space"]


@pytest.fixture(scope="session")
def space() -> FeatureSpace:
    """A feature space of drawn shapes."""
    return FeatureSpace(shapes(300, seed=100))
