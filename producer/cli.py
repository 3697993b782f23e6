"""The entry point of `vaejob`: its global options, and what becomes of an error."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from pathlib import Path

import click

from producer import exits
from producer.session import Session, pass_session
from producer.table import COMMANDS, PACKAGE
from vae_core.command_table import CommandTable
from vae_core.errors import VaejobError

# Objects made before the next look for garbage. Looking after each 700, and once more at the end, as usual, takes a
# fifth of a command's time: all that the libraries brought is looked at, and stays.
_GARBAGE_EVERY = 100_000


def _show_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from vae_core.version import code_version

        click.echo(f"vaejob {code_version()}")
        ctx.exit()


@click.group(
    cls=CommandTable,
    package=PACKAGE,
    table=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it, stop."
)
@click.pass_context
@pass_session
def cli(session: Session, ctx: click.Context, debug: bool) -> None:
    """Submit jobs that make images with a trained VAE, watch them, and bring back their results.

    Where a command takes JOB, it may be an id, an unambiguous beginning of one, or `latest`.
    """
    session.debug = debug
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: list[str] | None = None) -> int:
    """Runs one command; returns its exit code. An error is one line on stderr."""
    if sys.stdout is None:  # closed by the caller
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without the letter shows its number
    session = Session(os.environ)
    try:
        code = cli.main(args, prog_name="vaejob", standalone_mode=False, obj=session)
        return code if isinstance(code, int) else exits.DONE
    except VaejobError as error:
        return _told(session, str(error), exits.code_of_error(error))
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _told(session, error.format_message() + where, exits.REFUSED)
    except click.ClickException as error:
        return _told(session, error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return exits.INTERRUPTED
    except SystemExit as ended:
        # Click ends so when nobody reads its output any more, with a status that would say that the job failed.
        return exits.PIPE_CLOSED if type(sys.stdout).__name__ == "PacifyFlushWrapper" else _status(ended)
    except OSError as error:
        return _told(session, f"cannot write: {error.strerror or error}", exits.FAILED)
    except Exception as error:  # noqa: BLE001  # a fault of ours: the job, once accepted, goes on without this command
        text = f"unexpected {type(error).__name__}: {error}; `vaejob --debug ...` shows where"
        return _told(session, text, exits.FAILED)


def run() -> int:
    """`main`, in a process that does nothing else."""
    gc.set_threshold(_GARBAGE_EVERY)
    try:
        return main()
    finally:
        gc.freeze()


def _status(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else exits.FAILED


def _told(session: Session, message: str, code: int) -> int:
    if session.debug:
        import traceback

        traceback.print_exc()
    line = "".join(char if char.isprintable() else " " for char in " ".join(message.split()))
    click.echo(f"Error: {line}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(run())
