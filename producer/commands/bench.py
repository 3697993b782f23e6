"""`vaejob bench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from producer import exits
from producer.benching import JobTimer, shares, spread
from producer.fleet import absence, serves
from producer.output import counted, emit_json, emit_table, note, say
from producer.params import WholeNumber, json_option
from producer.removal import Remover
from producer.request import source_and_glob
from producer.session import Session, pass_session
from vae_core.errors import InvalidValue, VaejobError
from vae_core.jobs.channels import PARTS_ROLE
from vae_core.jobs.layout import sample_name
from vae_core.jobs.spec import JobSpec, ReconstructSpec, SampleSpec

MOST_RUNS = 100
MOST_IMAGES = 1_000_000
LONGEST_S = 3600.0
_SHORT_JOBS = 5  # of one image, for each run
_REMOVAL_S = 60.0
_SHOWN_SHARE = 0.005


@click.command("bench")
@click.option("--n", type=WholeNumber(1, MOST_IMAGES), default=500, show_default=True, help="Images in a job.")
@click.option("--runs", type=WholeNumber(1, MOST_RUNS), default=5, show_default=True, help="Jobs; their median counts.")
@click.option("--source", metavar="SOURCE", help="Reconstruct what is there as well.")
@click.option("--keep", is_flag=True, help="Leave the jobs in the store.")
@json_option
@pass_session
def bench_command(session: Session, n: int, runs: int, source: str | None, keep: bool, as_json: bool) -> int:
    """Measure the workers that are up, by jobs that are removed again.

    Images a second are of whole jobs, from the call that submits one to its end, on all workers together, and beside
    whatever else they do. The shares say in which stage the time of their threads goes.
    """
    missing = absence(session.hints, session.settings, session.store.url)
    if missing is not None:
        raise InvalidValue(f"bench measures workers: {missing}")
    done: list[str] = []
    timer = JobTimer(session.store, session.hints, session.settings, longest_s=LONGEST_S, on_job=done.append)
    try:
        found = _measured(session, timer, n, runs, source)
    finally:
        if not keep:
            _remove(session, done)
    if as_json:
        emit_json(found)
    else:
        _show(found)
    return exits.DONE


def _measured(session: Session, timer: JobTimer, n: int, runs: int, source: str | None) -> dict[str, Any]:
    stores = (session.store.url, session.settings.store)
    serving = [worker for worker in session.hints.workers() if worker.role == PARTS_ROLE and serves(worker, stores)]
    devices = [{"host": worker.host, "device": worker.device, "processes": worker.processes} for worker in serving]
    processes = sum(worker.processes for worker in serving)
    timer.run(SampleSpec(n=max(1, 8 * processes), seed=0, part_size=1))  # each loads its model, if it has not yet
    note(
        f"measuring {counted(len(devices), 'worker')}: {counted(runs, 'job')} of {counted(n, 'image')}, and short ones"
    )
    first = sample_name(0, "png")
    short = [timer.run(SampleSpec(n=1, seed=run), first=first) for run in range(_SHORT_JOBS * runs)]
    kinds: dict[str, Any] = {"sample": _of_kind(timer, runs, lambda run: SampleSpec(n=n, seed=run))}
    if source is not None:
        url, glob = source_and_glob(source, session.settings)
        kinds["reconstruct"] = _of_kind(timer, runs, lambda _run: ReconstructSpec(source=url, glob=glob))
    return {
        "store": session.store.url,
        "workers": devices,
        "submit_s": spread([job.submit_s for job in short]),
        "first_image_s": spread([job.first_s for job in short if job.first_s is not None]),
        "one_image_job_s": spread([job.end_s for job in short]),
        "kinds": kinds,
    }


def _of_kind(timer: JobTimer, runs: int, spec_of: Callable[[int], JobSpec]) -> dict[str, Any]:
    jobs = [timer.run(spec_of(run)) for run in range(runs)]
    return {
        "images": jobs[0].images,
        "images_per_s": spread([job.images_per_s for job in jobs]),
        "shares": {stage: round(share, 3) for stage, share in shares(jobs).items()},
    }


def _remove(session: Session, job_ids: Sequence[str]) -> None:
    """As `vaejob rm` does it; what cannot be removed is named, and left."""
    remover = Remover(
        session.store, session.hints, session.settings, wait_s=_REMOVAL_S, force=False, on_object=lambda: None
    )
    for job_id in job_ids:
        try:
            remover.remove(job_id)
        except VaejobError as error:
            note(f"job {job_id} is left: {error}")


def _show(found: Mapping[str, Any]) -> None:
    for worker in found["workers"]:
        say(f"{worker['host']}: {worker['device']}, {worker['processes']} at a time")
    rows = [
        ("submit, in a process that goes on", *_cells(found["submit_s"], "s")),
        ("one image, submitted to stored", *_cells(found["first_image_s"], "s")),
        ("one image, submitted to ended", *_cells(found["one_image_job_s"], "s")),
    ]
    for kind, told in found["kinds"].items():
        what = f"{kind}, {counted(told['images'], 'image')}, submitted to ended"
        rows.append((what, *_cells(told["images_per_s"], "images/s")))
    emit_table(("WHAT", "MEDIAN", "LEAST", "MOST", "UNIT"), rows, may_cut=("WHAT",))
    for kind, told in found["kinds"].items():
        parts = ", ".join(f"{stage} {share:.0%}" for stage, share in told["shares"].items() if share >= _SHOWN_SHARE)
        say(f"{kind}, the time of the workers' threads: {parts}")


def _cells(figures: Mapping[str, float], unit: str) -> tuple[str, str, str, str]:
    median, least, most = (f"{figures[name]:,.4g}" for name in ("median", "min", "max"))
    return median, least, most, unit
