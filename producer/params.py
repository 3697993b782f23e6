"""Options that commands share, and values whose refusals name the flag, the value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_choice, check_float, check_int, shown

Command = TypeVar("Command", bound=Callable[..., Any])
_MOST_DIGITS = 30


class WholeNumber(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """An int in [low, high]."""

    name = "integer"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Raises InvalidValue, naming the flag."""
        field = _flag(param)
        if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+", value):
            raise InvalidValue(f"{field} {shown(value)!r} is not a whole number: {self.low:,} to {self.high:,}")
        if isinstance(value, str) and len(value) > _MOST_DIGITS:
            raise InvalidValue(f"{field} {shown(value)} is out of range: {self.low:,} to {self.high:,}")
        number = int(value)
        check_int(field, number, self.low, self.high)
        return number


class Number(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A finite float in [low, high]."""

    name = "number"

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Raises InvalidValue, naming the flag."""
        field = _flag(param)
        try:
            number = float(value)
        except ValueError as error:
            raise InvalidValue(f"{field} {shown(value)!r} is not a number: {self.low:g} to {self.high:g}") from error
        check_float(field, number, self.low, self.high)
        return number


class OneOf(click.Choice):  # type: ignore[type-arg]  # generic from click 8.2 on
    """One of a few words."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(allowed)
        self.allowed = tuple(allowed)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises InvalidValue, naming the flag."""
        check_choice(_flag(param), str(value), self.allowed)
        return str(value)


def json_option(command: Command) -> Command:
    """`--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def watch_option(command: Command) -> Command:
    """`--watch`, as the argument `watch`."""
    return click.option("--watch", is_flag=True, help="Follow the job until it ends; Ctrl-C leaves it running.")(
        command
    )


def job_argument(command: Command) -> Command:
    """The argument JOB, as `job`."""
    return click.argument("job", metavar="JOB")(command)


def refuse_together(**given: bool) -> None:
    """Raises InvalidValue when more than one of the flags was given; a flag's name has `_` for `-`."""
    flags = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if len(flags) > 1:
        raise InvalidValue(f"{' and '.join(flags)} exclude each other: give one of them")


def _flag(param: click.Parameter | None) -> str:
    return param.opts[0] if param is not None else "value"
