"""`vaecore info`, and what the command as a whole refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vae_core import cli
from vae_core.model.checkpoint import read_info


def test_checkpoint_is_told_of_when_asked_for(tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    info = read_info(tiny_checkpoint)
    assert cli.main(["info", str(tiny_checkpoint), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["sha256"] == info.sha256
    assert told["config"]["image_size"] == 32
    assert told["tensors"]["prior.means"] == [1, 8]
    assert cli.main(["info", str(tiny_checkpoint)]) == 0
    assert info.sha256 in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info", "none.safetensors"], "no such file"),
        (["fly"], "fly"),
    ],
)
def test_command_is_refused_in_one_line(arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err


def test_command_loads_no_torch_when_it_only_looks_into_a_checkpoint(tiny_checkpoint: Path) -> None:
    code = "import sys; from vae_core.cli import main; main(sys.argv[1:]); print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, "info", str(tiny_checkpoint)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
