"""`vaejob interpolate`."""

from __future__ import annotations

from typing import Any

import click

from producer.asking import submit_job, submit_options
from producer.params import OneOf, WholeNumber, refuse_together
from producer.request import point_address
from producer.session import Session, pass_session
from vae_core.errors import InvalidValue
from vae_core.jobs.points import MAX_SEED
from vae_core.jobs.spec import (
    FITS,
    MAX_FPS,
    MAX_PAIRS,
    MAX_SIDE,
    MAX_STEPS,
    METHODS,
    MIN_STEPS,
    USUAL_STEPS,
    InterpolateSpec,
)


@click.command("interpolate")
@click.argument("points", nargs=-1, metavar="[A B ...]")
@click.option("--pairs", type=WholeNumber(1, MAX_PAIRS), help="Instead of points: so many random pairs, a row each.")
@click.option("--seed", type=WholeNumber(0, MAX_SEED), help="Of the pairs. [default: from the job's id]")
@click.option("--corners", is_flag=True, help="Take four points as the corners of a grid.")
@click.option("--rows", type=WholeNumber(2, MAX_SIDE), help=f"Of the grid. [default: {USUAL_STEPS}]")
@click.option("--cols", "columns", type=WholeNumber(2, MAX_SIDE), help=f"Of the grid. [default: {USUAL_STEPS}]")
@click.option(
    "--steps",
    type=WholeNumber(MIN_STEPS, MAX_STEPS),
    help=f"Frames between points, both counted. [default: {USUAL_STEPS}]",
)
@click.option("--loop", is_flag=True, help="Go on from the last point to the first.")
@click.option(
    "--method",
    type=OneOf(METHODS),
    default=METHODS[0],
    show_default=True,
    help="Along arcs or lines; auto: arcs between generated points, lines where an image is among them.",
)
@click.option(
    "--fps", type=WholeNumber(1, MAX_FPS), default=12, show_default=True, help="Frames a second of the animation."
)
@click.option("--fit", type=OneOf(FITS), default="pad", show_default=True, help="How an image becomes square.")
@submit_options
@pass_session
def interpolate_command(
    session: Session,
    /,
    points: tuple[str, ...],
    pairs: int | None,
    seed: int | None,
    corners: bool,
    rows: int | None,
    columns: int | None,
    steps: int | None,
    loop: bool,
    method: str,
    fps: int,
    fit: str,
    output: dict[str, Any],
    **options: Any,
) -> int:
    """Walk through latent space, and make an animation of it.

    A, B, ... are images (s3://bucket/key, file:///path, or a path on this machine) or `seed:7/12`, which is image 12
    of seed 7.
    """
    refuse_together(pairs=pairs is not None, corners=corners)
    refuse_together(steps=steps is not None, corners=corners)
    if not corners and (rows is not None or columns is not None):
        raise InvalidValue("--rows and --cols are the sides of a grid: give --corners and four points as well")
    if pairs is None and seed is not None:
        raise InvalidValue("--seed draws the points of --pairs: give --pairs as well, or write points as seed:7/12")
    addresses = tuple(point_address(point, session.settings) for point in points)

    def spec_of(default_seed: int) -> InterpolateSpec:
        drawn = default_seed if seed is None else seed
        return InterpolateSpec(
            points=addresses,
            pairs=pairs,
            seed=drawn if pairs is not None else None,
            rows=(rows or USUAL_STEPS) if corners else None,
            columns=(columns or USUAL_STEPS) if corners else None,
            steps=steps or USUAL_STEPS,
            loop=loop,
            method=method,
            fps=fps,
            fit=fit,
            **output,
        )

    return submit_job(session, spec_of, seed_drawn=pairs is not None and seed is None, **options)
