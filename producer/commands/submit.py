"""`vaejob sample` and `vaejob reconstruct`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from producer import exits
from producer.params import Number, OneOf, WholeNumber, json_option, refuse_together, watch_option
from producer.request import SpecOf, check_checkpoint, make_job, source_url
from producer.session import Session, pass_session
from vae_core.jobs.indices import Indices
from vae_core.jobs.spec import (
    FITS,
    FORMATS,
    MAX_ITEMS,
    MAX_NOISE,
    MAX_PART_SIZE,
    MAX_SEED,
    MAX_TEMPERATURE,
    PRIORS,
    ReconstructSpec,
    SampleSpec,
)

Command = TypeVar("Command", bound=Callable[..., Any])


def _submit_options(command: Command) -> Command:
    """What every kind of job is submitted with; `--watch` to `--job-id` arrive as keyword arguments of `_submit`."""
    options = (
        click.option(
            "--format", "image_format", type=OneOf(FORMATS), default="png", show_default=True, help="Of the images."
        ),
        click.option("--quality", type=WholeNumber(1, 100), help="Of jpeg and webp. [default: 92 and 90]"),
        click.option("--save-latents", is_flag=True, help="Leave the latents too, a .npy file a part."),
        click.option("--part-size", type=WholeNumber(1, MAX_PART_SIZE), help="Items in a part; changes no image."),
        watch_option,
        json_option,
        click.option("--dry-run", is_flag=True, help="Check and show what would be submitted; write nothing."),
        click.option("--job-id", metavar="ID", help="Name the job; the same id and spec is the same job."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("sample")
@click.option("--n", type=WholeNumber(1, MAX_ITEMS), help="How many images, 1 to 10,000,000.")
@click.option("--indices", metavar="LIST", help="Which images of the seed instead, such as 0-499,777.")
@click.option("--seed", type=WholeNumber(0, MAX_SEED), help="Same seed, same images. [default: from the job's id]")
@click.option(
    "--temperature",
    type=Number(0.0, MAX_TEMPERATURE),
    default=1.0,
    show_default=True,
    help="0 is the most typical, 2 the most varied.",
)
@click.option(
    "--prior",
    type=OneOf(PRIORS),
    default=PRIORS[0],
    show_default=True,
    help="Fitted to the training images, or N(0, I).",
)
@_submit_options
@pass_session
def sample_command(
    session: Session,
    /,
    n: int | None,
    indices: str | None,
    seed: int | None,
    temperature: float,
    prior: str,
    image_format: str,
    quality: int | None,
    save_latents: bool,
    part_size: int | None,
    **options: Any,
) -> int:
    """Draw N new car images from the model, or those of a seed that --indices names."""
    chosen = None if indices is None else str(Indices.parse("--indices", indices))

    def spec_of(default_seed: int) -> SampleSpec:
        return SampleSpec(
            n=n,
            indices=chosen,
            seed=default_seed if seed is None else seed,
            temperature=temperature,
            prior=prior,
            format=image_format,
            quality=quality,
            save_latents=save_latents,
            part_size=part_size,
        )

    return _submit(session, spec_of, seed_drawn=seed is None, **options)


@click.command("reconstruct")
@click.argument("source")
@click.option("--pattern", metavar="GLOB", help="Only keys below SOURCE that match, such as '*.jpg'.")
@click.option("--limit", type=WholeNumber(1, MAX_ITEMS), help="At most so many, the first ones in key order.")
@click.option("--fit", type=OneOf(FITS), default="pad", show_default=True, help="How an image becomes square.")
@click.option(
    "--noise",
    type=Number(0.0, MAX_NOISE),
    default=0.0,
    show_default=True,
    help="Deviation of noise to lay on each image first, of values in [0, 1].",
)
@click.option(
    "--max-failure-rate",
    type=Number(0.0, 1.0),
    default=1.0,
    show_default=True,
    help="Fail the job once listed errors exceed this share.",
)
@_submit_options
@pass_session
def reconstruct_command(
    session: Session,
    /,
    source: str,
    pattern: str | None,
    limit: int | None,
    fit: str,
    noise: float,
    max_failure_rate: float,
    image_format: str,
    quality: int | None,
    save_latents: bool,
    part_size: int | None,
    **options: Any,
) -> int:
    """Encode and decode every image below SOURCE: s3://bucket/prefix, file:///folder, or a path on this machine."""
    spec = ReconstructSpec(
        source=source_url(source, session.settings),
        pattern=pattern,
        limit=limit,
        fit=fit,
        noise=noise,
        max_failure_rate=max_failure_rate,
        format=image_format,
        quality=quality,
        save_latents=save_latents,
        part_size=part_size,
    )
    return _submit(session, lambda _seed: spec, seed_drawn=False, **options)


def _submit(
    session: Session,
    spec_of: SpecOf,
    *,
    seed_drawn: bool,
    watch: bool,
    as_json: bool,
    dry_run: bool,
    job_id: str | None,
) -> int:
    refuse_together(watch=watch, dry_run=dry_run)
    job = make_job(spec_of, job_id, datetime.now(UTC))
    check_checkpoint(session.settings)
    if dry_run:
        from producer.preview import show_preview

        show_preview(session.settings, job, id_drawn=job_id is None, seed_drawn=seed_drawn, as_json=as_json)
        return exits.DONE
    from producer.acceptance import accept

    return accept(session, job, watch=watch, as_json=as_json)
