"""The `vaeworker` command: both roles by default, or one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from vae_core.errors import TransientError, VaejobError
from vae_core.settings import Settings, read_settings, unknown_variables
from vae_core.version import code_version


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(code_version(), prog_name="vaeworker")
@click.pass_context
def main(context: click.Context) -> None:
    """Work on vaejob's queue. Without a command: both roles, and an embedded Redis where VAEJOB_REDIS_URL is unset.

    Settings are VAEJOB_* variables; deploy/env.example lists them all.
    """
    if context.invoked_subcommand is None:
        from worker.supervisor import run_both

        _run(run_both)


@main.command()
def parts() -> None:
    """Run the model: one process per device."""
    from worker.parts_role import run_parts

    _run(run_parts)


@main.command()
def control() -> None:
    """Plan, finish and heal jobs: no model, no torch."""
    from worker.control_role import run_control

    _run(run_control)


@main.command()
def stop_redis() -> None:
    """Stop the embedded Redis of this machine. Open jobs go on when a worker is started again."""
    from worker.embedded import stop

    def run(settings: Settings) -> int:
        click.echo("stopped" if stop(settings) else "it was not running")
        return 0

    _run(run)


def _run(role: Callable[[Settings], int]) -> None:
    """Reads the settings, once, and ends the process with the role's status.

    2 when it is refused, and starting it again cannot help; 1 when it may.
    """
    from worker.logs import set_up_logs

    try:
        settings = read_settings(os.environ)
        set_up_logs(settings.log_format)
        for name in unknown_variables(os.environ):
            click.echo(f"Warning: {name} is no setting of vaejob", err=True)
        sys.exit(role(settings))
    except VaejobError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1 if isinstance(error, TransientError) else 2)


if __name__ == "__main__":
    main()
