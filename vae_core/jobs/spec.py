"""What a user may ask for: one frozen, validated spec for each kind of job."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import msgspec

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_choice, check_float, check_int, check_pattern, shown
from vae_core.jobs.indices import Indices
from vae_core.jobs.points import MAX_SEED, SEED_FORM, SeedPoint, parse_point
from vae_core.jobs.sources import parse_source
from vae_core.jobs.walk import Walk, corner_walk, pair_walk, path_walk

MAX_ITEMS = 10_000_000
MAX_PART_SIZE = 8000  # twice as many tiles still fit a picture of 16,383 pixels a side, as browsers show them
MAX_TEMPERATURE = 2.0
MAX_NOISE = 1.0
FORMATS = ("png", "jpeg", "webp")
STANDARD_PRIOR = "normal"
PRIORS = ("mixture", STANDARD_PRIOR)
FITS = ("pad", "squash", "crop")
METHODS = ("auto", "slerp", "lerp")
MIN_STEPS, MAX_STEPS, USUAL_STEPS = 2, 1000, 9
MIN_POINTS, MAX_POINTS = 2, 64
MAX_PAIRS = 1000
CORNERS = 4
MAX_SIDE = 100
MAX_FRAMES = 10_000
MAX_FPS = 60
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GLOB = re.compile(r"[^\0\ud800-\udfff]{1,1024}")


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all kinds share.

    format: of the output images. quality: of jpeg and webp, 1 to 100, or None for what is set for the format.
    save_latents: whether each part also leaves the latents of its items.
    shards: whether a part's images lie in one tar, each beside its own JSON, instead of in a file each.
    part_size: items in a part, or None for the planning worker's VAEJOB_PART_SIZE. Changes no output byte.
    """

    format: str = "png"
    quality: int | None = None
    save_latents: bool = False
    shards: bool = False
    part_size: int | None = None

    def __post_init__(self) -> None:
        check_choice("--format", self.format, FORMATS)
        if self.quality is not None:
            check_int("--quality", self.quality, 1, 100)
            if self.format == "png":
                raise InvalidValue(
                    f"--quality {self.quality} does not go with --format png, which loses nothing: use it with jpeg or "
                    "webp, or leave it out"
                )
        if self.part_size is not None:
            check_int("--part-size", self.part_size, 1, MAX_PART_SIZE)


