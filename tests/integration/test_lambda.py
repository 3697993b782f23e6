"""The Lambda function: called with events in a process that has what its zip has, and no torch."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from tests.servers.s3 import MotoServer
from vae_core.imaging.encoding import encode_image
from vae_core.model.engine import Engine
from vae_core.storage.opening import open_store

LAMBDA = Path(__file__).parents[2] / "deploy" / "lambda"
# Only the zip's content, what Lambda itself brings, and the site packages without torch and all that a fleet needs.
DRIVER = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
for name in ("torch", "torchvision", "safetensors", "celery", "kombu", "redis", "onnx"):
    sys.modules[name] = None
import json
from handler import handler
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), None)), flush=True)
"""


class Function:
    """The function as Lambda runs it: one process, event after event."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        command = [sys.executable, "-I", "-S", "-B", "-c", DRIVER, str(folder), sysconfig.get_path("purelib")]
        self._process = subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def call(self, event: Any) -> tuple[int, dict[str, Any]]:
        """Status code and body of the answer. A process that dies is an error of the test, with its last words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        try:
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # told below
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        answer = json.loads(line)
        assert answer["headers"] == {"Content-Type": "application/json"}
        body: dict[str, Any] = json.loads(answer["body"])
        return answer["statusCode"], body

    def refused(self, event: Any) -> tuple[str, str]:
        """Code and text of an answer of status 400, which is all that a bad event gives."""
        status, body = self.call(event)
        assert status == 400, body
        assert body.keys() == {"code", "error"}
        assert len(body["error"].splitlines()) == 1
        return body["code"], body["error"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def building() -> ModuleType:
    """deploy/lambda/build.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("lambda_build", LAMBDA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gathered(building: ModuleType, tiny_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the zip holds beside the packages of requirements.txt."""
    folder = tmp_path_factory.mktemp("lambda")
    building.gather(folder, tiny_onnx)
    return folder


@pytest.fixture(scope="module")
def bucket(s3_moto: MotoServer) -> str:
    return s3_moto.make_bucket()


@pytest.fixture(scope="module")
def function(gathered: Path, s3_moto: MotoServer, bucket: str) -> Iterator[Function]:
    made = Function(gathered, {"PATH": os.environ["PATH"], **s3_moto.env, "VAEJOB_SOURCES": f"s3://{bucket}/cars/"})
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu", batch_size=8)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def photograph() -> bytes:
    """A JPEG of another shape than the model's."""
    values = np.random.default_rng(2).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).resize((90, 60)).save(buffer, format="JPEG")
    return buffer.getvalue()


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    """At most one grey level apart, and equal nearly everywhere."""
    assert found.shape == expected.shape
    distance = np.abs(found.astype(int) - expected)
    assert distance.max() <= 1
    assert (distance > 0).mean() < 0.01


def test_images_are_those_of_a_worker_when_sampled_with_the_same_seed(function: Function, engine: Engine) -> None:
    event = {"action": "sample", "n": 4, "seed": 7, "start": 100, "temperature": 1.5}
    status, body = function.call(event)
    assert status == 200, body
    assert body["checkpoint"] == engine.checkpoint_sha256
    assert [image["index"] for image in body["images"]] == [100, 101, 102, 103]
    expected = engine.decode(engine.sample_latents(7, range(100, 104), 1.5))
    found = np.stack([pixels_of(base64.b64decode(image["image"])) for image in body["images"]])
    assert np.abs(expected[0].astype(int) - expected[1]).max() > 2
    assert_alike(found, expected)
    assert function.call({"action": "sample", "seed": 7, "start": 102, "temperature": 1.5})[1]["images"] == [
        body["images"][2]
    ]


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
def test_reconstruction_is_that_of_a_worker_when_an_image_is_given(
    function: Function, engine: Engine, fit: str
) -> None:
    from vae_core.imaging.decoding import decode_fitted

    status, body = function.call({"action": "reconstruct", "image": encoded(photograph()), "fit": fit})
    assert status == 200, body
    fitted = decode_fitted(photograph(), size=32, fit=fit, max_pixels=10_000)
    assert_alike(pixels_of(base64.b64decode(body["image"])), engine.reconstruct(fitted[None])[0])


