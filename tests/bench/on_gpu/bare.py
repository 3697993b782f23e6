"""Stands in for msgspec on a machine without it, as far as the measurements need: structs, and JSON to and from them.

It checks no types: what is read here is the shipped checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from importlib.util import find_spec
from typing import Any


class _Meta(type):
    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> type:
        made = super().__new__(mcs, name, bases, body)
        made._options = {**getattr(made, "_options", {}), **options}  # type: ignore[attr-defined]
        if not bases:
            return made
        kept = {option: made._options.get(option, False) for option in ("frozen", "kw_only")}  # type: ignore[attr-defined]
        return dataclasses.dataclass(**kept)(made)

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, body)


class Struct(metaclass=_Meta):
    """A dataclass."""


class ValidationError(Exception):
    """Never raised."""


def convert(value: Any, type: Any) -> Any:
    """A struct of an object's fields; whatever else is asked for is taken for what it is."""
    if not dataclasses.is_dataclass(type):
        return value
    hints = typing.get_type_hints(type)
    return type(**{name: tuple(one) if typing.get_origin(hints[name]) is tuple else one for name, one in value.items()})


def to_builtins(struct: Any) -> dict[str, Any]:
    """Its fields, without those at their defaults where its class says so."""
    fields = [
        field
        for field in dataclasses.fields(struct)
        if not (struct._options.get("omit_defaults") and getattr(struct, field.name) == field.default)
    ]
    return {field.name: getattr(struct, field.name) for field in fields}


def _encode(value: Any, order: str | None = None) -> bytes:
    plain = to_builtins(value) if dataclasses.is_dataclass(value) else value
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, sort_keys=order is not None).encode()


class _Encoder:
    def __init__(self, **_options: Any) -> None:
        pass

    def encode(self, value: Any) -> bytes:
        return _encode(value)


class _Decoder:
    def __init__(self, type: Any = Any, **_options: Any) -> None:
        self._type = type

    def decode(self, text: bytes) -> Any:
        return convert(json.loads(text), self._type)


def stand_in() -> None:
    """From now on `import msgspec` finds this, unless the real one is there."""
    if find_spec("msgspec") is not None:
        return
    found = types.ModuleType("msgspec")
    found.json = types.SimpleNamespace(  # type: ignore[attr-defined]
        encode=_encode,
        decode=lambda text, type=Any: convert(json.loads(text), type),
        format=lambda text, indent=2: text,
        Encoder=_Encoder,
        Decoder=_Decoder,
    )
    found.structs = types.SimpleNamespace(  # type: ignore[attr-defined]
        asdict=lambda struct: {field.name: getattr(struct, field.name) for field in dataclasses.fields(struct)},
        replace=dataclasses.replace,
    )
    for name, value in {
        "Struct": Struct,
        "MsgspecError": ValidationError,
        "ValidationError": ValidationError,
        "DecodeError": ValidationError,
        "field": dataclasses.field,
        "convert": convert,
        "to_builtins": to_builtins,
        "UNSET": None,
        "UnsetType": type(None),
    }.items():
        setattr(found, name, value)
    sys.modules["msgspec"] = found
