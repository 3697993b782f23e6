"""The machine that reads pickles: plain values come back, and everything else stays a note."""

from __future__ import annotations

import collections
import io
import pickle
import time
from fractions import Fraction

import numpy as np
import pytest

from vae_core.importing.pickles import BadPickle, Global, Made, Meaning, read_pickle, shown
from vae_core.importing.stored import TORCH_MEANING

_ANY = Meaning(lambda _: None, Made, lambda identifier: ("stored", identifier))


def _read(data: bytes, meaning: Meaning = _ANY) -> object:
    return read_pickle(io.BytesIO(data), meaning)


_SHARED = ["shared"]
_PLAIN = {
    "numbers": [0, 1, 255, 256, 65536, -1, 2**40, -(2**200), 0.5, True, False, None],
    "texts": ["", "name", "größer", "\ud800", "x" * 300, b"", b"bytes", b"y" * 300],
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),)),
    "twice": [_SHARED, _SHARED],
    "empty": [[], {}],
    3: {0.5: None, b"k": (True,)},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back_when_pickled(protocol: int) -> None:
    content = _PLAIN if protocol > 2 else {key: value for key, value in _PLAIN.items() if key not in {"texts", 3}}
    assert _read(pickle.dumps(content, protocol)) == content


def test_stream_stands_behind_the_pickle_when_it_is_read() -> None:
    stream = io.BytesIO(pickle.dumps([1]) + b"rest")
    assert read_pickle(stream, _ANY) == [1]
    assert stream.read() == b"rest"


@pytest.mark.parametrize("protocol", [2, 4])
def test_calls_are_notes_when_read(protocol: int) -> None:
    found = _read(pickle.dumps(Fraction(1, 3), protocol))
    assert isinstance(found, Made)
    assert str(found.maker) == "fractions.Fraction"
    assert found.state is None


def test_sets_are_lists_when_read() -> None:
    found = _read(pickle.dumps({3, 4}, 4))
    assert isinstance(found, list)
    assert sorted(found) == [3, 4]


def test_numbers_of_numpy_are_notes_when_beside_weights() -> None:
    found = _read(pickle.dumps({"best": np.float64(0.5), "order": collections.OrderedDict(a=1)}), TORCH_MEANING)
    assert isinstance(found, dict)
    assert isinstance(found["best"], Made)
    assert found["order"] == {"a": 1}


def test_name_is_refused_as_soon_as_it_appears() -> None:
    """It is never called here, and would not be looked up either."""
    with pytest.raises(BadPickle, match=r"asks for posix\.system"):
        _read(b"cposix\nsystem\n0N.", TORCH_MEANING)
    with pytest.raises(BadPickle, match=r"asks for torch\._utils\.other"):
        _read(b"ctorch._utils\nother\n.", TORCH_MEANING)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"N",
        b"(.",
        b"0.",
        b"t.",
        b"h\x05.",
        b"\xff.",
        b"]K\x01u.",
        b"K\x01K\x02a.",
        b"K\x01(K\x02e.",
        b"NNNs.",
        b"}(Nu.",
        b"}(]Nu.",
        b"}K\x01\x85Ns.",
        b"NNR.",
        b"N}b.",
        b"NN\x93.",
        b"2.",
        b"(i__main__\nx\n.",
        b"\x82\x01.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"X\xff\xff\xff\x7fabc.",
        b"\x8d" + b"\xff" * 8 + b"abc.",
        b"\x8b\xff\xff\xff\x7fabc.",
    ],
)
def test_pickle_is_refused_when_its_instructions_make_no_sense(data: bytes) -> None:
    with pytest.raises(BadPickle):
        _read(data)


_STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu%btQ"


def _tensor(length: bytes, rest: bytes) -> bytes:
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + _STORAGE % length + rest + b"NNtR."


@pytest.mark.parametrize(
    "rest",
    [
        b"K\x00K\x07\x85K\x01\x85",  # more than there is
        b"K\x01K\x06\x85K\x01\x85",
        b"K\x00K\x02K\x03\x86K\x04K\x01\x86",
        b"K\x00K\x02\x85K\x01K\x01\x86",  # sizes and strides that do not belong together
        b"J\xff\xff\xff\xffK\x02\x85K\x01\x85",  # below 0
        b"K\x00J\xff\xff\xff\xff\x85K\x01\x85",
        b"K\x05K\x02\x85J\xff\xff\xff\xff\x85",
        b"K\x00NK\x01\x85",  # not numbers
        b"NK\x02\x85K\x01\x85",
        b"K\x00X\x01\x00\x00\x00a\x85K\x01\x85",
        b"K\x00\x8a\x0a" + b"\xff" * 9 + b"\x7f\x85K\x00\x85",
        b"K\x00(" + b"K\x01" * 9 + b"t(" + b"K\x01" * 9 + b"t",
    ],
)
def test_tensor_is_refused_when_it_leaves_its_storage(rest: bytes) -> None:
    assert _read(_tensor(b"K\x06", b"K\x00K\x02K\x03\x86K\x03K\x01\x86"), TORCH_MEANING) is not None
    with pytest.raises(BadPickle):
        _read(_tensor(b"K\x06", rest), TORCH_MEANING)


@pytest.mark.parametrize("length", [b"J\xff\xff\xff\xff", b"N", b"\x8a\x0a" + b"\xff" * 9 + b"\x7f"])
def test_storage_is_refused_when_its_length_cannot_be(length: bytes) -> None:
    with pytest.raises(BadPickle, match="not the numbers of a tensor"):
        _read(_tensor(length, b"K\x00K\x00\x85K\x01\x85"), TORCH_MEANING)


def test_pickle_is_refused_in_time_when_it_has_too_many_instructions() -> None:
    start = time.monotonic()
    with pytest.raises(BadPickle, match="more than 1000000 instructions"):
        _read(b"N0" * 2_000_000 + b"N.")
    assert time.monotonic() - start < 60


def test_deep_nesting_is_read_and_forgotten_when_deeper_than_the_stack() -> None:
    found = _read(b"N" + b"\x85" * 100_000 + b".")
    del found
    with pytest.raises(BadPickle):
        _read(b"cx\ny\n" + b"N" + b"\x85" * 100_000 + b"R}b0.")


def test_key_is_refused_when_hashing_it_would_take_for_ever() -> None:
    doubled = b"".join(b"h%ch%c\x86q%c0" % (level, level, level + 1) for level in range(60))
    with pytest.raises(BadPickle, match="neither text nor number"):
        _read(b"K\x01q\x00" + doubled + b"}h\x3cNs.")


def test_text_is_escaped_when_it_cannot_be_printed() -> None:
    assert shown("encode.0.weight") == "encode.0.weight"
    assert shown("a\x1b[31m\n") == r"'a\x1b[31m\n'"
    assert len(shown("x" * 1000)) == 82
    assert str(Global("m", "n\n")) == r"'m.n\n'"
