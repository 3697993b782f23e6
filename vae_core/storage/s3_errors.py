"""What a failure of botocore or of an S3 server means, as one of the project's errors.

Only the code and the HTTP status decide: some servers (Ceph) send no message, and a message may repeat what was signed.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from vae_core.errors import StoreError, StoreUnavailable, VaejobError
from vae_core.storage.retry import AskedToWait, CannotConnect

FAILURES = (
    botocore_errors.ClientError,
    botocore_errors.BotoCoreError,
    botocore_errors.HTTPClientError,
    ResponseParserError,
    HTTPError,
    OSError,
)
"""What a call of the client, or reading a body, may raise."""

_NOT_CONNECTED = (
    botocore_errors.EndpointConnectionError,
    botocore_errors.ConnectTimeoutError,
    botocore_errors.ProxyConnectionError,
)
_NO_CREDENTIALS = (
    botocore_errors.NoCredentialsError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.CredentialRetrievalError,
    botocore_errors.TokenRetrievalError,
    botocore_errors.UnauthorizedSSOTokenError,
    botocore_errors.ProfileNotFound,
)
_CUT_OFF = (
    botocore_errors.HTTPClientError,
    botocore_errors.IncompleteReadError,
    botocore_errors.MetadataRetrievalError,
    ResponseParserError,
    HTTPError,  # botocore lets it through where the body of an error is cut off
    OSError,
)
_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "OperationAborted",
        "ConditionalRequestConflict",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
    }
)
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket; make it, or correct the address",
    "AccessDenied": "access denied; allow s3:ListBucket on the bucket and Get, Put and DeleteObject below the prefix",
    "AllAccessDisabled": "access to this bucket is disabled; look at its account",
    "InvalidAccessKeyId": "the server does not know the access key; check AWS_ACCESS_KEY_ID and the endpoint",
    "SignatureDoesNotMatch": "the signature does not match; check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the session token has expired; get a new one",
    "InvalidToken": "the session token is not valid; check AWS_SESSION_TOKEN",
    "RequestTimeTooSkewed": "this machine's clock is wrong; set it",
    "PermanentRedirect": "the bucket is in another region; set AWS_REGION",
    "AuthorizationHeaderMalformed": "the request was signed for another region; set AWS_REGION",
    "InvalidObjectState": "the object is archived; restore it first",
    "InvalidBucketName": "the server does not allow this bucket name; correct the address",
    "QuotaExceeded": "the bucket is full; raise its quota or free some space",
    "KeyTooLongError": "the key is too long; S3 allows 1,024 bytes",
}
_REMEDY_BY_STATUS = {401: "AccessDenied", 403: "AccessDenied"}


class Answer(NamedTuple):
    """How a server refused: S3's error code (some send none: then the status as text), the HTTP status, and after how
    many seconds to come back, 0 if it did not say."""

    code: str
    status: int
    wait_s: float


def answer_of(exc: botocore_errors.ClientError) -> Answer:
    """The parts of a refusal that are safe to branch on; each is there whatever the server left out."""
    meta = exc.response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    asked = str(headers.get("retry-after", ""))
    code = str(exc.response.get("Error", {}).get("Code") or "")
    return Answer(code, int(meta.get("HTTPStatusCode") or 0), float(asked) if asked.isdecimal() else 0.0)


def translated(exc: Exception, what: str, endpoint: str | None) -> VaejobError:
    """The project's error for one of FAILURES.

    what: reads like `s3://bucket/prefix: key 'a/b'`. endpoint: the server's address, None while it is not known.
    """
    if isinstance(exc, botocore_errors.ClientError):
        return _refusal(answer_of(exc), what)
    server = f" at {_without_user(endpoint)}" if endpoint else ""
    kind = type(exc).__name__
    if isinstance(exc, botocore_errors.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(exc):
        return StoreError(
            f"{what}: the server's certificate{server} is not trusted; set AWS_CA_BUNDLE to its authority"
        )
    if isinstance(exc, _NOT_CONNECTED):
        return CannotConnect(
            f"{what}: nothing answers{server} ({kind}); check that the store is up, AWS_ENDPOINT_URL and the network"
        )
    if isinstance(exc, _NO_CREDENTIALS):
        return StoreError(f"{what}: no usable credentials ({kind}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if isinstance(exc, _CUT_OFF):
        return StoreUnavailable(f"{what}: the connection{server} was cut or timed out ({kind}); try again later")
    return StoreError(f"{what}: the S3 client refuses ({kind}); check the address and the AWS_* settings")


def _refusal(answer: Answer, what: str) -> VaejobError:
    shown = str(answer.status) if answer.code in ("", str(answer.status)) else f"{answer.status} {answer.code}"
    transient = answer.status in (408, 409, 429) or (answer.status >= 500 and answer.status != 501)
    if transient or answer.code in _TRANSIENT_CODES:
        message = f"{what}: the store cannot answer now ({shown}); try again later"
        return AskedToWait(message, answer.wait_s) if answer.wait_s else StoreUnavailable(message)
    remedy = _REMEDIES.get(answer.code) or _REMEDIES.get(_REMEDY_BY_STATUS.get(answer.status, ""))
    return StoreError(f"{what}: {remedy or 'the store refuses'} ({shown})")


def _without_user(endpoint: str) -> str:
    """The address without `user:password@`, should someone have put one there."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
