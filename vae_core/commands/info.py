"""`vaecore info`: what a checkpoint says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_core.commands.params import PATH

if TYPE_CHECKING:
    from vae_core.model.checkpoint import CheckpointInfo


@click.command("info")
@click.argument("checkpoint", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def info_command(checkpoint: Path, as_json: bool) -> None:
    """Say what the file CHECKPOINT holds: its SHA-256, the network's sizes, how it was trained."""
    from vae_core.model.checkpoint import read_info

    found = read_info(checkpoint)
    click.echo(_info_json(found) if as_json else _info_text(found))


def _info_json(found: CheckpointInfo) -> str:
    import msgspec

    shapes = {name: tensor.shape for name, tensor in found.tensors.items()}
    content = {
        "path": str(found.path),
        "sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "config": found.config,
        "metadata": found.metadata,
        "tensors": shapes,
    }
    return msgspec.json.encode(content).decode()


def _info_text(found: CheckpointInfo) -> str:
    import math

    import msgspec

    values = sum(math.prod(tensor.shape) for tensor in found.tensors.values())
    rows = {
        "file": str(found.path),
        "sha256": found.sha256,
        "size": f"{found.size_bytes / 1e6:.2f} MB, {len(found.tensors)} tensors, {values / 1e6:.2f} M values",
        **{name: str(value) for name, value in msgspec.structs.asdict(found.config).items()},
        **{name: _cut(text) for name, text in sorted(found.metadata.items()) if name != "model_config"},
    }
    return "\n".join(f"{name:<18}  {text}" for name, text in rows.items())


def _cut(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}… (whole with --json)"
