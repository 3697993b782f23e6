"""Whether ended jobs came to what their orders say, and to the same as each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tests.load.events import Ended
from tests.load.orders import Order


def end_problems(ended: Sequence[Ended], orders: Iterable[Order]) -> Iterator[str]:
    """What is wrong with the ends that submitters have seen."""
    for order in orders:
        ends = [one for one in ended if one.order == order.name]
        wanted = ("succeeded", order.items, order.items - order.errors, order.errors)
        for one in ends:
            found = (one.state, one.planned, one.done, one.errors)
            if found != wanted:
                yield f"job {one.job_id} ({order.name}) came to {_words(found)}, not {_words(wanted)}"
        if len({one.fingerprint for one in ends}) > 1:
            yield f"jobs of the order {order.name} differ in their manifest, errors or grid"


def _words(came_to: tuple[str, int, int, int]) -> str:
    state, planned, done, errors = came_to
    return f"{state} with {done} done and {errors} errors of {planned}"
