"""The jobs that are measured."""

from __future__ import annotations

from vae_core.jobs.spec import InterpolateSpec, JobSpec, ReconstructSpec, SampleSpec

SAMPLE, RECONSTRUCT, INTERPOLATE = KINDS = ("sample", "reconstruct", "interpolate")
_STEPS = 10


def spec_of(kind: str, count: int, seed: int, source: str) -> JobSpec:
    """One of KINDS with `count` images, a multiple of 10; a reconstruct job has those of the source instead."""
    if kind == SAMPLE:
        return SampleSpec(n=count, seed=seed)
    if kind == INTERPOLATE:
        return InterpolateSpec(pairs=count // _STEPS, steps=_STEPS, seed=seed)
    return ReconstructSpec(source=source)
