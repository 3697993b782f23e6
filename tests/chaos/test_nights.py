"""Some nights of a schedule whose controls are killed; `python -m tests.chaos.nights` goes through a hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.nights import Nights


@pytest.mark.timeout(400)
def test_each_slot_and_picture_is_done_once_when_controls_are_killed(tmp_path: Path) -> None:
    outcome = Nights(tmp_path, seed=7).run(6)
    assert outcome.problems == []
    assert outcome.slots == outcome.runs == 6
    assert outcome.done > 3
    assert sum(outcome.faults.values()) - outcome.faults["nothing"] >= 6
