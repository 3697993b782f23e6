"""The list of what a schedule is done with."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import BadDocument
from vae_core.schedules.ledger import ENTRY_BYTES, Entries, Known, Ledger

Input = tuple[str, str, str]
CHECKPOINT = "c" * 64


def entries(*inputs: tuple[str, bool] | str) -> Entries:
    """Of addresses, each alone or with whether it was listed as an error."""
    found = Entries()
    for one in inputs:
        address, failed = (one, False) if isinstance(one, str) else one
        found.add(CHECKPOINT, address, "tag", failed=failed)
    return found


def test_inputs_are_known_when_they_were_merged() -> None:
    ledger = Ledger().merged(entries("a", ("bad", True))).merged(entries("b", "a"))
    assert len(ledger) == 3
    found = ledger.look_up(entries("a", "none", "bad", "b"))
    assert list(found) == [Known.DONE, Known.NEW, Known.LISTED, Known.DONE]
    assert list(Ledger().look_up(entries("a"))) == [Known.NEW]
    assert list(ledger.look_up(Entries())) == []


def test_input_is_new_when_checkpoint_address_or_tag_is_another() -> None:
    ledger = Ledger().merged(entries("a"))
    others = Entries()
    for checkpoint, address, tag in [("d" * 64, "a", "tag"), (CHECKPOINT, "a ", "tag"), (CHECKPOINT, "a", "tag2")]:
        others.add(checkpoint, address, tag)
    assert list(ledger.look_up(others)) == [Known.NEW] * 3


def test_done_counts_when_it_was_listed_before_or_after() -> None:
    listed = Ledger().merged(entries(("a", True)))
    done = listed.merged(entries("a"))
    assert list(done.look_up(entries("a"))) == [Known.DONE]
    assert list(done.merged(entries(("a", True))).look_up(entries("a"))) == [Known.DONE]
    assert len(done) == 1
    assert listed.holds(entries(("a", True)))
    assert not listed.holds(entries("a"))
    assert done.holds(entries("a", ("a", True)))
    assert not done.holds(entries("b"))


@given(st.lists(st.tuples(st.text(max_size=3), st.booleans())), st.lists(st.text(max_size=3)))
def test_ledger_says_what_a_dictionary_does_when_inputs_are_any(
    merged: list[tuple[str, bool]], asked: list[str]
) -> None:
    expected: dict[str, Known] = {}
    for address, failed in merged:
        known = Known.LISTED if failed else Known.DONE
        expected[address] = min(known, expected.get(address, known))
    half = len(merged) // 2
    ledger = Ledger().merged(entries(*merged[:half])).merged(entries(*merged[half:]))
    assert len(ledger) == len(expected)
    assert list(ledger.look_up(entries(*asked))) == [expected.get(address, Known.NEW) for address in asked]
    assert Ledger.from_bytes(ledger.to_bytes("t"), "t").to_bytes("t") == ledger.to_bytes("t")


def test_inputs_are_told_apart_when_half_their_hash_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def __init__(self, data: bytes, digest_size: int) -> None:
            self._last = data.split(b"\0")[1]

        def digest(self) -> bytes:
            return b"\0" * 14 + self._last.rjust(2, b"\0")

    monkeypatch.setattr("vae_core.schedules.ledger.hashlib.blake2b", Half)
    ledger = Ledger().merged(entries("b", "d", ("f", True)))
    found = ledger.look_up(entries("b", "d", "f", "h", " ", "\x02"))
    assert list(found) == [Known.DONE, Known.DONE, Known.LISTED, Known.NEW, Known.NEW, Known.NEW]


def test_ledger_takes_sixteen_bytes_an_input_when_it_is_written() -> None:
    ledger = Ledger().merged(entries(*(str(number) for number in range(1000))))
    assert 0 < len(ledger.to_bytes("token")) - 1000 * ENTRY_BYTES < 200


@pytest.mark.parametrize("seed", range(40))
def test_ledger_is_refused_when_one_byte_is_another_or_missing(seed: int) -> None:
    draw = random.Random(seed)
    data = bytearray(Ledger().merged(entries("a", "b", "c")).to_bytes("token"))
    place = draw.randrange(len(data))
    if seed % 2:
        data[place] ^= 1 << draw.randrange(8)
    else:
        del data[place:]
    with pytest.raises(BadDocument):
        Ledger.from_bytes(bytes(data), "token")


def test_ledger_is_refused_when_it_is_of_another_schedule() -> None:
    data = Ledger().merged(entries("a")).to_bytes("token")
    with pytest.raises(BadDocument, match="another schedule"):
        Ledger.from_bytes(data, "other")
