"""What a user may ask for: one frozen, validated spec for each kind of job."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import msgspec

from vae_core.jobs.checks import check_choice, check_float, check_int, check_pattern
from vae_core.jobs.sources import parse_source

MAX_ITEMS = 10_000_000
MAX_SEED = 2**63 - 1
MAX_PART_SIZE = 8000  # twice as many tiles still fit the largest WebP, 16,383 pixels a side
MAX_TEMPERATURE = 2.0
FORMATS = ("png", "jpeg", "webp")
FITS = ("pad", "squash", "crop")
_GLOB = re.compile(r"[^\0\ud800-\udfff]{1,1024}")


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all kinds share.

    format: of the output images.
    part_size: items in a part, or None for the planning worker's VAEJOB_PART_SIZE. Changes no output byte.
    """

    format: str = "png"
    part_size: int | None = None

    def __post_init__(self) -> None:
        check_choice("--format", self.format, FORMATS)
        if self.part_size is not None:
            check_int("--part-size", self.part_size, 1, MAX_PART_SIZE)


class SampleSpec(_Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sample"):
    """Draw new images from the prior: image i is a function of (checkpoint, seed, temperature, i).

    temperature: scales the spread of the prior; 0 gives its centres, 1 the fitted prior.
    """

    n: int
    seed: int
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("--n", self.n, 1, MAX_ITEMS)
        check_int("--seed", self.seed, 0, MAX_SEED)
        check_float("--temperature", self.temperature, 0.0, MAX_TEMPERATURE)


class ReconstructSpec(_Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reconstruct"):
    """Encode every image of a source to the mean of its posterior, and decode it again.

    source: `s3://bucket/prefix` or `file:///absolute/path` of a folder or file.
    pattern: shell glob on the key below the source, or None for all; `*` also crosses `/`.
    fit: how an image of another shape becomes square: `pad` with white, `squash`, or `crop` the centre.
    max_failure_rate: the job fails once listed errors exceed this share of the planned items, in [0, 1].
    """

    source: str
    pattern: str | None = None
    fit: str = "pad"
    max_failure_rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_source(self.source)
        if self.pattern is not None:
            check_pattern("--pattern", self.pattern, _GLOB, "1 to 1,024 characters of valid Unicode, no NUL")
        check_choice("--fit", self.fit, FITS)
        check_float("--max-failure-rate", self.max_failure_rate, 0.0, 1.0)


JobSpec: TypeAlias = SampleSpec | ReconstructSpec


def kind_of(spec: JobSpec) -> str:
    """`sample` or `reconstruct`."""
    return str(spec.__struct_config__.tag)


def spec_fields(spec: JobSpec) -> dict[str, Any]:
    """The spec as plain data, its kind first."""
    fields: dict[str, Any] = msgspec.to_builtins(spec)
    return fields


def same_request(one: JobSpec, other: JobSpec) -> bool:
    """Whether two specs ask for the same thing, to the last field."""
    return one == other
