"""What the tests of the evaluation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.unit.evaluation.shapes import shapes
from vae_core.evaluation.features import FeatureSpace


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Steps this small take longer when threads have to wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def space() -> FeatureSpace:
    """A feature space of drawn shapes."""
    return FeatureSpace(shapes(300, seed=100))
