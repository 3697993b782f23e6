"""The small jobs that are submitted again and again, one of each kind."""

from __future__ import annotations

import msgspec

from vae_core.jobs.spec import InterpolateSpec, JobSpec, ReconstructSpec, SampleSpec

INPUTS = 12


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A job to submit under any id, so that all jobs of one order come to the same documents.

    arguments: what `vaejob` is called with for the same spec. items, errors: that are planned, and of these listed.
    """

    name: str
    spec: JobSpec
    arguments: tuple[str, ...]
    items: int
    errors: int = 0


def all_orders(source_url: str, bad_inputs: int) -> tuple[Order, ...]:
    """source_url: holds INPUTS pictures and, besides, so many files that are none."""
    return (
        Order(
            name="sample",
            spec=SampleSpec(n=24, seed=5, part_size=8),
            arguments=("sample", "--n", "24", "--seed", "5", "--part-size", "8"),
            items=24,
        ),
        Order(
            name="remade",
            spec=ReconstructSpec(source=source_url, part_size=7),
            arguments=("reconstruct", source_url, "--part-size", "7"),
            items=INPUTS + bad_inputs,
            errors=bad_inputs,
        ),
        Order(
            name="shards",
            spec=SampleSpec(n=20, seed=6, part_size=10, shards=True),
            arguments=("sample", "--n", "20", "--seed", "6", "--part-size", "10", "--shards"),
            items=20,
        ),
        Order(
            name="walk",
            spec=InterpolateSpec(pairs=2, seed=3, steps=6),
            arguments=("interpolate", "--pairs", "2", "--seed", "3", "--steps", "6"),
            items=12,
        ),
    )


def another_spec(order: Order) -> Order:
    """The same kind of job with another spec: what an id that is taken must be refused for."""
    smaller = msgspec.structs.replace(order.spec, part_size=3)
    return msgspec.structs.replace(order, name=f"{order.name}-other", spec=smaller, arguments=())
