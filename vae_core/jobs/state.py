"""The state of a job, worked out from what lies in the bucket."""

from __future__ import annotations

from vae_core.jobs.job import End, Plan

STATES = ("submitted", "planning", "running", "finishing", "paused", "cancelling", "succeeded", "failed", "cancelled")
ENDED = ("succeeded", "failed", "cancelled")


def derive_state(
    *, end: End | None, plan: Plan | None, settled_parts: int, cancel_requested: bool, pause_requested: bool
) -> str:
    """One of STATES. settled_parts: parts that are committed or given up.

    `submitted` until there is a plan; a worker that holds the planning lease makes it `planning` for who can see Redis.
    Parts of a `paused` job that were begun before are done to their end.
    """
    if end is not None:
        return end.state
    if cancel_requested:
        return "cancelling"
    if plan is not None and settled_parts >= plan.parts:
        return "finishing"
    if pause_requested:
        return "paused"
    return "submitted" if plan is None else "running"
