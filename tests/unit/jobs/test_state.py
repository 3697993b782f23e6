"""The state of a job, from what lies in the bucket."""

from __future__ import annotations

import pytest

from vae_core.jobs.job import End, Plan
from vae_core.jobs.state import ENDED, STATES, derive_state

PLAN = Plan(checkpoint_sha256="ab", items=500, parts=4, part_size=128)
NOTHING = Plan(checkpoint_sha256="ab", items=0, parts=0, part_size=128)


@pytest.mark.parametrize(
    ("plan", "settled_parts", "cancel_requested", "pause_requested", "state"),
    [
        (None, 0, False, False, "submitted"),
        (None, 0, True, False, "cancelling"),
        (None, 0, False, True, "paused"),
        (PLAN, 0, False, False, "running"),
        (PLAN, 3, False, False, "running"),
        (PLAN, 3, False, True, "paused"),
        (PLAN, 4, False, False, "finishing"),
        (PLAN, 4, False, True, "finishing"),
        (PLAN, 5, False, False, "finishing"),
        (NOTHING, 0, False, False, "finishing"),
        (PLAN, 0, True, False, "cancelling"),
        (PLAN, 0, True, True, "cancelling"),
        (PLAN, 4, True, False, "cancelling"),
    ],
)
def test_state_follows_from_plan_parts_and_requests_when_not_ended(
    plan: Plan | None, settled_parts: int, cancel_requested: bool, pause_requested: bool, state: str
) -> None:
    derived = derive_state(
        end=None,
        plan=plan,
        settled_parts=settled_parts,
        cancel_requested=cancel_requested,
        pause_requested=pause_requested,
    )
    assert derived == state
    assert derived in STATES
    assert derived not in ENDED


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("plan", [None, PLAN])
@pytest.mark.parametrize("settled_parts", [0, 4])
@pytest.mark.parametrize("requested", [False, True])
def test_end_decides_when_there_is_one(state: str, plan: Plan | None, settled_parts: int, requested: bool) -> None:
    end = End(state=state, items=500, done=0, errors=0)
    derived = derive_state(
        end=end,
        plan=plan,
        settled_parts=settled_parts,
        cancel_requested=requested,
        pause_requested=requested,
    )
    assert derived == state
    assert state in STATES
