"""Which addresses open which store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vae_core.errors import InvalidValue
from vae_core.storage.opening import open_store


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/data/store", "file:///data/store"),
        ("/data/store/", "file:///data/store"),
        ("file:///data/store", "file:///data/store"),
        ("file:///data/store///", "file:///data/store"),
        ("file:///my%20pictures", "file:///my%20pictures"),
        ("file:///100% real", "file:///100% real"),
        ("/50%20", "file:///50%20"),
        ("/a?b#c", "file:///a?b#c"),
        ("file:///a?b#c", "file:///a?b#c"),
        ("s3://cars", "s3://cars"),
        ("s3://cars/", "s3://cars"),
        ("s3://cars/a/b/", "s3://cars/a/b"),
        ("s3://cars/a//b+c d%20?#é/", "s3://cars/a//b+c d%20?#é"),
    ],
)
def test_address_is_understood_when_it_is_one_of_the_allowed(address: str, url: str) -> None:
    store = open_store(address)
    assert store.url == url
    assert open_store(store.url).url == url


def test_path_is_taken_from_the_working_directory_when_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert open_store("cars").url == f"file://{tmp_path}/cars"
    assert open_store("./cars/../x").url == f"file://{tmp_path}/x"
    assert open_store("~/cars").url == f"file://{tmp_path}/home/cars"


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "/",
        "file:///",
        "file://",
        "file://host/share",
        "file:relative",
        "file:/one",
        "s3://",
        "s3:///key",
        "s3://a",
        "s3://-bad/x",
        "s3://two words",
        "s3://" + "b" * 64,
        "https://bucket.s3.amazonaws.com/x",
        "gs://bucket",
        "S3://bucket",
        "/nul\0",
        "s3://bucket/nul\0",
    ],
)
def test_address_is_refused_when_it_is_none_of_the_allowed(address: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        open_store(address)
    assert "\n" not in str(caught.value)
    assert "store address" in str(caught.value)


@pytest.mark.parametrize("address", ["s3://key:hunter2@bucket/x", "https://user:hunter2@host/x"])
def test_secret_is_not_repeated_when_the_address_holds_one(address: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        open_store(address)
    assert "hunter2" not in str(caught.value)


def test_boto3_stays_unloaded_when_no_bucket_is_opened(tmp_path: Path) -> None:
    program = (
        "import sys; from vae_core.storage.opening import open_store; "
        f"open_store({str(tmp_path)!r}).write('a', b'x'); "
        "sys.exit(any(name in sys.modules for name in ('boto3', 'botocore', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
