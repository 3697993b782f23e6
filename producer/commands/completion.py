"""`vaejob completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from producer import exits
from producer.params import OneOf

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_VAEJOB_COMPLETE"


@click.command("completion")
@click.argument("shell", type=OneOf(SHELLS), metavar=f"[{'|'.join(SHELLS)}]")
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> int:
    """Print the script that completes `vaejob` in a shell.

    \b
    bash: eval "$(vaejob completion bash)"          in ~/.bashrc
    zsh:  eval "$(vaejob completion zsh)"           in ~/.zshrc
    fish: vaejob completion fish | source           in ~/.config/fish/config.fish
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"this release of click completes no {shell}", ctx)
    click.echo(completion(ctx.find_root().command, {}, "vaejob", VARIABLE).source())
    return exits.DONE
