"""The `vaecore` command: draw cars, train on them, look into a checkpoint."""

from __future__ import annotations

import os
import signal
import sys

import click

from vae_core.command_table import CommandTable, Entry
from vae_core.errors import VaejobError

COMMANDS = {
    "cars": Entry("Data", "cars", "Draw cars, with a table of their parameters."),
    "prepare": Entry("Data", "prepare", "Make one data set of a folder, zip or bucket of pictures."),
    "train": Entry("Model", "train", "Train a checkpoint on images."),
    "evaluate": Entry("Model", "evaluate", "Measure how good a checkpoint is, beside its controls."),
    "latent-map": Entry("Model", "latent_map", "Show where encoded images lie, and the gaps between them."),
    "animate": Entry("Model", "animate", "Show how a training went as a film of its sheets."),
    "import-seed": Entry("Model", "import_seed", "Make a checkpoint of the published weights."),
    "info": Entry("Model", "info", "Show what a checkpoint holds."),
    "export": Entry("Model", "export", "Write a checkpoint as ONNX, .pt2 or TorchScript."),
}

# Errors of what was begun, as against those of what was asked for.
_FAILED = frozenset({"export_differs", "training_diverged", "run_not_written"})


@click.group(
    cls=CommandTable,
    package="vae_core.commands",
    table=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Make what a worker runs: data, training, checkpoints."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 it failed, 2 refused, 130 interrupted."""
    arguments = sys.argv[1:] if args is None else args
    debug = "--debug" in arguments
    if args is None:  # this is the process's own command: asked to end, it cleans up as after Ctrl-C
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli.main(arguments, prog_name="vaecore", standalone_mode=False, obj=os.environ)
        return 0
    except VaejobError as error:
        return _told(debug, str(error), 1 if error.code in _FAILED else 2)
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _told(debug, error.format_message() + where, 2)
    except OSError as error:
        where = f"cannot use {error.filename}" if error.filename else "cannot read or write"
        return _told(debug, f"{where}: {error.strerror or error}", 2)
    except (click.Abort, KeyboardInterrupt):
        return _told(debug, "interrupted; the same command goes on from what it saved, or begins again", 130)
    except Exception as error:  # noqa: BLE001 - told in one line; nothing is half written
        return _told(debug, f"unexpected {type(error).__name__}: {error}; `vaecore --debug ...` shows where", 1)


def _told(debug: bool, message: str, code: int) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
