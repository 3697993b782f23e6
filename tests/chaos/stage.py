"""All processes of a run: Redis behind a proxy, the store, two machines, and who watches them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from tests.chaos.grounds import Ground, ground
from tests.chaos.journal import Journal
from tests.chaos.leases import Claim, LeaseWatch
from tests.chaos.machines import Machine
from tests.checkpoints import write_tiny_checkpoint
from tests.fleet import Fleet
from tests.servers.redis import RedisServer
from tests.servers.tcp_proxy import TcpProxy, proxied
from vae_core.jobs.channels import Channels
from vae_core.jobs.layout import JobKeys

MACHINES = 2
LEASE_S = 3.0
_SETTINGS = {
    "VAEJOB_LEASE_S": f"{LEASE_S:g}",
    "VAEJOB_MARK_S": "8",
    "VAEJOB_RECONCILE_S": "1",
    "VAEJOB_THREADS": "1",
    "VAEJOB_QUEUE": "chaos",
}
_LOOK_S = 0.5


class Stage:
    """What faults are done to. All of it shares one home, one store, one Redis and one set of settings."""

    def __init__(
        self, ground: Ground, redis_server: RedisServer, proxy: TcpProxy, folder: Path, journal: Journal
    ) -> None:
        self.ground = ground
        self.redis_server = redis_server
        self.proxy = proxy
        self.folder = folder
        checkpoint = folder / "tiny.safetensors"
        write_tiny_checkpoint(checkpoint)
        settings = {
            **_SETTINGS,
            **ground.environment,
            "VAEJOB_CHECKPOINT": str(checkpoint),
            "VAEJOB_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0",
        }
        self.fleet = Fleet(folder, settings)
        self.channels = Channels(self.fleet.settings.queue)
        self.machines = [Machine(f"machine-{number}", self.fleet.environment, folder) for number in range(MACHINES)]
        self.journal = journal
        self.leases = LeaseWatch(redis_server.url, self.channels, self._is_settled, journal.note)
        self._stopped = threading.Event()
        self._keeper = threading.Thread(target=self._keep_up, name="keeper", daemon=True)

    @property
    def redis_url(self) -> str:
        """Past the proxy."""
        return self.redis_server.url

    def redis(self) -> redis.Redis:
        """A client of its own, past the proxy; to be closed."""
        return redis.Redis.from_url(self.redis_url, decode_responses=True, socket_timeout=5)

    def start(self) -> None:
        """Returns once all machines are at work."""
        for machine in self.machines:
            machine.start()
        for machine in self.machines:
            machine.wait_until_ready()
        self._keeper.start()
        self.leases.start()

    def end(self) -> None:
        self._stopped.set()
        if self._keeper.is_alive():
            self._keeper.join()
        self.leases.stop()
        for machine in self.machines:
            machine.end()

    def calm(self) -> None:
        """Ends whatever fault of a server goes on."""
        self.proxy.calm()
        self.ground.calm()

    def wait_for_machine(self, number: int, timeout_s: float) -> Machine:
        """That machine once it can work, or whichever can first, should it not be up yet."""
        deadline = time.monotonic() + timeout_s
        preferred = [self.machines[number], *self.machines]
        while time.monotonic() < deadline:
            for machine in preferred:
                if machine.is_up:
                    return machine
            time.sleep(0.1)
        return self.machines[number]

    def wait_for_leased_part(self, timeout_s: float) -> None:
        """Returns as soon as a part is being worked on; not an error if none comes to be."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not any(claim.is_part for claim in self.leases.held):
            time.sleep(0.02)

    def _keep_up(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            for machine in self.machines:
                machine.keep_up()

    def _is_settled(self, claim: Claim) -> bool:
        keys = JobKeys(claim.job_id)
        key = {"plan": keys.plan, "finish": keys.end}.get(claim.what) or keys.part(int(claim.what))
        return self.ground.store.stat(key) is not None


@contextmanager
def stage(kind: str, folder: Path, seed: int, journal: Journal) -> Iterator[Stage]:
    """A stage on one kind of store, started, and with no process left at the end."""
    with ExitStack() as stack:
        place = stack.enter_context(ground(kind, folder, seed))
        (folder / "redis").mkdir()
        redis_server = RedisServer(folder / "redis")
        stack.callback(redis_server.kill)
        redis_server.start()
        proxy = stack.enter_context(proxied(redis_server.port))
        found = Stage(place, redis_server, proxy, folder, journal)
        stack.callback(found.end)
        found.start()
        yield found
