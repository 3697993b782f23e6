"""Lists of keys as lines: the same ones however the bytes come in pieces, and what is no list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import InvalidValue
from vae_core.jobs.key_lists import MAX_LINE_BYTES, numbered_lines

MARK = b"\xef\xbb\xbf"


def lines(*chunks: bytes) -> list[tuple[int, str]]:
    return list(numbered_lines(chunks, "keys.txt"))


def refusal(*chunks: bytes) -> str:
    with pytest.raises(InvalidValue) as caught:
        lines(*chunks)
    return str(caught.value)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces that begin at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"a", [(1, "a")]),
        (b"a\n", [(1, "a")]),
        (b"a\nb", [(1, "a"), (2, "b")]),
        (b"a\r\nb\r\n", [(1, "a"), (2, "b")]),
        (b"a\r\nb\r", [(1, "a"), (2, "b")]),
        (b"a\n\n\r\nb\n\n", [(1, "a"), (4, "b")]),  # empty lines count
        (b"a\nb\na\n", [(1, "a"), (2, "b"), (3, "a")]),
        (MARK + b"a\nb", [(1, "a"), (2, "b")]),
        (MARK, []),
        (MARK + b"\r\na", [(2, "a")]),
        (b"a\n" + MARK + b"b", [(1, "a"), (2, "\ufeffb")]),  # elsewhere it is a letter
        (b" a b \n\t\n", [(1, " a b "), (2, "\t")]),
        (b"a\rb\n", [(1, "a\rb")]),
        (b"# a\n", [(1, "# a")]),
        ("é/ü\u2028x\x85y\x0b.jpg\n😀".encode(), [(1, "é/ü\u2028x\x85y\x0b.jpg"), (2, "😀")]),  # one line end alone
    ],
)
def test_lines_are_numbered_when_they_are_not_empty(data: bytes, expected: list[tuple[int, str]]) -> None:
    assert lines(data) == expected
    assert lines(*(data[place : place + 1] for place in range(len(data)))) == expected


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", MARK, b"\xef", "é".encode(), "😀".encode(), b"\0"])),
    st.lists(st.integers(0, 100)),
)
def test_lines_are_the_same_when_the_bytes_come_in_any_pieces(pieces: list[bytes], places: list[int]) -> None:
    data = b"".join(pieces)
    try:
        expected = lines(data)
    except InvalidValue as error:
        assert refusal(*cut(data, places)) == str(error)
    else:
        assert lines(*cut(data, places)) == expected


@pytest.mark.parametrize("start", [b"", MARK])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nb", b"\r\nb", b"\r\n\r\nb\r\n"])
@pytest.mark.parametrize("length", range(MAX_LINE_BYTES - 4, MAX_LINE_BYTES + 1))
def test_nothing_is_lost_when_a_line_is_as_long_as_one_may_be(start: bytes, end: bytes, length: int) -> None:
    data = start + b"x" * length + end
    expected = lines(data)
    assert expected[0] == (1, "x" * length)
    assert [text for _, text in expected[1:]] == ["b"] * end.count(b"b")
    for place in range(MAX_LINE_BYTES - 8, len(data) + 1):
        assert lines(data[:place], data[place:]) == expected
        assert lines(data[:place], data[place : place + 1], data[place + 1 :]) == expected


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nb\n"])
@pytest.mark.parametrize("start", [b"", MARK, b"a\n", b"a\n\n"])
def test_line_is_refused_when_it_is_too_long(start: bytes, end: bytes) -> None:
    data = start + b"x" * (MAX_LINE_BYTES + 1) + end
    number = start.count(b"\n") + 1
    expected = f"keys.txt, line {number}, is over 4,096 bytes long: one key a line is expected"
    assert refusal(data) == expected
    for place in (1, 3, 4090, 4096, 4097, 4098, len(data) - 1):
        assert refusal(data[:place], data[place:]) == expected


def test_length_is_that_in_bytes_when_letters_have_several() -> None:
    assert lines("é".encode() * 2048) == [(1, "é" * 2048)]
    assert "is over 4,096 bytes" in refusal("é".encode() * 2049)


def test_no_more_is_read_when_a_line_has_no_end() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    with pytest.raises(InvalidValue, match="line 1, is over 4,096 bytes"):
        list(numbered_lines(endless(), "keys.txt"))
    assert taken <= 6


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "keys.txt, line 1, is not UTF-8: one key a line is expected"),
        (b"a\n\nb\xe9.jpg\nc", "keys.txt, line 3, is not UTF-8: one key a line is expected"),
        (b"a\n\xc3", "keys.txt, line 2, is not UTF-8: one key a line is expected"),
        (b"\xed\xa0\x80", "keys.txt, line 1, is not UTF-8: one key a line is expected"),  # half a surrogate pair
        (b"\xff\xfea\0", "keys.txt, line 1, is not UTF-8: one key a line is expected"),  # UTF-16
        (b"a\nb\0c\n", "keys.txt, line 2, holds a NUL character: one key a line is expected"),
        (b"\0", "keys.txt, line 1, holds a NUL character: one key a line is expected"),
    ],
)
def test_error_names_list_and_line_when_one_is_no_text(data: bytes, message: str) -> None:
    assert refusal(data) == message
    for place in range(len(data)):
        assert refusal(data[:place], data[place:]) == message


def test_lines_before_come_out_when_a_later_one_is_refused() -> None:
    found = numbered_lines([b"a\nb\n", b"\xff\n"], "keys.txt")
    assert [next(found), next(found)] == [(1, "a"), (2, "b")]
    with pytest.raises(InvalidValue, match=re.escape("keys.txt, line 3, is not UTF-8")):
        next(found)
