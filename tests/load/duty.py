"""What a submitter is told: what it is to do, and when to begin."""

from __future__ import annotations

import msgspec

from tests.load.orders import Order


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """What a submitter is to do.

    number: it begins with another order than its neighbours. most_open: jobs of its own that have not ended. keep: of
    its ended jobs, the others are removed; None for all. command_every: each so many-th job is submitted by the real
    command; 0 for none. meet_every_s: how often it gives the same id as its partner; 0 for never. meeting_folder:
    shared by all.
    """

    number: int
    orders: tuple[Order, ...]
    most_open: int
    look_s: float
    drain_s: float
    keep: int | None = None
    command_every: int = 0
    meet_every_s: float = 0.0
    meeting_folder: str = ""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """at: monotonic seconds."""

    at: float
