"""The version of the code that runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """Version of the installed distribution, or `unknown` where the packages are used without being installed."""
    try:
        return version("vaejob")
    except PackageNotFoundError:
        return "unknown"
