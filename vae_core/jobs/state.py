"""The state of a job, worked out from what lies in the bucket."""

from __future__ import annotations

from vae_core.jobs.job import End, Plan

STATES = ("submitted", "planning", "running", "finishing", "cancelling", "succeeded", "failed", "cancelled")
ENDED = ("succeeded", "failed", "cancelled")


def derive_state(*, end: End | None, plan: Plan | None, settled_parts: int, cancel_requested: bool) -> str:
    """One of STATES. settled_parts: parts that are committed or given up.

    `submitted` until there is a plan; a worker that holds the planning lease makes it `planning` for who can see Redis.
    """
    if end is not None:
        return end.state
    if cancel_requested:
        return "cancelling"
    if plan is None:
        return "submitted"
    return "running" if settled_parts < plan.parts else "finishing"
