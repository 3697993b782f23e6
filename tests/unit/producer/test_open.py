"""`vaejob open`: which jobs it shows, how it starts and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.fleet import BIN, wait_for
from tests.servers.process import interruptible
from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob
from vae_core.jobs.layout import JobKeys
from vae_core.storage.base import Store


def refused(vaejob: Vaejob, *args: str) -> str:
    outcome = vaejob("open", *args)
    assert outcome.code == 2
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) == 1
    return outcome.err


def test_job_is_refused_when_it_has_not_ended(vaejob: Vaejob, store: Store) -> None:
    work.plan(store, work.accept(store, work.make_job("early")))
    said = refused(vaejob, "early")
    assert "job early is running" in said
    assert "vaejob watch early" in said


def test_job_is_refused_when_it_failed_before_it_had_a_page(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "bare", state="failed")
    store.delete([JobKeys("bare").page])
    said = refused(vaejob, "bare")
    assert "job bare is failed and has no page" in said
    assert "vaejob status bare" in said


def test_job_is_refused_when_there_is_none(vaejob: Vaejob) -> None:
    assert "there is no job 'x'" in refused(vaejob, "x")


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_port_is_refused_when_it_is_none(vaejob: Vaejob, port: str) -> None:
    assert "--port" in refused(vaejob, "latest", "--port", port)


def test_port_is_refused_when_it_is_taken(vaejob: Vaejob, store: Store) -> None:
    work.whole_job(store, "whole")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--port {port} cannot be had: address already in use" in refused(vaejob, "whole", "--port", str(port))


class Opened:
    """`vaejob open` as a process; `browser.txt` in its folder is what a browser was started with."""

    def __init__(self, home: Path, *args: str) -> None:
        self.started_with = home.parent / "browser.txt"
        browser = home.parent / "browser"
        browser.write_text(
            f'#!/bin/sh\necho "$@" > {self.started_with}.new\nmv {self.started_with}.new {self.started_with}\n'
        )
        browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
        self.process = subprocess.Popen(
            [BIN / "vaejob", "open", *args],
            env={**os.environ, "VAEJOB_HOME": str(home), "BROWSER": f"{browser} %s"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def interrupt(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def whole(store: Store, home: Path) -> Path:
    work.whole_job(store, "whole")
    return home


def test_page_is_served_and_the_browser_started_when_a_job_is_opened(whole: Path) -> None:
    opened = Opened(whole, "whole")
    try:
        url = opened.line().strip()
        with urlopen(url, timeout=10) as answer:
            assert answer.read() == b"<p>"
        wait_for("the browser", opened.started_with.exists, 20)
        assert opened.started_with.read_text().strip() == url
        assert opened.interrupt() == (0, "", "")
    finally:
        opened.process.kill()
        opened.process.communicate()


def test_no_browser_is_started_when_that_is_asked_for(whole: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    opened = Opened(whole, "latest", "--no-browser", "--json", "--port", str(port))
    try:
        assert opened.process.stdout is not None
        said = "".join(opened.line() for _ in range(4))
        assert json.loads(said) == {"job_id": "whole", "url": f"http://127.0.0.1:{port}/"}
        assert opened.interrupt() == (0, "", "")
        assert not opened.started_with.exists()
    finally:
        opened.process.kill()
        opened.process.communicate()
