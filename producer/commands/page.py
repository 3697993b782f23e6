"""`vaejob open`."""

from __future__ import annotations

from contextlib import suppress

import click

from producer import exits
from producer.lookup import find_job
from producer.output import emit_json, note, say
from producer.params import WholeNumber, job_argument, json_option
from producer.session import Session, pass_session
from producer.status import JobReader
from vae_core.errors import InvalidValue
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JobKeys

_LAST_PORT = 65_535


@click.command("open")
@job_argument
@click.option("--port", type=WholeNumber(1, _LAST_PORT), help="Of the server. [default: one that is free]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@json_option
@pass_session
def open_command(session: Session, job: str, port: int | None, no_browser: bool, as_json: bool) -> int:
    """Show the page of JOB in the browser.

    A small server on this machine reads what the page needs from the store, with your access to it, and serves nobody
    else; it ends with Ctrl-C. The page of a job is made when the job ends.
    """
    from producer.serving import PageServer

    found = find_job(session.store, job)
    job_id = found.job_id
    _check_page(session, found)
    try:
        server = PageServer(session.store, JobKeys(job_id).root, port or 0)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidValue(f"--port {port or 'any'} cannot be had: {reason}; give another, or none") from error
    with server, suppress(KeyboardInterrupt):  # which is how it is ended
        if as_json:
            emit_json({"job_id": job_id, "url": server.url})
        else:
            say(server.url)
        if not no_browser:
            _start_browser(server.url)
        server.serve_forever()
    return exits.DONE


def _check_page(session: Session, job: Job) -> None:
    """Raises InvalidValue, saying what to do, for a job that has no page."""
    job_id = job.job_id
    reader = JobReader(session.store, job)
    state = reader.read(None).state
    if reader.end is None:
        raise InvalidValue(
            f"job {job_id} is {state}: it has a page once it has ended; `vaejob watch {job_id}` follows it"
        )
    if session.store.stat(JobKeys(job_id).page) is None:
        raise InvalidValue(f"job {job_id} is {state} and has no page; `vaejob status {job_id}` says more")


def _start_browser(url: str) -> None:
    """Opens the address; beside the server, as a browser in the terminal runs until it is left."""
    import threading
    import webbrowser

    def show() -> None:
        if not webbrowser.open(url):
            note(f"no browser could be started: open {url} in one")

    threading.Thread(target=show, daemon=True).start()
