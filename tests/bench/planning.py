"""How long a control worker takes to plan a job of very many inputs, and in how much memory.

`python -m tests.bench.planning`: once from a folder, once from an S3 server that only lists.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import psutil

from producer.calling import call_workers
from producer.hints import Hints
from producer.request import make_job
from tests.bench.memory import peak_mb
from tests.bench.report import Figure, Report, machine
from tests.bench.site import FILE, site
from tests.fleet import wait_for
from vae_core.documents import load_plan
from vae_core.jobs.channels import PLAN_TASK
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import ReconstructSpec
from vae_core.submission import submit

_MILLION_S, _MOST_MB = 60.0, 300.0
_LONGEST_S = 1800.0
_IN_A_FOLDER = 1000


@contextmanager
def _listing(count: int) -> Iterator[str]:
    """Endpoint of a server that lists so many keys."""
    command = [sys.executable, "-m", "tests.bench.endless", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def _fill(folder: Path, count: int) -> None:
    """Empty files: only their names are looked at."""
    for first in range(0, count, _IN_A_FOLDER):
        below = folder / f"{first // _IN_A_FOLDER:06d}"
        below.mkdir(parents=True)
        for number in range(first, min(first + _IN_A_FOLDER, count)):
            os.close(os.open(below / f"{number:09d}.jpg", os.O_CREAT | os.O_WRONLY))


def _plan(folder: Path, source: str, count: int, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds from the submission to the plan, and the peak memory of the control worker in MB."""
    with site(FILE, folder, 1) as at:
        at.fleet.environment.update({**environment, "VAEJOB_SOURCES": source})
        worker = at.fleet.start_worker("control")
        settings = at.fleet.settings
        job = make_job(lambda _seed: ReconstructSpec(source=source), None, datetime.now(UTC))
        began = time.perf_counter()
        submit(at.store, job)
        call_workers(Hints(settings), settings, at.store.url, PLAN_TASK, job)
        wait_for("a plan", lambda: at.store.stat(JobKeys(job.job_id).plan), _LONGEST_S)
        seconds = time.perf_counter() - began
        plan = load_plan(at.store, job.job_id)
        assert plan is not None and plan.items == count, f"the plan has other inputs than there are: {plan}"
        return seconds, peak_mb(psutil.Process(worker.process.pid))


@click.command(context_settings={"show_default": True})
@click.option("--keys", "count", type=click.IntRange(1), default=1_000_000, help="Inputs of the job.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(count: int, json_file: Path | None) -> None:
    """Plan a job of many inputs. The status is 1 when it takes longer, or more memory, than is wanted of a million."""
    report = Report(click.echo)
    for what, value in machine().items():
        click.echo(f"{what}: {value}")
    folder = Path(tempfile.mkdtemp(prefix="planning-"))
    try:
        _fill(folder / "cars", count)
        _told(report, "a folder", count, *_plan(_made(folder / "file"), f"file://{folder}/cars", count, {}))
        with _listing(count) as endpoint:
            access = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
            keys = {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything"}
            _told(report, "S3", count, *_plan(_made(folder / "s3"), "s3://endless/cars/", count, {**access, **keys}))
    finally:
        shutil.rmtree(folder)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_data(), indent=2) + "\n")
    if report.missed:
        sys.exit(1)


def _told(report: Report, what: str, count: int, seconds: float, megabytes: float) -> None:
    report.head(f"{count:,} keys of {what}")
    report.add(Figure("submitted to planned", seconds, "s", most=_MILLION_S))
    report.add(Figure("peak memory of the control worker", megabytes, "MB", most=_MOST_MB))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
