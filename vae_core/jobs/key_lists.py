"""Lists of keys, one a line, read in pieces: of any length, and never held whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_core.errors import InvalidValue

MAX_LINE_BYTES = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_REST_BYTES = MAX_LINE_BYTES + len(_BYTE_ORDER_MARK + b"\r")  # what does not count to a line may be there too


def numbered_lines(chunks: Iterable[bytes], what: str) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line that is not empty, without its end, `\\n` or `\\r\\n`.

    what: names the list in errors. Raises InvalidValue for a line that is too long, no UTF-8, or has a NUL in it.
    """
    number, rest = 0, b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if text := _text(line, number, what):
                yield number, text
        if len(rest) > _MAX_REST_BYTES:
            break
    if text := _text(rest, number + 1, what):
        yield number + 1, text


def _text(line: bytes, number: int, what: str) -> str:
    line = line.removesuffix(b"\r")
    if number == 1:
        line = line.removeprefix(_BYTE_ORDER_MARK)
    if len(line) > MAX_LINE_BYTES:
        raise InvalidValue(f"{what}, line {number}, is over {MAX_LINE_BYTES:,} bytes long: one key a line is expected")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{what}, line {number}, is not UTF-8: one key a line is expected") from error
    if "\0" in text:
        raise InvalidValue(f"{what}, line {number}, holds a NUL character: one key a line is expected")
    return text
