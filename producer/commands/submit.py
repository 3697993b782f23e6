"""`vaejob sample` and `vaejob reconstruct`."""

from __future__ import annotations

from typing import Any

import click

from producer.asking import submit_job, submit_options
from producer.key_list import read_key_list
from producer.params import Number, OneOf, WholeNumber
from producer.request import source_and_glob
from producer.session import Session, pass_session
from vae_core.errors import InvalidValue
from vae_core.jobs.checks import shown
from vae_core.jobs.indices import Indices
from vae_core.jobs.points import MAX_SEED
from vae_core.jobs.spec import (
    FITS,
    MAX_ITEMS,
    MAX_NOISE,
    MAX_TEMPERATURE,
    PRIORS,
    ReconstructSpec,
    SampleSpec,
)


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
@submit_options
@pass_session
def sample_command(
    session: Session,
    /,
    n: int | None,
    indices: str | None,
    seed: int | None,
    temperature: float,
    prior: str,
    output: dict[str, Any],
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
            **output,
        )

    return submit_job(session, spec_of, seed_drawn=seed is None, **options)


@click.command("reconstruct")
@click.argument("source", required=False)
@click.option("--from-manifest", "manifest", metavar="FILE|URI", help="A list of keys below SOURCE, or of addresses.")
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
@submit_options
@pass_session
def reconstruct_command(
    session: Session,
    /,
    source: str | None,
    manifest: str | None,
    pattern: str | None,
    limit: int | None,
    fit: str,
    noise: float,
    max_failure_rate: float,
    output: dict[str, Any],
    **options: Any,
) -> int:
    """Encode and decode every image of SOURCE.

    SOURCE is s3://bucket/prefix, file:///folder or a path on this machine, or a glob such as 's3://bucket/**/*.jpg'.
    With --from-manifest the inputs are those of a list instead, one a line: keys below SOURCE, or without it whole
    addresses or paths; `-` reads it from stdin.
    """
    url, glob = (None, None) if source is None else source_and_glob(source, session.settings)
    key_list = None
    if manifest is not None:
        if glob is not None:
            raise InvalidValue(
                f"SOURCE {shown(source)!r} is a glob, which --from-manifest takes no part of: give a prefix"
            )
        key_list = read_key_list(manifest, url, session.settings)
        url = key_list.source
    spec = ReconstructSpec(
        source=url,
        glob=glob,
        keys_sha256=None if key_list is None else key_list.sha256,
        pattern=pattern,
        limit=limit,
        fit=fit,
        noise=noise,
        max_failure_rate=max_failure_rate,
        **output,
    )
    return submit_job(session, lambda _seed: spec, seed_drawn=False, key_list=key_list, **options)
