"""A click group whose help is written from a table, and whose commands are imported when they are run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line in the help. module: below the group's package of commands."""

    section: str
    module: str
    line: str


class CommandTable(click.Group):
    """A group whose commands are imported when they are run; `latent-map` is `latent_map_command` of its module.

    package: dotted name of the package that holds the modules. table: every command by its name, in the order of the
    help.
    """

    def __init__(self, *args: Any, package: str, table: Mapping[str, Entry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now, or None for an unknown name."""
        if cmd_name not in self._table:
            return None
        module = import_module(f"{self._package}.{self._table[cmd_name].module}")
        name = f"{cmd_name.replace('-', '_')}_command"
        command = getattr(module, name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.{name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, but an unknown name is answered with the near ones, or all."""
        name = args[0]
        if name not in self._table and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, self._table)
            known = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(self._table)}."
            ctx.fail(f"There is no command {name[:40]!r}: {known}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the help from the table."""
        width = max(map(len, self._table))
        for section in dict.fromkeys(entry.section for entry in self._table.values()):
            rows = [(name.ljust(width), entry.line) for name, entry in self._table.items() if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)
