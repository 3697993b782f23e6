"""What several commands of `vaecore` take alike."""

from __future__ import annotations

import os
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


def processors() -> int:
    """How many processors this machine has."""
    return os.cpu_count() or 1
