"""The command line describes itself, and does so without loading what only commands need."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from producer.cli import cli
from producer.table import COMMANDS
from tests.unit.producer.conftest import Vaejob

SCRIPT = Path(sys.executable).parent / "vaejob"
HEAVY = ("torch", "celery", "kombu", "boto3", "botocore", "redis", "msgspec", "numpy", "tqdm")


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def test_help_names_every_command_when_asked(vaejob: Vaejob) -> None:
    outcome = vaejob("--help")
    assert outcome.code == 0
    for name, entry in COMMANDS.items():
        assert f"  {name} " in outcome.out
        assert entry.line in outcome.out


def test_help_is_shown_when_no_command_is_given(vaejob: Vaejob) -> None:
    assert vaejob().out == vaejob("--help").out


@pytest.mark.parametrize("name", COMMANDS)
def test_command_describes_itself_and_its_options_when_loaded(name: str, vaejob: Vaejob) -> None:
    command = _command(name)
    assert command.name == name
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name
    outcome = vaejob(name, "--help")
    assert outcome.code == 0
    assert f"vaejob {name}" in outcome.out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"completion", "schedule"}])
def test_command_offers_json_when_it_has_data(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in _command(name).params)


def test_near_command_is_suggested_when_the_name_is_misspelt(vaejob: Vaejob) -> None:
    outcome = vaejob("smaple")
    assert outcome.code == 2
    assert "did you mean sample" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_nothing_heavy_is_loaded_when_the_help_is_shown() -> None:
    code = (
        "import sys; from producer.cli import main; main(['--help']); "
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "loaded"


def test_neither_torch_nor_celery_nor_boto3_is_loaded_when_every_command_is_imported() -> None:
    code = (
        "import sys, click; from producer.cli import cli; from producer.table import COMMANDS; "
        "[cli.get_command(click.Context(cli), name) for name in COMMANDS]; "
        "print('loaded', *[name for name in ('torch', 'celery', 'boto3', 'redis') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["loaded"]


def test_help_is_about_as_quick_as_importing_click_when_run_as_a_script() -> None:
    commands = {
        "click": [sys.executable, "-c", "import click"],
        "script": [str(SCRIPT), "--help"],
        "module": [sys.executable, "-m", "producer.cli", "--help"],
    }
    for _ in range(4):  # other work on this machine may hit one side: the quickest runs of a round are compared
        best = {name: min(_seconds(command) for _ in range(7)) for name, command in commands.items()}
        if max(best["script"], best["module"]) <= 1.5 * best["click"]:
            return
    raise AssertionError(f"seconds: {best}")


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_printed_when_the_shell_is_known(shell: str, vaejob: Vaejob) -> None:
    outcome = vaejob("completion", shell)
    assert outcome.code == 0
    assert "_VAEJOB_COMPLETE" in outcome.out


def test_commands_are_completed_when_the_shell_asks() -> None:
    variables = {"_VAEJOB_COMPLETE": "bash_complete", "COMP_WORDS": "vaejob st", "COMP_CWORD": "1", "PATH": ""}
    output = subprocess.run([str(SCRIPT)], env=variables, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["plain,status"]
