"""moto's server, but with puts of S3 as S3 has them: `python -m tests.servers.atomic_moto`, options as `moto.server`.

moto looks for the object and puts it in two steps, so that of several at the same moment two can be told that theirs is
the first.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from moto import server

_ONE_AT_A_TIME = threading.Lock()


class AtomicPuts(server.DomainDispatcherApplication):
    """Works off one PUT at a time."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with _ONE_AT_A_TIME if environ["REQUEST_METHOD"] == "PUT" else nullcontext():
            answer: Iterable[bytes] = super().__call__(environ, start_response)
            return answer


if __name__ == "__main__":
    server.DomainDispatcherApplication = AtomicPuts  # type: ignore[misc]  # what `main` serves
    server.main(sys.argv[1:])
