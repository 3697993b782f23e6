"""What failures of botocore and of servers become."""

from __future__ import annotations

import socket

import pytest
from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from vae_core.errors import StoreError, StoreUnavailable, VaejobError
from vae_core.storage.keys import bucket_key
from vae_core.storage.retry import AskedToWait, CannotConnect
from vae_core.storage.s3_errors import translated

SECRET = "wJalrXUtnFEMI"


def _translated(exc: Exception) -> VaejobError:
    return translated(exc, "s3://b/p: key 'k'", f"http://user:{SECRET}@127.0.0.1:9000")


@pytest.mark.parametrize(
    ("status", "code", "error", "says"),
    [
        (403, "AccessDenied", StoreError, "access denied"),
        (403, "", StoreError, "access denied"),
        (401, "", StoreError, "access denied"),
        (403, "SignatureDoesNotMatch", StoreError, "AWS_SECRET_ACCESS_KEY"),
        (403, "InvalidAccessKeyId", StoreError, "AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", StoreError, "clock"),
        (404, "NoSuchBucket", StoreError, "no such bucket"),
        (400, "ExpiredToken", StoreError, "expired"),
        (400, "AuthorizationHeaderMalformed", StoreError, "AWS_REGION"),
        (301, "PermanentRedirect", StoreError, "AWS_REGION"),
        (400, "", StoreError, "400"),
        (501, "NotImplemented", StoreError, "501"),
        (503, "SlowDown", StoreUnavailable, "503 SlowDown"),
        (503, "", StoreUnavailable, "503"),
        (500, "InternalError", StoreUnavailable, "500"),
        (502, "502", StoreUnavailable, "502"),
        (429, "TooManyRequests", StoreUnavailable, "429"),
        (400, "RequestTimeout", StoreUnavailable, "RequestTimeout"),
        (409, "ConditionalRequestConflict", StoreUnavailable, "409"),
        (200, "InternalError", StoreUnavailable, "InternalError"),
    ],
)
def test_refusal_is_permanent_or_not_when_judged_by_code_and_status(
    status: int, code: str, error: type[VaejobError], says: str
) -> None:
    answer = {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}}
    found = _translated(ClientError(answer, "GetObject"))  # type: ignore[arg-type]
    assert type(found) is error
    assert says in str(found)
    assert SECRET not in str(found)
    assert str(found).startswith("s3://b/p: key 'k'")


def test_refusal_is_understood_when_it_holds_nothing() -> None:
    assert isinstance(_translated(ClientError({}, "GetObject")), StoreError)


def test_wait_is_taken_over_when_the_server_names_one() -> None:
    answer = {"ResponseMetadata": {"HTTPStatusCode": 503, "HTTPHeaders": {"retry-after": "7"}}}
    found = _translated(ClientError(answer, "GetObject"))  # type: ignore[arg-type]
    assert isinstance(found, AskedToWait)
    assert found.wait_s == 7


@pytest.mark.parametrize(
    ("exc", "error"),
    [
        (botocore_errors.EndpointConnectionError(endpoint_url=f"http://u:{SECRET}@h"), CannotConnect),
        (botocore_errors.ConnectTimeoutError(endpoint_url="http://h"), CannotConnect),
        (botocore_errors.ReadTimeoutError(endpoint_url="http://h"), StoreUnavailable),
        (botocore_errors.ConnectionClosedError(endpoint_url="http://h"), StoreUnavailable),
        (botocore_errors.ResponseStreamingError(error="cut"), StoreUnavailable),
        (botocore_errors.IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnavailable),
        (botocore_errors.HTTPClientError(error="?"), StoreUnavailable),
        (botocore_errors.SSLError(endpoint_url="http://h", error="EOF"), StoreUnavailable),
        (botocore_errors.SSLError(endpoint_url="h", error="[SSL: CERTIFICATE_VERIFY_FAILED]"), StoreError),
        (ResponseParserError("not XML"), StoreUnavailable),
        (ConnectionResetError(), StoreUnavailable),
        (socket.gaierror(), StoreUnavailable),
        (botocore_errors.NoCredentialsError(), StoreError),
        (botocore_errors.ProfileNotFound(profile="x"), StoreError),
        (botocore_errors.ParamValidationError(report="bad"), StoreError),
        (botocore_errors.NoRegionError(), StoreError),
    ],
)
def test_failure_without_an_answer_is_permanent_or_not_when_judged_by_kind(
    exc: Exception, error: type[VaejobError]
) -> None:
    found = _translated(exc)
    assert type(found) is error
    assert SECRET not in str(found)
    assert "\n" not in str(found)


def test_key_is_refused_when_it_is_over_the_limit_with_its_prefix() -> None:
    assert len(bucket_key("p/", "k" * 1022, "s3://b/p")) == 1024
    with pytest.raises(StoreError, match="1,025 bytes") as caught:
        bucket_key("p/", "k" * 1023, "s3://b/p")
    assert len(str(caught.value)) < 300
