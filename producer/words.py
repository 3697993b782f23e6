"""A spec as the words of the command that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vae_core.jobs.spec import JobSpec, kind_of

_FLAGS = {"columns": "--cols"}
_LEFT_OUT = ("source", "glob", "points", "keys_sha256")


def command_words(spec: JobSpec, *, seed_drawn: bool = False) -> list[str]:
    """Such as `reconstruct s3://incoming/cars/ --fit crop`: what is as usual is left out, and a seed that was drawn."""
    words = [kind_of(spec)]
    source = getattr(spec, "source", None)
    glob = getattr(spec, "glob", None)
    if source is not None:
        words.append(source if glob is None else f"{source.removesuffix('/')}/{glob}")
    words.extend(getattr(spec, "points", ()))
    if getattr(spec, "rows", None) is not None:
        words.append("--corners")
    for name, value in _unusual(spec):
        if seed_drawn and name == "seed":
            continue
        words.append(_FLAGS.get(name, f"--{name.replace('_', '-')}"))
        if value is not True:
            words.append(f"{value:g}" if isinstance(value, float) else str(value))
    return words


def _unusual(spec: JobSpec) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(spec):
        value = getattr(spec, field.name)
        if field.name not in _LEFT_OUT and value is not None and value != field.default:
            yield field.name, value
