"""When a call is tried again and when it is not."""

from __future__ import annotations

import time

import pytest

from vae_core.errors import StoreError, StoreUnavailable
from vae_core.storage.retry import AskedToWait, CannotConnect, Retry


class Failing:
    """Raises each error in turn, then answers; counts its calls."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


QUICK = Retry(attempts=4, base_s=0.001, cap_s=0.01)


def test_result_comes_when_trouble_passes() -> None:
    attempt = Failing(*[StoreUnavailable("busy")] * 3)
    assert QUICK.run(attempt) == "done"
    assert attempt.calls == 4


def test_last_error_comes_when_tries_are_spent() -> None:
    attempt = Failing(*[StoreUnavailable(f"busy {number}") for number in range(9)])
    with pytest.raises(StoreUnavailable, match="busy 3"):
        QUICK.run(attempt)
    assert attempt.calls == 4


@pytest.mark.parametrize("error", [StoreError("no"), ValueError("other")])
def test_nothing_is_tried_again_when_it_cannot_help(error: Exception) -> None:
    attempt = Failing(error)
    with pytest.raises(type(error)):
        QUICK.run(attempt)
    assert attempt.calls == 1


def test_no_further_try_starts_when_patience_has_run_out() -> None:
    attempt = Failing(*[CannotConnect("away")] * 9)
    with pytest.raises(CannotConnect):
        Retry(attempts=9, base_s=0.001, connect_patience_s=0.0).run(attempt)
    assert attempt.calls == 1


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(0.2, 0.2, 2), (3600, 0.3, 2)])
def test_wait_is_as_asked_within_the_cap_when_the_server_says_how_long(
    asked_s: float, least_s: float, most_s: float
) -> None:
    began = time.monotonic()
    Retry(base_s=0.001, cap_s=0.3).run(Failing(AskedToWait("busy", asked_s)))
    assert least_s <= time.monotonic() - began < most_s


def test_code_is_that_of_the_plain_error_when_more_is_known() -> None:
    assert CannotConnect("x").code == AskedToWait("x", 1).code == StoreUnavailable("x").code
