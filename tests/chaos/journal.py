"""What the suite did and when, in a file beside the workers' logs, with their time of day."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

import click


class Journal:
    """Lines may come from any thread. aloud: they are shown as well, on stderr."""

    def __init__(self, path: Path, *, aloud: bool = False) -> None:
        self.path = path
        self._aloud = aloud
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        line = f"{datetime.now():%H:%M:%S.%f}"[:-3] + f" {text}"
        with self._lock, self.path.open("a") as file:
            file.write(line + "\n")
        if self._aloud:
            click.echo(line, err=True)
