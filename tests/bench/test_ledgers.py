"""The measurement of ledgers itself, with few inputs."""

from __future__ import annotations

from tests.bench.folding import MORE
from tests.bench.ledgers import measure


def test_all_inputs_are_known_when_they_were_folded_in() -> None:
    found = measure(3000)
    assert found.known == 3000 + MORE
    assert 0.048 < found.store_mb < 0.049
    assert found.peak_mb < 300
