"""What the tests of the import share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file to be imported lies."""
    return tmp_path / "cars.pt"
