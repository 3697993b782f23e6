"""The table of commands, from which `vaejob --help` is written without importing any of them."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line in the help. module: below `producer.commands`."""

    section: str
    module: str
    line: str


COMMANDS = {
    "sample": Entry("Submit", "submit", "Draw new car images."),
    "reconstruct": Entry("Submit", "submit", "Encode and decode the images of a bucket or folder."),
    "status": Entry("Look", "look", "Show one job."),
    "watch": Entry("Look", "look", "Follow a job until it ends."),
    "list": Entry("Look", "look", "List the newest jobs."),
    "errors": Entry("Look", "look", "List the items of a job that could not be made."),
    "fetch": Entry("Look", "fetch", "Download the results of a job."),
    "cancel": Entry("Steer", "steer", "Stop a job."),
    "resume": Entry("Steer", "steer", "Start a failed or cancelled job again."),
    "workers": Entry("Set up", "fleet", "List the living workers and the queues."),
    "doctor": Entry("Set up", "fleet", "Check Redis, store, workers, device and checkpoint."),
    "completion": Entry("Set up", "completion", "Print the completion script of a shell."),
}


class CommandTable(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"producer.commands.{COMMANDS[cmd_name].module}")
        command = getattr(module, f"{cmd_name}_command")
        if not isinstance(command, click.Command):
            raise TypeError(f"producer.commands.{COMMANDS[cmd_name].module}.{cmd_name}_command is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, but an unknown name is answered with the near ones, or all."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS)
            known = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command {name[:40]!r}: {known}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the help from the table."""
        width = max(map(len, COMMANDS))
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            rows = [(name.ljust(width), entry.line) for name, entry in COMMANDS.items() if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)
