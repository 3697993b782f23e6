"""`vaejob fetch`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from producer import exits
from producer.display import make_bar
from producer.fetching import Fetcher, check_folder
from producer.lookup import find_job
from producer.output import counted, emit_json, note, say
from producer.params import job_argument, json_option
from producer.results import documents, outputs, side_files
from producer.session import Session, pass_session
from producer.status import JobReader
from vae_core.errors import InvalidValue
from vae_core.jobs.layout import JobKeys


@click.command("fetch")
@job_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder to write to. [default: ./JOB]")
@json_option
@pass_session
def fetch_command(session: Session, job: str, folder: Path | None, as_json: bool) -> int:
    """Download the results of JOB, each checked against its SHA-256.

    Files that are there already and match are kept, so a fetch that was broken off goes on where it was. The exit code
    is that of the job's end, as with `watch`; of a job that still runs, what is committed is fetched.
    """
    found = find_job(session.store, job)
    reader = JobReader(session.store, found)
    status = reader.read(None)
    if folder is not None and not folder.name:
        raise InvalidValue("--to names no folder: name one, such as ./results")
    target = (folder or Path(found.job_id)).expanduser().absolute()
    check_folder(target)
    keys = JobKeys(found.job_id)
    fetcher = Fetcher(session.store, keys, target, session.settings.io_threads)
    total = None if found.spec.shards else status.done
    with make_bar(total=total, desc="fetching", unit=" files", disable=not sys.stderr.isatty()) as bar:
        fetcher.fetch(outputs(session.store, keys, reader.end), bar.update)
        fetcher.fetch(side_files(session.store, keys), bar.update if found.spec.shards else lambda: None)
    if reader.end is not None:
        fetcher.fetch(documents(reader.end), lambda: None)
    else:
        note(f"job {found.job_id} is {status.state}: fetched what is committed so far; fetch again once it has ended")
    fetcher.check()
    if as_json:
        emit_json({"job_id": found.job_id, "state": status.state, "folder": str(target), "files": fetcher.fetched})
    else:
        done = fetcher.fetched
        say(f"{counted(done.written, 'file')} fetched, {done.kept:,} there already, in {target}")
    return exits.code_of_end(reader.end) if reader.end else exits.DONE
