"""An AWS Lambda function that samples and reconstructs images with onnxruntime: no torch."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vae_core.errors import BadImage, InvalidValue, PermanentError, TransientError
from vae_core.export.runtime import ExportedModel
from vae_core.imaging.decoding import decode_fitted
from vae_core.imaging.encoding import CONTENT_TYPES, encode_image
from vae_core.jobs.checks import check_choice, check_float, check_int, shown
from vae_core.jobs.sources import S3, Source, check_allowed, parse_source
from vae_core.jobs.spec import FITS, FORMATS, MAX_ITEMS, MAX_SEED, MAX_TEMPERATURE
from vae_core.settings import read_settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

# Lambda answers with 6 MB at most, headers and the quoting of the body included.
MAX_BODY_BYTES = 6_000_000

# What holds where a variable is not set. Only /tmp can be written in Lambda, and a home folder need not exist; decoding
# 25 million pixels takes 0.4 GB where they are transparent.
DEFAULTS = {"VAEJOB_HOME": "/tmp", "VAEJOB_MAX_INPUT_PIXELS": "25000000"}

# Read and loaded once, while Lambda starts the process; every event after that finds them here.
SETTINGS = read_settings({**DEFAULTS, **os.environ})
MODEL = ExportedModel.open(Path(os.environ.get("VAEJOB_EXPORT") or Path(__file__).with_name("export")))


class _Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action"):
    """What both actions share. format: of the images that come back."""

    format: str = "png"

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)


class Sample(_Event, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sample"):
    """Images `start` to `start + n - 1` of the seed: those that a sample job of this seed and temperature makes."""

    n: int = 1
    seed: int = 0
    start: int = 0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("n", self.n, 1, _max_images())
        check_int("seed", self.seed, 0, MAX_SEED)
        check_int("start", self.start, 0, MAX_ITEMS - 1)
        check_float("temperature", self.temperature, 0.0, MAX_TEMPERATURE)


class Reconstruct(_Event, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reconstruct"):
    """One image encoded and decoded again.

    image: a file's bytes in base64; or else bucket and key name an object. output_key: where in the bucket the result
    is written; left out, it is in the answer. fit: how an image of another shape becomes square.
    """

    image: str | None = None
    bucket: str | None = None
    key: str | None = None
    output_key: str | None = None
    fit: str = "pad"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("fit", self.fit, FITS)
        if (self.image is None) == (self.key is None):
            raise InvalidValue("give either image, a file in base64, or bucket and key, and not both")
        if (self.bucket is None) != (self.key is None and self.output_key is None):
            raise InvalidValue("bucket goes with key or output_key, and they with it")


ACTIONS = ("sample", "reconstruct")


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer one event, given as it is or as the body of an HTTP request: status code, headers and a JSON body.

    200 with the result; 400 with one line saying what is wrong with the event; 503 when S3 does not answer; 500 for a
    fault of this code, whose traceback is then in the log. Nothing is raised: Lambda would only try the event again.
    """
    try:
        return _answer(200, _result(_parsed(event)))
    except PermanentError as error:
        return _answer(400, {"code": error.reason if isinstance(error, BadImage) else error.code, "error": str(error)})
    except TransientError as error:
        return _answer(503, {"code": error.code, "error": str(error)})
    except Exception:  # this event fails, the process goes on with the next
        logging.exception("unexpected error")
        return _answer(500, {"code": "internal", "error": "unexpected error; the function's log shows it"})


def _parsed(event: Any) -> Sample | Reconstruct:
    """The event, or the body of the HTTP request that it is. Raises InvalidValue."""
    if isinstance(event, dict) and "action" not in event and "body" in event:
        event = _body(event["body"], event.get("isBase64Encoded") is True)
    if not isinstance(event, dict) or "action" not in event:
        raise InvalidValue("the event has no action: a JSON object with action sample or reconstruct is expected")
    action = event["action"]
    check_choice("action", action if isinstance(action, str) else shown(action), ACTIONS)
    try:
        parsed: Sample | Reconstruct = msgspec.convert(event, type=Sample | Reconstruct)
    except ValueError as exc:  # msgspec's errors, and a text that is not Unicode
        raise InvalidValue(f"the event is not valid: {shown(str(exc))}") from exc
    return parsed


def _body(text: Any, is_base64: bool) -> Any:
    if not isinstance(text, str) or not text:
        raise InvalidValue("the request has no body: a JSON object with action sample or reconstruct is expected")
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True) if is_base64 else text)
    except (ValueError, RecursionError) as exc:  # msgspec's and base64's errors are ValueErrors
        raise InvalidValue(f"the request's body is not JSON: {exc}") from exc


def _result(event: Sample | Reconstruct) -> dict[str, Any]:
    made = _sample(event) if isinstance(event, Sample) else _reconstruct(event)
    return {"action": event.__struct_config__.tag, "checkpoint": MODEL.checkpoint_sha256, **made}


def _sample(event: Sample) -> dict[str, Any]:
    indices = range(event.start, event.start + event.n)
    pixels = MODEL.decode(MODEL.sample_latents(event.seed, indices, event.temperature))  # (n, S, S, 3)
    files = (_base64(encode_image(image, event.format)) for image in pixels)
    return {"images": [{"index": index, "image": file} for index, file in zip(indices, files, strict=True)]}


def _reconstruct(event: Reconstruct) -> dict[str, Any]:
    # Where the result goes is looked at before the work is done.
    target = None if event.output_key is None else _object(event.bucket, event.output_key)
    pixels = decode_fitted(_input(event), size=MODEL.image_size, fit=event.fit, max_pixels=SETTINGS.max_input_pixels)
    file = encode_image(MODEL.reconstruct(pixels[np.newaxis])[0], event.format)
    if target is None:
        return {"image": _base64(file)}
    _store(target).write(target.path, file, content_type=CONTENT_TYPES[event.format])
    return {"bucket": target.bucket, "key": target.path}


def _input(event: Reconstruct) -> bytes:
    if event.key is not None:
        source = _object(event.bucket, event.key)
        return _store(source).read(source.path, max_bytes=SETTINGS.max_input_bytes).data
    try:
        return base64.b64decode(event.image or "", validate=True)
    except ValueError as exc:
        raise InvalidValue(f"image is not base64: {exc}") from exc


def _object(bucket: str | None, key: str) -> Source:
    """The object, if VAEJOB_SOURCES has it or a prefix of it: who may call must not reach all that this role may."""
    source = parse_source(f"{S3}{bucket}/{key}")
    if not source.path:
        raise InvalidValue("key is empty: the name of an object is expected")
    check_allowed(source, SETTINGS.sources or ())
    return source


def _store(source: Source) -> Store:
    return open_store(f"{S3}{source.bucket}")


def _max_images() -> int:
    """How many images an answer can hold, none of which can be compressed."""
    file_bytes = 3 * MODEL.image_size**2 + MODEL.image_size + 1024
    return int(MAX_BODY_BYTES // (file_bytes * 4 / 3 + 100))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _answer(status: int, content: dict[str, Any]) -> dict[str, Any]:
    body = msgspec.json.encode(content).decode()
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}
