"""Pages of a listing: what nobody looks at is taken out, and nothing else."""

from __future__ import annotations

import pytest

from vae_core.storage.s3_client import trim_page

_ENTRY = (
    b"<Contents><Key>a&lt;StorageClass&gt;.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    b"<ETag>&quot;1f&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
    b"<Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def trimmed(body: bytes) -> bytes:
    answer: dict[str, object] = {"body": body, "status_code": 200}
    trim_page(response_dict=answer, operation_model=None)
    assert answer["status_code"] == 200
    left = answer["body"]
    assert isinstance(left, bytes)
    return left


def test_key_tag_and_size_stay_when_a_page_is_trimmed() -> None:
    page = b"<ListBucketResult><IsTruncated>true</IsTruncated>" + 2 * _ENTRY + b"</ListBucketResult>"
    entry = b"<Contents><Key>a&lt;StorageClass&gt;.jpg</Key><ETag>&quot;1f&quot;</ETag><Size>12</Size></Contents>"
    assert trimmed(page) == b"<ListBucketResult><IsTruncated>true</IsTruncated>" + 2 * entry + b"</ListBucketResult>"


@pytest.mark.parametrize(
    "body", [b"", b"<Error><Code>SlowDown</Code></Error>", b"\xff<LastModified>", b"<Size/></Size>"]
)
def test_body_stays_when_it_is_no_page(body: bytes) -> None:
    assert trimmed(body) == body