@pytest.mark.parametrize(("image_format", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_image_is_of_the_format_when_one_is_asked_for(function: Function, image_format: str, name: str) -> None:
    body = function.call({"action": "sample", "format": image_format})[1]
    image = Image.open(io.BytesIO(base64.b64decode(body["images"][0]["image"])))
    assert (image.format, image.size) == (name, (32, 32))


def test_answer_is_the_same_when_the_event_is_the_body_of_a_request(function: Function) -> None:
    event = {"action": "sample", "n": 2, "seed": 3}
    plain = function.call(event)
    text = json.dumps(event)
    request = {"version": "2.0", "rawPath": "/", "requestContext": {}, "isBase64Encoded": False, "body": text}
    assert function.call(request) == plain
    assert function.call({**request, "isBase64Encoded": True, "body": encoded(text.encode())}) == plain
    assert plain[0] == 200


def test_object_is_read_and_written_when_keys_are_given(function: Function, s3_moto: MotoServer, bucket: str) -> None:
    store = open_store(f"s3://{bucket}", s3=s3_moto.options)
    store.write("cars/a b.jpg", photograph())
    inline = function.call({"action": "reconstruct", "image": encoded(photograph())})[1]["image"]
    event = {"action": "reconstruct", "bucket": bucket, "key": "cars/a b.jpg"}
    assert function.call(event)[1]["image"] == inline
    status, body = function.call({**event, "output_key": "cars/out/a.png"})
    assert (status, body["bucket"], body["key"]) == (200, bucket, "cars/out/a.png")
    assert "image" not in body
    assert store.read("cars/out/a.png").data == base64.b64decode(inline)


def test_s3_is_refused_when_the_object_is_missing_or_not_among_the_sources(
    function: Function, s3_moto: MotoServer, bucket: str
) -> None:
    store = open_store(f"s3://{bucket}", s3=s3_moto.options)
    store.write("secret/a.jpg", photograph())
    event = {"action": "reconstruct", "bucket": bucket}
    assert function.refused({**event, "key": "cars/absent.jpg"})[0] == "object_missing"
    assert function.refused({**event, "key": "secret/a.jpg"})[0] == "source_not_allowed"
    assert function.refused({**event, "bucket": "another-bucket", "key": "cars/a.jpg"})[0] == "source_not_allowed"
    assert function.refused({**event, "bucket": f"{bucket}/cars", "key": "a.jpg"})[0] == "object_missing"
    inline = {**event, "image": encoded(photograph()), "output_key": "secret/b.png"}
    assert function.refused(inline)[0] == "source_not_allowed"
    assert store.stat("secret/b.png") is None


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (None, "the event has no action"),
        ([], "the event has no action"),
        ({}, "the event has no action"),
        ({"action": "paint"}, "action 'paint' is unknown: one of sample, reconstruct"),
        ({"action": 5}, "action '5' is unknown"),
        ({"action": ["sample"]}, "is unknown: one of"),
        ({"action": "sample", "N": 4}, "unknown field `N`"),
        ({"action": "sample", "n": 0}, "n 0 is out of range: 1 to "),
        ({"action": "sample", "n": 10**9}, "n 1000000000 is out of range: 1 to "),
        ({"action": "sample", "n": 10**40}, "is out of range: 1 to "),
        ({"action": "sample", "n": "4"}, "Expected `int`, got `str` - at `$.n`"),
        ({"action": "sample", "n": True}, "Expected `int`, got `bool` - at `$.n`"),
        ({"action": "sample", "n": 1.5}, "Expected `int`, got `float` - at `$.n`"),
        ({"action": "sample", "n": None}, "Expected `int`, got `null` - at `$.n`"),
        ({"action": "sample", "seed": -1}, "seed -1 is out of range"),
        ({"action": "sample", "seed": 2**63}, "is out of range: 0 to 9,223,372,036,854,775,807"),
        ({"action": "sample", "start": -1}, "start -1 is out of range"),
        ({"action": "sample", "start": 2**63}, "is out of range: 0 to 9,999,999"),
        ({"action": "sample", "temperature": NAN}, "temperature nan is not a number: 0 to 2"),
        ({"action": "sample", "temperature": INFINITY}, "temperature inf is not a number"),
        ({"action": "sample", "temperature": 10**400}, "out of range"),
        ({"action": "sample", "temperature": 2.5}, "temperature 2.5 is out of range: 0 to 2"),
        ({"action": "sample", "format": "gif"}, "format 'gif' is unknown: one of png, jpeg, webp"),
        ({"action": "sample", "\ud800": 1}, "the event is not valid"),
        ({"action": "reconstruct"}, "give either image"),
        ({"action": "reconstruct", "image": "AAAA", "bucket": "b", "key": "k"}, "give either image"),
        ({"action": "reconstruct", "key": "cars/a.jpg"}, "bucket goes with key or output_key"),
        ({"action": "reconstruct", "image": "AAAA", "bucket": "cars"}, "bucket goes with key or output_key"),
        ({"action": "reconstruct", "image": "AAAA", "output_key": "a"}, "bucket goes with key or output_key"),
        ({"action": "reconstruct", "bucket": "cars", "key": ""}, "key is empty"),
        ({"action": "reconstruct", "bucket": "a b", "key": "k"}, "names no bucket"),
        ({"action": "reconstruct", "bucket": "cars", "key": "\ud800"}, "is not allowed"),
        ({"action": "reconstruct", "image": "%%%"}, "image is not base64"),
        ({"action": "reconstruct", "image": "ü"}, "image is not base64"),
        ({"action": "reconstruct", "image": 5}, "got `int` - at `$.image`"),
        ({"action": "reconstruct", "image": ""}, "the file is empty"),
        ({"action": "reconstruct", "image": "AAAA"}, "not an image of a known format"),
        ({"action": "reconstruct", "image": "AAAA", "fit": "stretch"}, "fit 'stretch' is unknown"),
        ({"body": None}, "the request has no body"),
        ({"body": "{"}, "the request's body is not JSON"),
        ({"body": "[" * 100_000}, "the request's body is not JSON"),
        ({"body": '{"action": "sample", "temperature": NaN}'}, "the request's body is not JSON"),
        ({"body": "\ud800"}, "the request's body is not JSON"),
        ({"body": "%", "isBase64Encoded": True}, "the request's body is not JSON"),
        ({"body": "[]"}, "the event has no action"),
    ],
    ids=lambda value: None if isinstance(value, str) else json.dumps(value)[:60],
)
def test_one_line_says_what_is_wrong_when_an_event_is_bad(function: Function, event: object, told: str) -> None:
    assert told in function.refused(event)[1]