class SampleSpec(_Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sample"):
    """Draw new images from the prior: image i is a function of (checkpoint, seed, temperature, prior, i).

    n: images 0 to n - 1. indices: the images of these numbers instead, such as `0-499,777`; one of the two is None.
    temperature: scales the spread of the prior; 0 gives its centres, 1 the fitted prior.
    prior: `mixture`, fitted to the training images' latents, or `normal`, N(0, I).
    """

    n: int | None = None
    indices: str | None = None
    seed: int
    temperature: float = 1.0
    prior: str = "mixture"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n is not None and self.indices is not None:
            raise InvalidValue("--n and --indices both say which images are made: give one of them")
        if self.indices is not None:
            Indices.parse("--indices", self.indices)
        elif self.n is not None:
            check_int("--n", self.n, 1, MAX_ITEMS)
        else:
            raise InvalidValue("--n is missing: how many images, 1 to 10,000,000, or --indices, which ones")
        check_int("--seed", self.seed, 0, MAX_SEED)
        check_float("--temperature", self.temperature, 0.0, MAX_TEMPERATURE)
        check_choice("--prior", self.prior, PRIORS)

    @property
    def images(self) -> Indices:
        """The numbers of the images; item k of the job is the k-th of them."""
        return Indices.below(self.n or 1) if self.indices is None else Indices.parse("--indices", self.indices)


class ReconstructSpec(_Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reconstruct"):
    """Encode every image of a source to the mean of its posterior, and decode it again.

    source: `s3://bucket/prefix` or `file:///absolute/path` of a folder or file; None where keys are of several buckets.
    glob: on what of a key comes after the source, or None for all: `*` and `?` stay within a segment, `**/` is any
        number of folders.
    keys_sha256: of a list of keys, one a line, that lies beside the job (`JobKeys.key_list`); those are the inputs, in
        that order, and nothing is listed. None for all that lies below the source.
    pattern: shell glob on the key below the source, or None for all; `*` also crosses `/`.
    limit: at most this many inputs, the first ones, or None for all.
    fit: how an image of another shape becomes square: `pad` with white, `squash`, or `crop` the centre.
    noise: deviation of Gaussian noise that is laid on each input before it is encoded, of values in [0, 1].
    max_failure_rate: the job fails once listed errors exceed this share of the planned items, in [0, 1].
    """

    source: str | None
    glob: str | None = None
    keys_sha256: str | None = None
    pattern: str | None = None
    limit: int | None = None
    fit: str = "pad"
    noise: float = 0.0
    max_failure_rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:
            parse_source(self.source)
        elif self.keys_sha256 is None:
            raise InvalidValue("SOURCE is missing: s3://bucket/prefix, a folder, or --from-manifest FILE")
        if self.glob is not None:
            check_pattern("SOURCE", self.glob, _GLOB, "a glob of 1 to 1,024 characters of valid Unicode, no NUL")
            if self.keys_sha256 is not None:
                raise InvalidValue(
                    f"SOURCE with {shown(self.glob)!r} lists keys, and so does --from-manifest: one of them"
                )
        if self.keys_sha256 is not None:
            check_pattern("keys_sha256", self.keys_sha256, _SHA256, "64 hexadecimal digits")
        if self.pattern is not None:
            check_pattern("--pattern", self.pattern, _GLOB, "1 to 1,024 characters of valid Unicode, no NUL")
        if self.limit is not None:
            check_int("--limit", self.limit, 1, MAX_ITEMS)
        check_choice("--fit", self.fit, FITS)
        check_float("--noise", self.noise, 0.0, MAX_NOISE)
        check_float("--max-failure-rate", self.max_failure_rate, 0.0, 1.0)


class InterpolateSpec(_Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="interpolate"):
    """Walk through latent space: frame i is a function of (checkpoint, points, the fields below, i).

    points: what is walked between, in order, each `seed:7/12` or the address of an image.
    pairs, seed: instead of points, so many random pairs of that seed's images, each walked by itself.
    rows, columns: of the grid that four points are the corners of; None for a path.
    steps: frames from one point to the next, both counted; not used by a grid.
    loop: go on from the last point to the first, so that the frames can be shown in a circle.
    method: `slerp`, `lerp`, or `auto`: slerp between generated points, lerp where an encoded one is among them.
    fps: frames a second of the animation. fit: of images among the points, as in ReconstructSpec.
    """

    points: tuple[str, ...] = ()
    pairs: int | None = None
    seed: int | None = None
    rows: int | None = None
    columns: int | None = None
    steps: int = USUAL_STEPS
    loop: bool = False
    method: str = "auto"
    fps: int = 12
    fit: str = "pad"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("--steps", self.steps, MIN_STEPS, MAX_STEPS)
        check_int("--fps", self.fps, 1, MAX_FPS)
        check_choice("--method", self.method, METHODS)
        check_choice("--fit", self.fit, FITS)
        if self.pairs is not None:
            self._check_pairs()
        elif self.rows is not None or self.columns is not None:
            self._check_corners()
        elif not MIN_POINTS <= len(self.points) <= MAX_POINTS:
            raise InvalidValue(
                f"{len(self.points)} points are given: {MIN_POINTS} to {MAX_POINTS} are walked between, each an image "
                f"or {SEED_FORM}; or give --pairs N"
            )
        for point in self.points:
            parse_point(point)
        check_int("the number of frames", self.frames, 1, MAX_FRAMES)

    def _check_pairs(self) -> None:
        if self.points or self.rows is not None or self.columns is not None or self.loop:
            raise InvalidValue(
                "--pairs draws its own points and walks each pair by itself: leave points, grid and --loop out"
            )
        check_int("--pairs", self.pairs or 0, 1, MAX_PAIRS)
        if self.seed is None:
            raise InvalidValue("--pairs needs a seed to draw them from")
        check_int("--seed", self.seed, 0, MAX_SEED)

    def _check_corners(self) -> None:
        for field, value in (("--rows", self.rows), ("--cols", self.columns)):
            check_int(field, value or 0, 2, MAX_SIDE)
        if len(self.points) != CORNERS:
            raise InvalidValue(f"{len(self.points)} corners are given: four are expected")
        if self.loop:
            raise InvalidValue("--loop does not go with --corners: a grid has no end to go on from")

    @property
    def frames(self) -> int:
        """How many the walk has."""
        if self.pairs is not None:
            return self.pairs * self.steps
        if self.rows is not None and self.columns is not None:
            return self.rows * self.columns
        legs = len(self.points) if self.loop else len(self.points) - 1
        return legs * (self.steps - 1) + (not self.loop)

    @property
    def walk(self) -> Walk:
        """The points and the frames."""
        if self.pairs is not None:
            drawn = [SeedPoint(self.seed or 0, index) for index in range(2 * self.pairs)]
            return pair_walk(drawn, self.steps)
        points = [parse_point(point) for point in self.points]
        if self.rows is not None and self.columns is not None:
            return corner_walk(points, self.rows, self.columns)
        return path_walk(points, self.steps, loop=self.loop)


JobSpec: TypeAlias = SampleSpec | ReconstructSpec | InterpolateSpec


def known_items(spec: JobSpec) -> int | None:
    """How many items a job of this spec has, or None where its source says that."""
    if isinstance(spec, InterpolateSpec):
        return spec.frames
    return len(spec.images) if isinstance(spec, SampleSpec) else None


def kind_of(spec: JobSpec) -> str:
    """`sample`, `reconstruct` or `interpolate`."""
    return str(spec.__struct_config__.tag)


def spec_fields(spec: JobSpec) -> dict[str, Any]:
    """The spec as plain data, its kind first."""
    fields: dict[str, Any] = msgspec.to_builtins(spec)
    return fields


def same_request(one: JobSpec, other: JobSpec) -> bool:
    """Whether two specs ask for the same thing, to the last field."""
    return one == other
