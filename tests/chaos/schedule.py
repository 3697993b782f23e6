"""Which faults happen and in which order: a pure function of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 8.0
SHORTEST_S, LONGEST_S = 1.5, 5.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of a schedule.

    pause_s: after the work has gone on since the fault before. machine: the one that is hit, where a fault hits one.
    length_s: of a fault that lasts, or until what was killed comes back. strength: in [0, 1), for what else there is.
    """

    number: int
    kind: str
    pause_s: float
    machine: int
    length_s: float
    strength: float


def make_schedule(seed: int, faults: int, kinds: Sequence[str], machines: int) -> list[PlannedFault]:
    """So many faults; every kind comes once before any comes again, in an order drawn anew each time."""
    draw = random.Random(seed)
    planned: list[PlannedFault] = []
    while len(planned) < faults:
        for kind in draw.sample(list(kinds), len(kinds)):
            planned.append(
                PlannedFault(
                    number=len(planned) + 1,
                    kind=kind,
                    pause_s=round(draw.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S), 2),
                    machine=draw.randrange(machines),
                    length_s=round(draw.uniform(SHORTEST_S, LONGEST_S), 2),
                    strength=round(draw.random(), 3),
                )
            )
    return planned[:faults]
