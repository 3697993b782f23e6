"""How many messages wait and for how long, from what Redis has of them."""

from __future__ import annotations

import pytest

from vae_core.jobs.channels import SENT_AT
from vae_core.jobs.waiting import Waiting, waiting_in


def _message(sent_at: object) -> bytes:
    return f'{{"body": "e30=", "headers": {{"task": "t", "{SENT_AT}": {sent_at}}}, "properties": {{}}}}'.encode()


def test_oldest_of_all_lists_counts_when_several_hold_messages() -> None:
    lists = [(2, _message(95.5)), (0, None), (3, _message(90)), (1, _message(99.98))]
    assert waiting_in(lists, 100.0) == Waiting(waiting=6, oldest_s=10.0)


def test_age_is_unknown_when_nothing_waits() -> None:
    assert waiting_in([(0, None), (0, None)], 100.0) == Waiting(waiting=0, oldest_s=None)


@pytest.mark.parametrize("ahead_s", [0.001, 50.0, 1e12])
def test_age_is_never_negative_when_the_senders_clock_is_ahead(ahead_s: float) -> None:
    assert waiting_in([(1, _message(100.0 + ahead_s))], 100.0).oldest_s == 0.0


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[]",
        b'{"body": "e30="}',
        b'{"headers": {}}',
        b'{"headers": null}',
        _message("null"),
        _message("true"),
        _message('"90"'),
        _message("1e999"),
        _message("NaN"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_message_is_counted_without_an_age_when_it_does_not_say_it(message: bytes) -> None:
    assert waiting_in([(1, message)], 100.0) == Waiting(waiting=1, oldest_s=None)
    assert waiting_in([(1, message), (1, _message(98))], 100.0) == Waiting(waiting=2, oldest_s=2.0)
