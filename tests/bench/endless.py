"""An S3 server that lists as many keys as it is told to, and knows nothing else: `python -m tests.bench.endless COUNT`.

It prints its port, and answers each page as AWS does, 1,000 keys at a time, from the number that the last one ended at.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_PAGE = 1000
_HEAD = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
_OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{tag:032x}&quot;</ETag>"
    "<Size>20000</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


class Endless(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, count: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.count = count

    def page(self, first: int) -> str:
        """The answer with the keys from number `first` on."""
        behind = min(first + _PAGE, self.count)
        more = behind < self.count
        objects = "".join(_OBJECT.format(key=f"cars/{number:09d}.jpg", tag=number) for number in range(first, behind))
        token = f"<NextContinuationToken>{behind}</NextContinuationToken>" if more else ""
        told = f"<KeyCount>{behind - first}</KeyCount><MaxKeys>{_PAGE}</MaxKeys>"
        name = f"<Name>endless</Name><Prefix>cars/</Prefix>{told}"
        return f"{_HEAD}{name}<IsTruncated>{str(more).lower()}</IsTruncated>{token}{objects}</ListBucketResult>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endless

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        body = self.server.page(int(asked.get("continuation-token", ["0"])[0])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    with Endless(int(sys.argv[1])) as server:
        print(server.server_port, flush=True)  # noqa: T201 - for who started it
        server.serve_forever()
