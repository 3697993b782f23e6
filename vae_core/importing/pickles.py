"""Pickles read as inert data: nothing that they name is looked up, and nothing is called.

A pickle is a program for a machine with a stack (https://docs.python.org/3/library/pickletools.html lists its
instructions). The machine here knows those that files of tensors use; where one would call something, a note of the
call is left in its place. Keys of dictionaries are plain values, as hashing tuples in tuples can take for ever.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

_MAX_STEPS = 1_000_000
_NUMBERS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "FLOAT", "BINFLOAT"})
_TEXTS = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINSTRING", "SHORT_BINSTRING"})
_BYTES = frozenset({"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"})
_LITERALS = _NUMBERS | _TEXTS | _BYTES
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_FIXED_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class BadPickle(ValueError):
    """Bytes are not a pickle, or one that does what no file of tensors does."""


class Global(NamedTuple):
    """Something that a pickle names: a class or a function, by its module and its name there."""

    module: str
    name: str

    def __str__(self) -> str:
        return shown(f"{self.module}.{self.name}")


@dataclass(eq=False, slots=True)
class Made:
    """What unpickling would have made by calling `maker`. state: what it would then have been given to keep."""

    maker: Global
    arguments: object
    state: object = None


class Meaning(NamedTuple):
    """What a pickle's own words stand for; each may raise BadPickle.

    named: told each Global as soon as it appears. called: the value of a call, perhaps just a `Made`. persistent: the
    value of an id of something that is stored elsewhere.
    """

    named: Callable[[Global], None]
    called: Callable[[Global, object], object]
    persistent: Callable[[object], object]


def read_pickle(stream: BinaryIO, meaning: Meaning) -> object:
    """What the pickle at the stream's position holds; the stream then stands behind it. Raises BadPickle.

    Tuples, lists, dictionaries, numbers and texts are themselves; sets are lists.
    """
    machine = _Machine(meaning)
    try:
        for steps, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if instruction.name == "STOP":
                return machine.stack.pop()
            if steps >= _MAX_STEPS:
                raise BadPickle(f"has more than {_MAX_STEPS} instructions")
            machine.step(instruction.name, argument)
    except BadPickle:
        raise
    except (ValueError, IndexError, KeyError) as exc:
        raise BadPickle("is damaged, or no pickle at all") from exc
    raise BadPickle("has no end")


def shown(text: str, most: int = 80) -> str:
    """The text as it can be printed: cut, and escaped where it holds anything that is not printable."""
    return text if len(text) <= most and text.isprintable() else ascii(text[:most])


class _Machine:
    """The stack, its marks and the memo. A wrong pickle raises IndexError, KeyError or BadPickle, whichever it is."""

    def __init__(self, meaning: Meaning) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._meaning = meaning

    def step(self, name: str, argument: Any) -> None:
        """Do one instruction."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _FIXED_TUPLES:
            self.stack.append(tuple(self._pop_last(_FIXED_TUPLES[name])))
        elif name not in {"PROTO", "FRAME"}:
            method = getattr(self, f"_do_{name.lower()}", None)
            if method is None:
                raise BadPickle(f"holds the instruction {name}, which files of tensors do not")
            method(argument)

    def _pop_last(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise IndexError("the stack is too short")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def _pop_marked(self) -> list[Any]:
        return self._pop_last(len(self.stack) - self._marks.pop())

    def _do_mark(self, _: object) -> None:
        self._marks.append(len(self.stack))

    def _do_pop(self, _: object) -> None:
        self.stack.pop()

    def _do_empty_list(self, _: object) -> None:
        self.stack.append([])

    _do_empty_set = _do_empty_list

    def _do_empty_dict(self, _: object) -> None:
        self.stack.append({})

    def _do_tuple(self, _: object) -> None:
        self.stack.append(tuple(self._pop_marked()))

    def _do_list(self, _: object) -> None:
        self.stack.append(self._pop_marked())

    _do_frozenset = _do_list

    def _do_dict(self, _: object) -> None:
        items = self._pop_marked()
        self.stack.append({})
        self._set_items(items)

    def _do_append(self, _: object) -> None:
        self._extend(self._pop_last(1))

    def _do_appends(self, _: object) -> None:
        self._extend(self._pop_marked())

    _do_additems = _do_appends

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise BadPickle("appends to what is not a list")
        self.stack[-1].extend(values)

    def _do_setitem(self, _: object) -> None:
        self._set_items(self._pop_last(2))

    def _do_setitems(self, _: object) -> None:
        self._set_items(self._pop_marked())

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise BadPickle("sets items of what is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | bytes | None):
                raise BadPickle("has a key that is neither text nor number")
            target[key] = value

    def _do_binput(self, place: int) -> None:
        self._memo[place] = self.stack[-1]

    _do_put = _do_long_binput = _do_binput

    def _do_memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _do_binget(self, place: int) -> None:
        self.stack.append(self._memo[place])

    _do_get = _do_long_binget = _do_binget

    def _do_global(self, both: str) -> None:
        module, _, name = both.partition(" ")
        self._name(module, name)

    def _do_stack_global(self, _: object) -> None:
        module, name = self._pop_last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise BadPickle("names something by what is not text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        found = Global(module, name)
        self._meaning.named(found)
        self.stack.append(found)

    def _do_reduce(self, _: object) -> None:
        function, arguments = self._pop_last(2)
        if not isinstance(function, Global):
            raise BadPickle("calls what is not named")
        self.stack.append(self._meaning.called(function, arguments))

    _do_newobj = _do_reduce

    def _do_build(self, _: object) -> None:
        (state,) = self._pop_last(1)
        target = self.stack[-1]
        if isinstance(target, Made):
            target.state = state
        elif not isinstance(target, dict):  # of a dictionary these are notes beside its items
            raise BadPickle("sets the state of what has none")

    def _do_binpersid(self, _: object) -> None:
        self.stack.append(self._meaning.persistent(self.stack.pop()))
