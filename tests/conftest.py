"""Servers that tests share: started once per session when first asked for, killed at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints import write_tiny_checkpoint
from tests.servers.process import ServerProcess
from tests.servers.redis import RedisServer
from tests.servers.s3 import MotoServer, RcloneServer


def _running(server: ServerProcess) -> Iterator[None]:
    try:
        server.start()
        yield
    finally:
        server.kill()


@pytest.fixture(scope="session")
def s3_moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    """An S3 server that behaves much like AWS, conditional writes included. Use `make_bucket()` for one of your own."""
    server = MotoServer(tmp_path_factory.mktemp("moto"))
    for _ in _running(server):
        yield server


@pytest.fixture(scope="session")
def s3_rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RcloneServer]:
    """An S3 server that checks signatures, ignores If-None-Match, and keeps its objects in a folder (`data`)."""
    server = RcloneServer(tmp_path_factory.mktemp("rclone"))
    for _ in _running(server):
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that the whole session shares: give your keys a prefix or a database of your own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    for _ in _running(server):
        yield server


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained 32-pixel network: as real as any, and quick."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    write_tiny_checkpoint(path)
    return path


@pytest.fixture(scope="session")
def tiny_onnx(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint as `vaecore export --to onnx` writes it."""
    from vae_core.export.exporter import export_checkpoint  # here, as it takes seconds to import

    folder = tmp_path_factory.mktemp("export") / "onnx"
    export_checkpoint(tiny_checkpoint, folder, "onnx", 1e-4)
    return folder
