"""What every kind of job is submitted with, and submitting it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import click

from producer import exits
from producer.key_list import KeyList
from producer.params import OneOf, WholeNumber, json_option, refuse_together, watch_option
from producer.request import SpecOf, check_checkpoint, make_job
from producer.session import Session
from vae_core.jobs.job import PRIORITIES, Priority
from vae_core.jobs.spec import FORMATS, MAX_PART_SIZE

Command = TypeVar("Command", bound=Callable[..., Any])

_OUTPUT_FIELDS = ("format", "quality", "shards", "save_latents", "part_size")


def submit_options(command: Command) -> Command:
    """Options of all kinds: those of the spec arrive as fields of it, `output`; the others are for `submit_job`."""

    @functools.wraps(command)
    def with_output(*args: Any, **options: Any) -> Any:
        output = {field: options.pop(field) for field in _OUTPUT_FIELDS}
        return command(*args, output=output, **options)

    made = cast("Command", with_output)
    options = (
        click.option("--format", type=OneOf(FORMATS), default="png", show_default=True, help="Of the images."),
        click.option("--quality", type=WholeNumber(1, 100), help="Of jpeg and webp. [default: 92 and 90]"),
        click.option("--shards", is_flag=True, help="A tar a part, with a JSON beside each image (WebDataset)."),
        click.option("--save-latents", is_flag=True, help="Leave the latents too, a .npy file a part."),
        click.option("--part-size", type=WholeNumber(1, MAX_PART_SIZE), help="Items in a part; changes no image."),
        click.option(
            "--priority",
            type=OneOf(PRIORITIES),
            default="normal",
            show_default=True,
            help="Parts of a more urgent job begin first; changes no image.",
        ),
        watch_option,
        json_option,
        click.option("--dry-run", is_flag=True, help="Check and show what would be submitted; write nothing."),
        click.option("--job-id", metavar="ID", help="Name the job; the same id and spec is the same job."),
    )
    for option in reversed(options):
        made = option(made)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job that was asked for, and how it is to be submitted.

    seed_drawn: the spec has a seed and the user gave none. key_list: the inputs, where they are not to be listed.
    """

    spec_of: SpecOf
    seed_drawn: bool
    priority: Priority
    watch: bool
    as_json: bool
    dry_run: bool
    job_id: str | None
    key_list: KeyList | None = None


def submit_job(session: Session, spec_of: SpecOf, **options: Any) -> int:
    """Submits the job, or shows what it would be. Returns the exit code. What it refuses leaves nothing behind.

    options: the other fields of Asked.
    """
    asked = Asked(spec_of=spec_of, **options)
    if session.taker is not None:
        session.taker(asked)
        return exits.DONE
    refuse_together(watch=asked.watch, dry_run=asked.dry_run)
    job = make_job(spec_of, asked.job_id, datetime.now(UTC), asked.priority)
    check_checkpoint(session.settings)
    if asked.dry_run:
        from producer.preview import show_preview

        show_preview(
            session.settings,
            job,
            asked.key_list,
            id_drawn=asked.job_id is None,
            seed_drawn=asked.seed_drawn,
            as_json=asked.as_json,
        )
        return exits.DONE
    from producer.acceptance import accept

    return accept(session, job, asked.key_list, watch=asked.watch, as_json=asked.as_json)
