"""How long somebody waits: for a command, for a submission, for the first image."""

from __future__ import annotations

import subprocess
import time

from producer.benching import TimedJob
from tests.bench.ends import Client
from tests.bench.orders import SAMPLE, spec_of
from tests.bench.site import Site
from tests.fleet import BIN

FIRST_IMAGE = "images/00000000.png"


def command_s(site: Site, *arguments: str) -> float:
    """Seconds of a whole `vaejob` command, start and end of the process included."""
    began = time.perf_counter()
    subprocess.run([BIN / "vaejob", *arguments], env=site.fleet.environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def one_image(client: Client, seed: int) -> TimedJob:
    """A job of one image, by a process that has submitted before, on a worker that has worked before."""
    return client.run(spec_of(SAMPLE, 1, seed, ""), first=FIRST_IMAGE)
