"""`vaejob schedule`: the group of its commands."""

from __future__ import annotations

import click

from producer.table import PACKAGE, SCHEDULE_COMMANDS
from vae_core.command_table import CommandTable


@click.group("schedule", cls=CommandTable, package=PACKAGE, table=SCHEDULE_COMMANDS, invoke_without_command=True)
@click.pass_context
def schedule_command(ctx: click.Context) -> None:
    """Have a job done again and again, at the times that a cron line names in a time zone.

    A reconstruct schedule does only what is new or has changed since its last run.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
