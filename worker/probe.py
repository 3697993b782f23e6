"""Looks at this machine's devices and at the checkpoint, in a process of its own: `python -m worker.probe`.

The parent of a parts worker must not load torch, still less touch CUDA, before it forks; this process does it instead
and goes away again.
"""

from __future__ import annotations

import os
import subprocess
import sys

import click
import msgspec

from vae_core.errors import InvalidValue, TransientError, VaejobError
from vae_core.settings import Settings, read_settings

_REFUSED = 2


class Findings(msgspec.Struct, frozen=True):
    """devices: their names for VAEJOB_DEVICE, one for each process that is to be run. model: of the first of them."""

    devices: list[str]
    model: str


def probe(settings: Settings) -> Findings:
    """Runs the probe in a child process. Raises InvalidValue with its one-line reason, TransientError if it dies."""
    command = [sys.executable, "-m", "worker.probe"]
    environment = {**os.environ, **settings.as_environment()}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = child.stderr.strip().splitlines() or [""]
    if child.returncode == _REFUSED and lines[-1].startswith("Error: "):
        raise InvalidValue(lines[-1].removeprefix("Error: "))
    if child.returncode != 0:
        raise TransientError(f"looking at the devices ended with status {child.returncode}: {lines[-1]}")
    return msgspec.json.decode(child.stdout, type=Findings)


def main() -> None:
    """Prints the findings as JSON, or one line of error with status 2."""
    try:
        settings = read_settings(os.environ)
        click.echo(msgspec.json.encode(_look(settings)))
    except VaejobError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_REFUSED)


def _look(settings: Settings) -> Findings:
    try:
        from vae_core.model.checkpoint import read_info
        from vae_core.model.devices import device_model, devices, find_device
        from vae_core.model.weights import check_tensors
    except ModuleNotFoundError as error:
        raise InvalidValue(f"{error.name} is not installed: pip install 'vaejob[worker]'") from error
    check_tensors(read_info(settings.checkpoint_path))
    found = devices()
    gpus = [name for name in found if name.startswith("cuda")]
    names = gpus if settings.device in {"auto", "cuda"} and gpus else [str(find_device(settings.device))]
    each = [name for name in names for _ in range(settings.processes)]
    return Findings(each, device_model(find_device(names[0])))


if __name__ == "__main__":
    main()
