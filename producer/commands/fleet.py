"""`vaejob workers` and `vaejob doctor`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from producer import exits
from producer.fleet import absence
from producer.output import age_of, duration, emit_json, emit_table, note, say
from producer.params import json_option
from producer.session import Session, pass_session
from vae_core.jobs.waiting import Waiting


@click.command("workers")
@json_option
@pass_session
def workers_command(session: Session, as_json: bool) -> int:
    """List the living workers, and how many messages wait for each role and how long the oldest has."""
    workers, queues = session.hints.workers(), session.hints.queues()
    if as_json:
        emit_json({"redis": session.hints.address, "workers": workers, "queues": queues})
        return exits.DONE
    if workers:
        header = ("ROLE", "HOST", "PID", "DEVICE", "PROC", "STORE", "VERSION", "UP")
        now = datetime.now(UTC)
        rows = [
            (
                worker.role,
                worker.host,
                str(worker.pid),
                worker.device or "-",
                str(worker.processes),
                worker.store,
                worker.code_version,
                age_of(worker.started_at, now),
            )
            for worker in workers
        ]
        emit_table(header, rows, may_cut=("HOST", "DEVICE", "STORE"))
    missing = absence(session.hints, session.settings, session.store.url)
    if missing is not None:
        note(missing)
    say("queues: " + "; ".join(_waiting_text(role, waiting) for role, waiting in queues.items()))
    return exits.DONE


def _waiting_text(role: str, waiting: Waiting) -> str:
    text = f"{waiting.waiting:,} waiting for {role}"
    if not waiting.waiting:
        return text
    since = "an unknown time" if waiting.oldest_s is None else duration(waiting.oldest_s)
    return f"{text}, the oldest for {since}"


@click.command("doctor")
@json_option
@pass_session
def doctor_command(session: Session, as_json: bool) -> int:
    """Check Redis, store, workers, device and checkpoint, each with its remedy.

    The exit code is 0 only when all is well, a living worker of each role included; 4 when the store cannot be used.
    """
    from producer.doctor import examine

    checks = []
    for check in examine(session.settings, session.unknown_variables, lambda: session.store, session.hints):
        checks.append(check)
        if not as_json:
            say(f"{_mark(check.ok)} {check.name}: {check.found}" + (f" -> {check.remedy}" if check.remedy else ""))
    all_well = all(check.ok for check in checks)
    if as_json:
        emit_json({"ok": all_well, "checks": checks})
    if any(check.name == "store" and not check.ok for check in checks):
        return exits.STORE
    return exits.DONE if all_well else exits.FAILED


def _mark(ok: bool) -> str:
    try:
        "✓✗".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "ok " if ok else "BAD"
    return "✓" if ok else "✗"
