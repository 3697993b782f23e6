"""Addresses of sources: what parses, what is refused, and what lies below what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import InvalidValue, SourceNotAllowed
from vae_core.jobs.sources import Source, bucket_of, check_allowed, is_below, parse_source, split_glob
from vae_core.storage.opening import open_store


@pytest.mark.parametrize(
    ("url", "bucket", "path"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket/cars", "bucket", "cars"),
        ("s3://bucket/cars/", "bucket", "cars/"),
        ("s3://bucket//cars", "bucket", "/cars"),
        ("s3://bucket/../x", "bucket", "../x"),
        ("s3://bucket/a b%20c#d?e=f&g", "bucket", "a b%20c#d?e=f&g"),
        ("s3://my.bucket-1_A/é", "my.bucket-1_A", "é"),
        ("file:///data", "", "/data"),
        ("file:///data/%2e%2e/..%2Fx", "", "/data/%2e%2e/..%2Fx"),
        ("file:///data/", "", "/data"),
        ("file:///data//cars/./x/", "", "/data/cars/x"),
        ("file:///", "", "/"),
        ("file:///a b%20c#d?e=f/..x/x..", "", "/a b%20c#d?e=f/..x/x.."),
    ],
)
def test_source_is_taken_literally_when_parsed(url: str, bucket: str, path: str) -> None:
    source = parse_source(url)
    assert source == Source(bucket, path)
    assert source.is_local == (bucket == "")
    assert parse_source(source.url) == source


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cars",
        "/data",
        "./data",
        "http://host/x",
        "S3://bucket/x",
        "FILE:///data",
        "file://data",
        "file://localhost/data",
        "file:/data",
        "s3:/bucket",
        "s3://",
        "s3:///prefix",
        "s3://b/x",
        "s3://-bucket/x",
        "s3://buc ket/x",
        "s3://bucket#x",
        "s3://bucket?x=y",
        "s3://bücket/x",
        "s3://bucket\n/x",
        "s3://bucket:80/x",
        "s3://user@bucket/x",
        "s3://../x",
        "s3://%2e%2e/x",
        "s3://" + "b" * 256,
        "file:///data/..",
        "file:///../etc",
        "file:///data/../../etc/passwd",
        "file:///data\0",
        "s3://bucket/a\0b",
        "s3://bucket/" + "x" * 2048,
        "file:///\udcff",
        None,
        5,
        b"s3://bucket",
    ],
)
def test_source_is_refused_in_one_printable_line_when_bad(url: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^source ['\"]") as caught:
        parse_source(url)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "url", ["s3://AKIA:hunter2@bucket/x", "s3://AKIA:hun/ter2@bucket/x", "https://me:hunter2@host/x"]
)
def test_secret_is_not_shown_when_an_address_holds_one(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_source(url)
    assert "ter2" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("s3://bucket/any/thing", ["s3://bucket"]),
        ("s3://bucket", ["s3://bucket/"]),
        ("s3://bucket/cars/x/", ["s3://bucket/cars/"]),
        ("s3://bucket/cars2", ["s3://bucket/cars"]),  # a prefix is a prefix, as S3 has it
        ("s3://b2/x", ["s3://b1", "file:///", "s3://b2"]),
        ("file:///data", ["file:///data/"]),
        ("file:///data/", ["file:///data"]),
        ("file:///data/cars/a.jpg", ["file:///data"]),
        ("file:///anywhere", ["file:///"]),
        ("file:///", ["file:///"]),
        ("file:///50%25/x", ["file:///50%25"]),
    ],
)
def test_source_is_allowed_when_below_an_entry(source: str, allowed: list[str]) -> None:
    check_allowed(parse_source(source), allowed)


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("s3://bucket/x", []),
        ("s3://bucket2/x", ["s3://bucket"]),
        ("s3://bucke/x", ["s3://bucket"]),
        ("s3://Bucket/x", ["s3://bucket"]),
        ("s3://bucket/cars2/", ["s3://bucket/cars/"]),
        ("s3://bucket", ["s3://bucket/cars/"]),
        ("s3://bucket/Cars/", ["s3://bucket/cars/"]),
        ("s3://bucket/x", ["file:///"]),
        ("file:///bucket/x", ["s3://bucket"]),
        ("file:///database", ["file:///data"]),
        ("file:///dat", ["file:///data"]),
        ("file:///", ["file:///data"]),
        ("file:////data/x", ["file:///data"]),
    ],
)
def test_error_names_source_and_variable_when_not_allowed(source: str, allowed: list[str]) -> None:
    with pytest.raises(SourceNotAllowed, match=r"^source .+ is not allowed: set VAEJOB_SOURCES to permit it") as caught:
        check_allowed(parse_source(source), allowed)
    assert all(entry in str(caught.value) for entry in allowed)
    assert source.rstrip("/") in str(caught.value)


@pytest.mark.parametrize(
    ("address", "place", "glob"),
    [
        ("s3://bb/*.jpg", "s3://bb/", "*.jpg"),
        ("s3://bb/cars/**/*.jpg", "s3://bb/cars/", "**/*.jpg"),
        ("s3://bb/cars/*", "s3://bb/cars/", "*"),
        ("s3://bb/cars/**", "s3://bb/cars/", "**"),
        ("s3://bb/cars/2024-*/a/b.jpg", "s3://bb/cars/", "2024-*/a/b.jpg"),
        ("s3://bb/cars/a*", "s3://bb/cars/", "a*"),
        ("s3://bb/cars/*/", "s3://bb/cars/", "*/"),
        ("s3://bb//*", "s3://bb//", "*"),
        ("s3://bb/what?/[x]/{y}/*.jpg", "s3://bb/what?/[x]/{y}/", "*.jpg"),
        ("s3://bb/50%25 #1/a?[b]*", "s3://bb/50%25 #1/", "a?[b]*"),
        ("s3://bb/a://*", "s3://bb/a://", "*"),
        ("file:///data/*/é.png", "file:///data/", "*/é.png"),
        ("file:///*", "file:///", "*"),
    ],
)
def test_address_is_parted_before_the_first_segment_with_an_asterisk_when_it_has_one(
    address: str, place: str, glob: str
) -> None:
    assert split_glob(address) == (place, glob)
    assert place + glob == address
    parse_source(place)


@pytest.mark.parametrize(
    "address",
    [
        "s3://bb",
        "s3://bb/",
        "s3://bb/cars/",
        "s3://bb/cars/a?.jpg",
        "s3://bb/cars/[ab].jpg",
        "s3://bb/cars/{a,b}.jpg",
        "file:///data/a?b",
        "file:///",
        "*.jpg",  # no address
        "",
    ],
)
def test_address_stays_whole_when_it_has_no_asterisk(address: str) -> None:
    assert split_glob(address) == (address, None)


@pytest.mark.parametrize("address", ["s3://bb*/cars/", "s3://*", "s3://*/x", "*://bb/x"])
def test_address_stays_whole_and_is_refused_when_its_bucket_has_an_asterisk(address: str) -> None:
    assert split_glob(address) == (address, None)
    with pytest.raises(InvalidValue, match=r"^source '.*\*.*' "):
        parse_source(address)


segments = st.lists(st.text("ab.", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."}), max_size=4)


@given(segments, segments)
def test_path_is_below_when_its_segments_begin_with_the_root(path: list[str], root: list[str]) -> None:
    assert is_below("/" + "/".join(path), "/" + "/".join(root)) == (path[: len(root)] == root)


def test_bucket_is_none_when_address_is_not_in_s3() -> None:
    assert bucket_of("s3://bucket/a/b") == "bucket"
    assert bucket_of("s3://bucket") == "bucket"
    assert bucket_of("file:///s3://bucket") is None


def test_store_is_opened_where_the_source_says_when_its_path_has_percent_signs() -> None:
    source = parse_source("file:///data/%2e%2e/50%25 off")
    assert open_store(source.url).url.endswith("/data/%2e%2e/50%25 off")  # decoded, it would be outside /data
