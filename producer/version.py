"""Which release of the code this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """As the package's metadata says it, or `unknown` where the package is not installed."""
    try:
        return version("vaejob")
    except PackageNotFoundError:
        return "unknown"
