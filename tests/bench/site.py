"""Where the bench runs: the shipped model, a worker, a Redis, and a folder or an S3 server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.inputs import write_pictures
from tests.fleet import Fleet, Worker
from tests.servers.redis import RedisServer
from tests.servers.s3 import RcloneServer
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

FILE, S3 = PLACES = ("file", "s3")


@dataclass
class Site:
    """source: address of the pictures to reconstruct. servers: process ids of whatever keeps the store."""

    fleet: Fleet
    store: Store
    source: str
    servers: tuple[int, ...]
    redis: RedisServer

    def start_worker(self) -> Worker:
        return self.fleet.start_worker()


@contextmanager
def site(place: str, folder: Path, pictures: int) -> Iterator[Site]:
    """No process is left at its end. place: one of PLACES. folder: exists. pictures: how many are in the source."""
    with ExitStack() as stack:
        redis = RedisServer(_made(folder / "redis"))
        stack.callback(redis.kill)
        redis.start()
        usual = {"VAEJOB_LEASE_S": "", "VAEJOB_MARK_S": "", "VAEJOB_RECONCILE_S": ""}  # which Fleet shortens
        if place == FILE:
            source, where, servers = (
                f"file://{_made(folder / 'pictures')}",
                {"VAEJOB_STORE": f"file://{folder}/store"},
                (),
            )
            store, pictures_store = open_store(where["VAEJOB_STORE"]), open_store(source)
        else:
            server = RcloneServer(_made(folder / "rclone"))
            stack.callback(server.kill)
            server.start()
            source, servers = f"s3://{server.make_bucket()}", (server.pid,)
            where = {**server.env, "VAEJOB_STORE": f"s3://{server.make_bucket()}/results"}
            store, pictures_store = (open_store(url, s3=server.options) for url in (where["VAEJOB_STORE"], source))
        write_pictures(pictures_store, pictures)
        fleet = Fleet(folder, {**usual, **where, **redis.env, "VAEJOB_SOURCES": source})
        stack.callback(fleet.end)
        yield Site(fleet, store, source, servers, redis)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
