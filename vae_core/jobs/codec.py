"""JSON to frozen typed data and back: strict on the way in, the same bytes always on the way out."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from vae_core.errors import InvalidValue

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def to_json(value: Any) -> bytes:
    """Compact JSON of a struct or plain data, fields in the order of their definition, no newline."""
    return _encoder.encode(value)


def to_pretty_json(value: Any) -> bytes:
    """The same, indented by two, with a newline at the end: for objects that people open."""
    return msgspec.json.format(to_json(value), indent=2) + b"\n"


def to_lines(values: Any) -> bytes:
    """JSON Lines: one value a line."""
    return b"".join(_encoder.encode(value) + b"\n" for value in values)


def from_json(data: bytes, kind: type[T], what: str) -> T:
    """Strictly typed value from JSON; unknown fields are refused.

    what: names the document in the error. Raises InvalidValue with the path of the wrong field; a struct's own
    InvalidValue reaches here wrapped by msgspec, its text kept.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValue(f"{what} is not valid: {error}") from error


def from_lines(data: bytes, kind: type[T], what: str) -> list[T]:
    """One value from each line. Raises InvalidValue, naming the line's number."""
    decoder = msgspec.json.Decoder(kind)
    values = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            values.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidValue(f"{what}, line {number}, is not valid: {error}") from error
    return values
