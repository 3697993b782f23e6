"""When the S3 store takes the short way, and that nothing but time is lost where it leads nowhere."""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
from collections.abc import Iterator

import pytest

from tests.servers.faults import Fault, FaultyServer, faulty, refusal
from tests.servers.s3 import MotoServer, RcloneServer
from vae_core.errors import ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError
from vae_core.storage import s3_fast
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from vae_core.storage.retry import Retry
from vae_core.storage.s3_client import S3Options


@pytest.fixture
def proxy(s3_moto: MotoServer) -> Iterator[FaultyServer]:
    with faulty(s3_moto.port) as server:
        yield server


@pytest.fixture
def options(s3_moto: MotoServer, proxy: FaultyServer) -> S3Options:
    quick = Retry(attempts=4, base_s=0.01, cap_s=0.05)
    return dataclasses.replace(s3_moto.options, endpoint_url=proxy.url, retry=quick, short_way_after=2)


@pytest.fixture
def store(s3_moto: MotoServer, options: S3Options) -> Store:
    """Of which boto3 has been called twice, so that the short way is open."""
    store = open_store(f"s3://{s3_moto.make_bucket()}/p", s3=options)
    store.write("k", b"one")
    assert store.read("k").data == b"one"
    return store


def _agents(proxy: FaultyServer) -> list[str]:
    """Who asked, in order."""
    return ["boto3" if agent.startswith("Boto3/") else "obstore" for agent in proxy.agents]


def test_short_way_is_taken_when_boto3_is_seen_to_reach_the_server(store: Store, proxy: FaultyServer) -> None:
    assert store.read("k").data == b"one"
    tag = store.write("k", b"two", content_type="image/png")
    assert store.read("k", if_tag=tag) == (b"two", tag)
    assert _agents(proxy) == ["boto3", "boto3", "obstore", "obstore", "obstore"]


@pytest.mark.parametrize("answer", [refusal(503, "SlowDown"), refusal(403, "AccessDenied"), refusal(500)])
@pytest.mark.parametrize("what", ["read", "write"])
def test_boto3_does_it_when_the_short_way_is_refused(
    store: Store, proxy: FaultyServer, what: str, answer: tuple[int, bytes, dict[str, str]]
) -> None:
    proxy.plan(Fault(1, answer=answer))
    if what == "read":
        assert store.read("k").data == b"one"
    else:
        assert store.write("k", b"two")
    assert _agents(proxy)[2:] == ["obstore", "boto3"]
    for _ in range(5):  # it opens again, later than before
        store.read("k")
    assert _agents(proxy)[4:] == ["boto3"] * 4 + ["obstore"]


@pytest.mark.parametrize("fault", [Fault(1, lose=True), Fault(1, reset=True), Fault(1, cut=True)])
def test_object_is_read_whole_when_the_connection_breaks(store: Store, proxy: FaultyServer, fault: Fault) -> None:
    proxy.plan(fault)
    assert store.read("k").data == b"one"
    assert _agents(proxy)[2:] == ["obstore", "boto3"]


def test_object_is_written_when_the_answer_is_lost(store: Store, proxy: FaultyServer) -> None:
    proxy.plan(Fault(1, method="PUT", lose=True))
    tag = store.write("k", b"two")
    assert store.read("k") == (b"two", tag)


def test_errors_are_those_of_boto3_when_there_is_something_to_say(store: Store, proxy: FaultyServer) -> None:
    with pytest.raises(ObjectMissing, match="no object has key 'other'"):
        store.read("other")
    with pytest.raises(ObjectTooLarge, match="has 3 bytes; at most 2 allowed"):
        store.read("k", max_bytes=2)
    with pytest.raises(ObjectChanged, match="was replaced"):
        store.read("k", if_tag="0" * 32)
    proxy.plan(Fault(2, answer=refusal(403, "AccessDenied")))
    with pytest.raises(StoreError, match="AccessDenied"):
        store.read("k")


def test_replaced_object_is_noticed_when_the_server_ignores_if_match(store: Store, proxy: FaultyServer) -> None:
    proxy.plan(Fault(2, strip="If-Match"))
    with pytest.raises(ObjectChanged):
        store.read("k", if_tag="0" * 32)


@pytest.mark.parametrize("size", [s3_fast.MAX_BYTES, s3_fast.MAX_BYTES + 1])
def test_boto3_does_it_when_an_object_is_large(store: Store, proxy: FaultyServer, size: int) -> None:
    data = bytes(size)
    store.write("k", data)
    assert _agents(proxy)[2:] == ["obstore" if size <= s3_fast.MAX_BYTES else "boto3"]
    assert store.read("k").data == data
    assert _agents(proxy)[-1] == ("obstore" if size <= s3_fast.MAX_BYTES else "boto3")


def _read_in_child(store: Store) -> None:
    assert store.read("k").data == b"one"
    assert store.write("k", b"two")


def test_boto3_does_it_in_a_child_when_its_parent_took_the_short_way(store: Store, proxy: FaultyServer) -> None:
    store.read("k")
    child = multiprocessing.get_context("fork").Process(target=_read_in_child, args=[store])
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert _agents(proxy)[2:] == ["obstore", "boto3", "boto3"]
    assert store.read("k").data == b"two"
    assert _agents(proxy)[-1] == "obstore"


def test_boto3_does_it_when_obstore_is_not_installed(
    store: Store, proxy: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    assert store.read("k").data == b"one"
    assert _agents(proxy)[2:] == ["boto3"]


def test_signature_is_right_when_the_server_checks_it(s3_rclone: RcloneServer) -> None:
    bucket = s3_rclone.make_bucket()
    with faulty(s3_rclone.port) as proxy:
        options = dataclasses.replace(s3_rclone.options, endpoint_url=proxy.url, short_way_after=0)
        store = open_store(f"s3://{bucket}/a prefix", s3=options)
        for key in ("plain", "with space", "ä+b", "100%", "a/b/c.png"):
            tag = store.write(key, key.encode())
            assert store.read(key) == (key.encode(), tag)
    assert set(_agents(proxy)) == {"obstore"}


def test_short_way_stays_open_when_an_object_is_missing(store: Store, proxy: FaultyServer) -> None:
    with pytest.raises(ObjectMissing):
        store.read("other")
    store.read("k")
    assert _agents(proxy)[-1] == "obstore"


def test_server_is_that_of_boto3_when_variables_name_another(
    s3_moto: MotoServer, proxy: FaultyServer, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    store = open_store(f"s3://{s3_moto.make_bucket()}", s3=dataclasses.replace(options, short_way_after=0))
    store.write("k", b"one")
    assert store.read("k").data == b"one"
    assert _agents(proxy)[-2:] == ["obstore", "obstore"]


def test_boto3_does_it_when_variables_mean_something_to_obstore_alone(
    store: Store, proxy: FaultyServer, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms")
    other = open_store(f"{store.url}-other", s3=dataclasses.replace(options, short_way_after=0))
    other.write("k", b"one")
    assert _agents(proxy)[-1] == "boto3"


def test_backoff_is_shared_when_a_store_is_opened_again(store: Store, proxy: FaultyServer, options: S3Options) -> None:
    proxy.plan(Fault(1, answer=refusal(500)))
    store.read("k")
    again = open_store(store.url, s3=options)
    again.read("k")
    assert _agents(proxy)[-1] == "boto3"
