"""Work by several processes: its order, its errors, and that none outlives its use."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing

import psutil
import pytest

from vae_core.errors import PermanentError, StoreUnavailable
from vae_core.preparation.processes import do_beside

LARGE = 3_000_000  # far more than a pipe holds


class Doubling:
    """Work of every kind there is. Spawned processes import it from here."""

    def do(self, task: int | str) -> object:
        if task == "refuse":
            raise StoreUnavailable("the store is away")
        if task == "fail":
            raise ZeroDivisionError("by zero")
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "large":
            return bytes(LARGE)
        if isinstance(task, str):
            return os.getpid()
        time.sleep(0.02 * (task % 3))
        return task * 2

    def close(self) -> None:
        pass


def broken() -> Doubling:
    raise OSError(5, "cannot begin")


def readers() -> set[int]:
    """Processes that were spawned here, of which the one that keeps track of their semaphores is none."""
    children = psutil.Process().children()
    return {child.pid for child in children if "resource_tracker" not in " ".join(child.cmdline())}


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_results_are_in_order_when_some_take_longer(count: int) -> None:
    before = readers()
    assert list(do_beside(Doubling, range(count), 2)) == [2 * number for number in range(count)]
    assert readers() == before


def test_each_process_has_its_share_when_there_are_two() -> None:
    assert len(set(do_beside(Doubling, ["who"] * 6, 2))) == 2


def test_error_is_raised_here_when_the_work_raises_it() -> None:
    before = readers()
    with closing(do_beside(Doubling, [1, "refuse", 3], 2)) as results:
        assert next(results) == 2
        with pytest.raises(StoreUnavailable, match="the store is away"):
            next(results)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: by zero"):
        list(do_beside(Doubling, ["fail"], 2))
    with pytest.raises(RuntimeError, match="cannot begin"):
        list(do_beside(broken, [1], 1))
    assert readers() == before


def test_death_is_noticed_when_a_process_is_killed() -> None:
    with pytest.raises(PermanentError, match="died, most likely for want of memory; try again with --processes 1"):
        list(do_beside(Doubling, [1, "die", 3, 4], 2))


def test_death_is_noticed_when_a_process_is_killed_while_it_hands_over_a_result() -> None:
    before = readers()
    with closing(do_beside(Doubling, [1, "large"], 2)) as results:
        assert next(results) == 2
        time.sleep(0.3)  # the second has filled its pipe by then, and waits
        for pid in readers() - before:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(PermanentError, match="died"):
            next(results)
    assert readers() == before


def test_processes_end_when_their_results_are_not_wanted_any_more() -> None:
    before = readers()
    with closing(do_beside(Doubling, ["large"] * 100, 2)) as results:
        next(results)
        assert len(readers() - before) == 2
    assert readers() == before
