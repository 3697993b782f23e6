"""The command in this process, and jobs as a worker would have written them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from producer.cli import main
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Vaejob = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with no Redis and an empty store in it."""
    for name in ("VAEJOB_REDIS_URL", "VAEJOB_STORE", "VAEJOB_SOURCES", "VAEJOB_CHECKPOINT", "VAEJOB_PART_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAEJOB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    """The store that the command uses."""
    return open_store(f"file://{home / 'store'}")


@pytest.fixture
def vaejob(home: Path, capsys: pytest.CaptureFixture[str]) -> Vaejob:
    """Runs the command in this process."""

    def run(*args: str) -> Outcome:
        capsys.readouterr()
        code = main(list(args))
        written = capsys.readouterr()
        return Outcome(code, written.out, written.err)

    return run
