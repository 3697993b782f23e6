"""Where jobs and their inputs lie in a run: a folder on a small disk of its own, or a bucket behind a stormy proxy."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from tests.servers.s3 import MotoServer, RcloneServer, S3Server
from tests.servers.stormy import StormyServer, stormy
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

FILE, MOTO, RCLONE, PLAIN = "file", "moto", "rclone", "plain"
STORES = (FILE, MOTO, RCLONE, PLAIN)
DISK_MIB = 768
_BLOCK_BYTES = 2**20


class Ground(ABC):
    """What every kind of store has.

    environment: how the fleet reaches it. store, source: the same, and where the inputs are, for the suite itself, past
    all proxies. source_url: what a job names. storms: the proxy in front, None where there is none.
    """

    def __init__(self, kind: str, environment: Mapping[str, str], store: Store, source: Store, source_url: str) -> None:
        self.kind = kind
        self.environment = environment
        self.store = store
        self.source = source
        self.source_url = source_url
        self.storms: StormyServer | None = None

    def calm(self) -> None:
        """Ends whatever fault of the store goes on."""
        if self.storms is not None:
            self.storms.calm()

    @abstractmethod
    def left_over(self) -> Sequence[str]:
        """Temporary files, or uploads that were never completed."""


class FolderGround(Ground):
    """A folder on a file system of its own, if one can be mounted; `why_no_disk` says why not."""

    def __init__(self, folder: Path, why_no_disk: str) -> None:
        self.disk = folder / "disk"
        self.why_no_disk = why_no_disk
        url, source_url = f"file://{self.disk}/store", f"file://{folder}/source"
        environment = {"VAEJOB_STORE": url, "VAEJOB_SOURCES": source_url}
        super().__init__(FILE, environment, open_store(url), open_store(source_url), source_url)

    @property
    def _ballast(self) -> Path:
        return self.disk / "ballast"

    def fill(self) -> int:
        """Takes all the room that is left on the disk, to the last byte; how much that was."""
        if self.why_no_disk:
            raise RuntimeError(self.why_no_disk)
        taken = 0
        with suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:  # until it is refused
            while written := ballast.write(bytes(_BLOCK_BYTES)):
                taken += written
        return taken

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def calm(self) -> None:
        self.free()

    def left_over(self) -> Sequence[str]:
        temporary = self.disk / "store" / ".tmp"
        found = temporary.iterdir() if temporary.exists() else iter(())
        return sorted(str(path) for path in found if path.name != "create.lock")


class BucketGround(Ground):
    """A bucket on a real S3 server, reached by the fleet through a proxy."""

    def __init__(self, kind: str, server: S3Server, proxy: StormyServer) -> None:
        source_url, url = f"s3://{server.make_bucket()}", f"s3://{server.make_bucket()}/a prefix"
        self._bucket = url.removeprefix("s3://").partition("/")[0]
        self._server = server
        options = server.options
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=options.endpoint_url,
            region_name=options.region,
            aws_access_key_id=options.access_key_id,
            aws_secret_access_key=options.secret_access_key,
        )
        environment = {
            **server.env,
            "AWS_ENDPOINT_URL": proxy.url,
            "VAEJOB_STORE": url,
            "VAEJOB_SOURCES": source_url,
        }
        store, source = (open_store(where, s3=server.options) for where in (url, source_url))
        super().__init__(kind, environment, store, source, source_url)
        self.storms = proxy

    def left_over(self) -> Sequence[str]:
        try:
            answer = self._client.list_multipart_uploads(Bucket=self._bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 501):
                raise
            return self._partial_files()  # this server has no such list
        return [upload["Key"] for upload in answer.get("Uploads", [])]

    def _partial_files(self) -> Sequence[str]:
        """Files that rclone has not put in their place yet."""
        server = self._server
        return sorted(map(str, server.data.rglob("*.partial"))) if isinstance(server, RcloneServer) else []


@contextmanager
def ground(kind: str, folder: Path, seed: int) -> Iterator[Ground]:
    """One of STORES, with its server where it needs one; all of it goes at the end."""
    with ExitStack() as stack:
        if kind == FILE:
            why_no_disk = stack.enter_context(_small_disk(folder / "disk"))
            yield FolderGround(folder, why_no_disk)
            return
        (folder / "server").mkdir()
        server: S3Server = (RcloneServer if kind == RCLONE else MotoServer)(folder / "server")
        stack.callback(server.kill)
        server.start()
        proxy = stack.enter_context(stormy(server.port, conditional_puts=kind != PLAIN, seed=seed))
        yield BucketGround(kind, server, proxy)


@contextmanager
def _small_disk(at: Path) -> Iterator[str]:
    """Mounts a file system of DISK_MIB in memory, which takes root; gives "" or, where that is refused, why."""
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "chaos", str(at)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        refusal = done.stderr.strip() or f"status {done.returncode}" if done.returncode else ""
    except OSError as error:
        refusal = str(error)
    if refusal:
        yield f"no disk of its own: {refusal}"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
