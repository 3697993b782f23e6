"""The README against the commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from producer.table import COMMANDS as VAEJOB
from vae_core.cli import COMMANDS as VAECORE

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("program", "command"),
    [("vaejob", name) for name in VAEJOB] + [("vaecore", name) for name in VAECORE],
)
def test_command_stands_in_the_table_when_it_exists(program: str, command: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith(f"| `{program} ")]
    assert re.search(rf"`({program} )?{command}[ `]", "\n".join(rows)), f"{program} {command} is not in the README"


@pytest.mark.parametrize("match", re.findall(r"(vaejob|vaecore) ([a-z][a-z-]+)", README), ids=" ".join)
def test_command_exists_when_the_readme_names_it(match: tuple[str, str]) -> None:
    program, command = match
    assert command in {"vaejob": VAEJOB, "vaecore": VAECORE}[program]
