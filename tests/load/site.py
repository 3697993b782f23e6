"""Where a load program runs: a store, a Redis and real machines, with the settings that users have by default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.chaos.jobs import write_inputs
from tests.chaos.machines import Machine
from tests.checkpoints import write_tiny_checkpoint
from tests.fleet import Fleet, wait_for
from tests.load.orders import INPUTS, Order, all_orders
from tests.servers.redis import RedisServer
from tests.servers.s3 import MotoServer, RcloneServer, S3Server
from vae_core.documents import load_end
from vae_core.jobs.channels import Channels
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

FILE, MOTO, RCLONE = "file", "moto", "rclone"
STORES = (FILE, MOTO, RCLONE)
_INPUTS_FOLDER = "cars/"
WARM_UP = "warm-up"
_FIRST_JOB_S = 180.0
_LOADED = " worker.engines: checkpoint "
# What `Fleet` shortens for other tests; an empty variable counts as unset.
_USUAL = {"VAEJOB_LEASE_S": "", "VAEJOB_MARK_S": "", "VAEJOB_RECONCILE_S": ""}


class Site:
    """One home, one store, one Redis and one set of settings for all processes.

    store: for the program itself. orders: jobs whose inputs are there.
    """

    def __init__(self, fleet: Fleet, store: Store, source: Store, redis_server: RedisServer | None) -> None:
        self.fleet = fleet
        self.store = store
        self.channels = Channels(fleet.settings.queue)
        self.machines: list[Machine] = []
        self._redis_server = redis_server
        write_inputs(source, INPUTS)
        files = sum(1 for _ in source.list(_INPUTS_FOLDER))
        self.orders: tuple[Order, ...] = all_orders(f"{source.url}/{_INPUTS_FOLDER}", files - INPUTS)

    @property
    def redis_url(self) -> str:
        return self.fleet.settings.broker_url

    @property
    def redis_pid(self) -> int:
        """Of the Redis of its own, or of the embedded one, which a machine has started."""
        if self._redis_server is not None:
            return self._redis_server.pid
        return int(self.fleet.settings.redis_socket.with_name("redis.pid").read_text())

    def start_machines(self, count: int) -> None:
        """Returns once all of them are at work."""
        for number in range(count):
            self.machines.append(Machine(f"machine-{number}", self.fleet.environment, self.fleet.folder))
        for machine in self.machines:
            machine.start()
        for machine in self.machines:
            machine.wait_until_ready()

    def warm_up(self) -> None:
        """Has every machine load the model, for a job of the id WARM_UP."""
        parts = 8 * len(self.machines)
        self.fleet.vaejob("sample", "--n", str(parts), "--part-size", "1", "--job-id", WARM_UP)
        wait_for("the end of the first job", lambda: load_end(self.store, WARM_UP), _FIRST_JOB_S)
        for machine in self.machines:
            wait_for("a loaded model", partial(_has_loaded, machine.log_file))

    def end(self) -> None:
        for machine in self.machines:
            machine.end()
        self.fleet.end()


@contextmanager
def site(kind: str, folder: Path, *, embedded: bool = False, **settings: str) -> Iterator[Site]:
    """A site without machines yet; no process is left at its end.

    kind: one of STORES. folder: exists, and keeps logs and whatever is stored in a folder. embedded: the machines bring
    their Redis. settings: further variables.
    """
    with ExitStack() as stack:
        server = None if kind == FILE else _server(kind, folder, stack)
        where, source_url = _addresses(folder, server)
        redis_server = None if embedded else _redis(folder, stack)
        checkpoint = folder / "tiny.safetensors"
        write_tiny_checkpoint(checkpoint)
        redis_address = redis_server.env if redis_server is not None else {}
        fixed = {"VAEJOB_CHECKPOINT": str(checkpoint), "VAEJOB_SOURCES": source_url, "VAEJOB_QUEUE": "load"}
        fleet = Fleet(folder, {**_USUAL, **fixed, **where, **redis_address, **settings})
        options = server.options if server is not None else None
        store, source = (open_store(url, s3=options) for url in (where["VAEJOB_STORE"], source_url))
        found = Site(fleet, store, source, redis_server)
        stack.callback(found.end)
        yield found


def _has_loaded(log_file: Path) -> bool:
    return _LOADED in log_file.read_text(errors="replace")


def _server(kind: str, folder: Path, stack: ExitStack) -> S3Server:
    (folder / "server").mkdir()
    server: S3Server = (RcloneServer if kind == RCLONE else MotoServer)(folder / "server")
    stack.callback(server.kill)
    server.start()
    return server


def _redis(folder: Path, stack: ExitStack) -> RedisServer:
    (folder / "redis").mkdir()
    server = RedisServer(folder / "redis")
    stack.callback(server.kill)
    server.start()
    return server


def _addresses(folder: Path, server: S3Server | None) -> tuple[Mapping[str, str], str]:
    """The variables that name the store, and the address of the inputs."""
    if server is None:
        return {"VAEJOB_STORE": f"file://{folder}/store"}, f"file://{folder}/source"
    return {**server.env, "VAEJOB_STORE": f"s3://{server.make_bucket()}/results"}, f"s3://{server.make_bucket()}"