def test_event_is_refused_when_nested_about_as_deeply_as_python_goes(function: Function) -> None:
    codes = {
        function.refused({"body": f'{{"action": {"[" * depth}{"]" * depth}}}'})[0] for depth in range(900, 1050, 5)
    }
    assert codes == {"invalid_value"}


@pytest.mark.parametrize(("side", "code"), [(20_000, "too_many_pixels"), (None, "undecodable")])
def test_image_is_refused_when_too_large_or_cut_short(function: Function, side: int | None, code: str) -> None:
    buffer = io.BytesIO()
    if side is not None:
        Image.new("1", (side, side)).save(buffer, format="PNG")
    else:
        Image.fromarray(pixels_of(photograph())).save(buffer, format="PNG")
        buffer.truncate(len(buffer.getvalue()) // 2)
    found, text = function.refused({"action": "reconstruct", "image": encoded(buffer.getvalue())})
    assert found == code
    assert side is None or text == "20000x20000 is 400,000,000 pixels; at most 25,000,000 are decoded"


def test_largest_answer_fits_when_no_image_can_be_compressed(function: Function) -> None:
    text = function.refused({"action": "sample", "n": 10**9})[1]
    most = int(text.rpartition(" ")[2].replace(",", ""))
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    entry = json.dumps({"index": 9_999_999, "image": encoded(encode_image(noise, "png"))})
    # In Lambda's answer the body is a string within JSON, so that each quotation mark takes two bytes.
    assert 4_000_000 < most * len(json.dumps(entry)) < 6_291_556


def test_status_is_503_when_s3_does_not_answer(gathered: Path, s3_moto: MotoServer) -> None:
    variables = {**s3_moto.env, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "VAEJOB_SOURCES": "s3://cars"}
    function = Function(gathered, variables)
    try:
        status, body = function.call({"action": "reconstruct", "bucket": "cars", "key": "a.jpg"})
    finally:
        function.close()
    assert (status, body["code"]) == (503, "store_unavailable")


def test_zip_is_the_same_and_readable_when_written_twice(building: ModuleType, gathered: Path, tmp_path: Path) -> None:
    files = sorted(path for path in gathered.rglob("*") if path.is_file())
    for name in ("one.zip", "two.zip"):
        building.write_zip(tmp_path / name, gathered, files)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        entries = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        assert archive.read("handler.py") == (LAMBDA / "handler.py").read_bytes()
    assert {"handler.py", "export/decode.onnx", "vae_core/export/runtime.py"} <= entries.keys()
    assert set(entries.values()) == {0o644}


def test_packages_leave_room_when_unpacked_beside_an_export(building: ModuleType) -> None:
    """As they are installed here, without what Python and the build script leave out."""
    wanted = [Requirement(line) for line in (LAMBDA / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    assert {requirement.name for requirement in wanted} == {
        "fpng",
        "msgspec",
        "numpy",
        "onnxruntime",
        "pillow",
        "simplejpeg",
    }
    names: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        if requirement.name in names or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        names.add(requirement.name)
        wanted += map(Requirement, distribution(requirement.name).requires or ())
    assert not names & {"torch", "onnx", "sympy"}
    files = [Path(str(file.locate())) for name in names for file in distribution(name).files or ()]
    size = sum(path.stat().st_size for path in files if path.suffix != ".pyc" and path.is_file())
    assert 100 * 2**20 < size < 200 * 2**20 < building.MAX_UNPACKED_BYTES
