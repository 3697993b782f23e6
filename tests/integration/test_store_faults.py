"""What the S3 store does when the server refuses, fails, lies or is away."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tests.servers.faults import Fault, FaultyServer, faulty, refusal
from tests.servers.process import free_port
from tests.servers.s3 import MotoServer, RcloneServer
from vae_core.errors import ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError, StoreUnavailable
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from vae_core.storage.retry import Retry
from vae_core.storage.s3_client import S3Options

QUICK = Retry(attempts=4, base_s=0.01, cap_s=0.05)


@pytest.fixture(scope="module")
def shared_proxy(s3_moto: MotoServer) -> Iterator[FaultyServer]:
    with faulty(s3_moto.port) as server:
        yield server


@pytest.fixture
def proxy(shared_proxy: FaultyServer) -> FaultyServer:
    shared_proxy.reset()
    return shared_proxy


@pytest.fixture
def options(s3_moto: MotoServer, proxy: FaultyServer) -> S3Options:
    return dataclasses.replace(s3_moto.options, endpoint_url=proxy.url, read_timeout_s=10, retry=QUICK)


@pytest.fixture
def store(s3_moto: MotoServer, options: S3Options) -> Store:
    return open_store(f"s3://{s3_moto.make_bucket()}/p", s3=options)


OPERATIONS: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.read("k"),
    "stat": lambda store: store.stat("k"),
    "write": lambda store: store.write("k", b"x"),
    "create": lambda store: store.create("k2", b"x"),
    "delete": lambda store: store.delete(["k"]),
    "list": lambda store: list(store.list()),
    "list_folders": lambda store: list(store.list_folders()),
    "check": lambda store: store.check(),
}
TROUBLES = {
    "slow down": Fault(2, answer=refusal(503, "SlowDown")),
    "internal error without a body": Fault(2, answer=refusal(500)),
    "too many requests": Fault(2, answer=refusal(429, Retry_After="0")),
    "answer cut off": Fault(2, answer=refusal(503, "SlowDown"), cut=True),
    "reset": Fault(2, reset=True),
    "reset after the work": Fault(2, lose=True),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_call_succeeds_when_trouble_passes(store: Store, proxy: FaultyServer, operation: str, trouble: str) -> None:
    store.write("k", b"x")
    fault = dataclasses.replace(TROUBLES[trouble])
    proxy.plan(fault)

    OPERATIONS[operation](store)

    assert fault.times == 0  # the trouble was met, and got over


@pytest.mark.parametrize("operation", ["read", "create"])
def test_call_succeeds_when_one_answer_never_comes(
    store: Store, options: S3Options, proxy: FaultyServer, operation: str
) -> None:
    store.write("k", b"x")
    impatient = open_store(store.url, s3=dataclasses.replace(options, read_timeout_s=1))
    proxy.plan(Fault(1, hold_s=10))

    OPERATIONS[operation](impatient)
    assert len(proxy.requests) > 2


@pytest.mark.parametrize("operation", OPERATIONS)
def test_call_gives_up_after_bounded_tries_when_trouble_stays(
    store: Store, proxy: FaultyServer, operation: str
) -> None:
    proxy.plan(Fault(1000, answer=refusal(503, "SlowDown")))

    with pytest.raises(StoreUnavailable, match="503") as caught:
        OPERATIONS[operation](store)
    assert "\n" not in str(caught.value)
    assert len(proxy.requests) == QUICK.attempts


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", ["AccessDenied", ""])
def test_call_is_refused_at_once_when_access_is_denied(
    store: Store, proxy: FaultyServer, operation: str, code: str
) -> None:
    proxy.plan(Fault(1000, answer=refusal(403, code)))

    with pytest.raises(StoreError, match="access denied") as caught:
        OPERATIONS[operation](store)
    assert "\n" not in str(caught.value)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_call_is_refused_when_there_is_no_bucket(options: S3Options, operation: str) -> None:
    store = open_store("s3://no-such-bucket/p", s3=options)

    with pytest.raises(StoreError, match="no such bucket") as caught:
        OPERATIONS[operation](store)
    assert "\n" not in str(caught.value)


def test_read_starts_again_when_the_body_is_cut(store: Store, proxy: FaultyServer) -> None:
    data = bytes(range(256)) * 2000
    store.write("k", data)
    proxy.plan(Fault(2, method="GET", cut=True))

    assert store.read("k").data == data


def test_read_gives_up_when_the_body_is_always_cut(store: Store, proxy: FaultyServer) -> None:
    store.write("k", b"x" * 1000)
    proxy.plan(Fault(1000, method="GET", cut=True))

    with pytest.raises(StoreUnavailable, match="'k'"):
        store.read("k")


def test_body_is_not_fetched_when_the_object_is_over_the_limit(store: Store, proxy: FaultyServer) -> None:
    store.write("k", b"x" * 50_000_000)
    proxy.body_bytes = 0

    with pytest.raises(ObjectTooLarge, match="50,000,000"):
        store.read("k", max_bytes=1000)
    assert sum(request.startswith("GET") for request in proxy.requests) == 1


def test_another_version_is_noticed_when_the_server_ignores_if_match(store: Store, proxy: FaultyServer) -> None:
    old = store.write("k", b"old")
    store.write("k", b"new")
    proxy.plan(Fault(1000, method="GET", strip="If-Match"))

    with pytest.raises(ObjectChanged):
        store.read("k", if_tag=old)


def test_create_costs_one_request_when_the_server_is_known_to_keep_the_condition(
    store: Store, proxy: FaultyServer
) -> None:
    assert store.create("first", b"x") is True
    proxy.requests.clear()
    assert store.create("second", b"x") is True
    assert [request.partition(" ")[0] for request in proxy.requests] == ["PUT"]


@pytest.mark.parametrize("known", [False, True], ids=["first create", "later create"])
def test_create_is_told_true_when_its_own_put_took_effect_unseen(
    store: Store, proxy: FaultyServer, known: bool
) -> None:
    if known:
        store.create("earlier", b"")
    proxy.plan(Fault(1, method="PUT", lose=True))

    assert store.create("k", b"mine") is True
    assert store.create("k", b"other") is False


def test_create_tries_again_when_two_conditional_writes_collide(store: Store, proxy: FaultyServer) -> None:
    proxy.plan(Fault(2, method="PUT", answer=refusal(409, "ConditionalRequestConflict")))

    assert store.create("k", b"mine") is True


@pytest.mark.parametrize(
    "fault",
    [
        Fault(
            1000,
            method="PUT",
            answer=refusal(501, "NotImplemented"),
            matches=lambda request: "If-None-Match" in request.headers,
        ),
        Fault(1000, method="PUT", strip="If-None-Match"),
    ],
    ids=["refuses with 501", "ignores"],
)
def test_create_still_keeps_the_first_content_when_the_server_has_no_conditional_put(
    store: Store, proxy: FaultyServer, fault: Fault
) -> None:
    proxy.plan(dataclasses.replace(fault))

    assert store.create("a", b"one") is True
    assert store.create("a", b"two") is False
    assert store.create("a", b"one") is True
    assert store.create("b", b"two") is True
    assert [found.key for found in store.list()] == ["a", "b"]


def test_create_is_told_false_when_overwritten_on_a_server_that_ignores_the_condition(
    store: Store, options: S3Options, proxy: FaultyServer
) -> None:
    store.write("k", b"x")
    other = open_store(store.url, s3=options)
    proxy.plan(Fault(1000, method="PUT", strip="If-None-Match"))
    assert store.create("learn", b"") is True
    # It looks, puts, and before it reads back, someone who had looked earlier puts as well.
    look = Fault(1, method="GET", path_contains="mine")
    read_back = Fault(1, method="GET", path_contains="mine", first=lambda: other.write("mine", b"theirs"))
    proxy.plan(look, read_back)

    assert store.create("mine", b"ours") is False
    assert store.read("mine").data == b"theirs"


@pytest.mark.parametrize(
    ("status", "code"), [(400, "MissingContentMD5"), (501, "NotImplemented"), (405, "MethodNotAllowed"), (400, "")]
)
def test_delete_goes_one_by_one_when_the_server_cannot_do_many(
    store: Store, proxy: FaultyServer, status: int, code: str
) -> None:
    keys = [f"k{number}" for number in range(5)]
    for key in keys:
        store.write(key, b"")
    proxy.plan(Fault(1000, method="POST", answer=refusal(status, code)))

    store.delete([*keys, "missing"])
    assert list(store.list()) == []
    store.delete(keys)
    assert sum(request.startswith("POST") for request in proxy.requests) == 1


def test_delete_tries_the_rest_again_when_some_failed(store: Store, proxy: FaultyServer) -> None:
    store.write("a", b"")
    store.write("b", b"")
    partial = b"<DeleteResult><Error><Key>p/b</Key><Code>InternalError</Code></Error></DeleteResult>"
    proxy.plan(Fault(1, method="POST", answer=(200, partial, {})))

    store.delete(["a", "b"])
    assert [found.key for found in store.list()] == ["a"]  # The proxy only claimed to have deleted it.


def test_delete_is_refused_when_an_object_may_not_be_deleted(store: Store, proxy: FaultyServer) -> None:
    partial = b"<DeleteResult><Error><Key>p/b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    proxy.plan(Fault(1, method="POST", answer=(200, partial, {})))

    with pytest.raises(StoreError, match="s3:DeleteObject"):
        store.delete(["a", "b"])


def test_listing_is_refused_when_the_server_does_not_sort(store: Store, proxy: FaultyServer) -> None:
    entry = "<Contents><Key>p/{}</Key><Size>0</Size><ETag>x</ETag></Contents>"
    body = f"<ListBucketResult>{entry.format('b')}{entry.format('a')}</ListBucketResult>"
    proxy.plan(Fault(1, method="GET", answer=(200, body.encode(), {})))

    with pytest.raises(StoreError, match="out of order"):
        list(store.list())


def test_object_is_listed_once_when_the_server_lists_it_twice(store: Store, proxy: FaultyServer) -> None:
    entry = "<Contents><Key>p/{}</Key><Size>0</Size><ETag>x</ETag></Contents>"
    body = f"<ListBucketResult>{''.join(entry.format(key) for key in 'abbc')}</ListBucketResult>"
    proxy.plan(Fault(1, method="GET", answer=(200, body.encode(), {})))
    assert [found.key for found in store.list()] == ["a", "b", "c"]


def test_error_does_not_show_the_secret_when_it_is_wrong(s3_rclone: RcloneServer) -> None:
    bucket = s3_rclone.make_bucket()
    options = dataclasses.replace(s3_rclone.options, secret_access_key="wrong/Secret/Key")
    store = open_store(f"s3://{bucket}", s3=options)

    for operation in OPERATIONS.values():
        with pytest.raises(StoreError) as caught:
            operation(store)
        assert "Secret" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY"):
        store.check()
    assert "Secret" not in repr(store) + repr(options)


def test_error_names_the_remedy_when_the_access_key_is_unknown(s3_rclone: RcloneServer) -> None:
    options = dataclasses.replace(s3_rclone.options, access_key_id="nobody")

    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID"):
        open_store(f"s3://{s3_rclone.make_bucket()}", s3=options).check()


def test_error_names_the_remedy_when_there_are_no_credentials(
    s3_moto: MotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_moto.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StoreError, match="set AWS_ACCESS_KEY_ID"):
        open_store("s3://bucket").check()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "http://", "ftp//x"])
def test_error_names_the_setting_when_the_endpoint_is_no_address(s3_moto: MotoServer, endpoint: str) -> None:
    with pytest.raises(StoreError, match="AWS_ENDPOINT_URL"):
        open_store("s3://bucket", s3=dataclasses.replace(s3_moto.options, endpoint_url=endpoint)).check()


def test_store_is_reported_away_soon_when_nothing_listens(s3_moto: MotoServer) -> None:
    options = dataclasses.replace(s3_moto.options, endpoint_url=f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match="nothing answers at http://127"):
        open_store("s3://bucket", s3=options).check()
    assert time.monotonic() - began < 10


def test_store_is_reported_away_soon_when_connections_are_not_taken(s3_moto: MotoServer) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        held = [socket.socket() for _ in range(4)]
        try:
            for full in held:
                full.setblocking(False)
                full.connect_ex(address)  # Fills the queue, so that further connections hang.
            options = dataclasses.replace(s3_moto.options, endpoint_url=f"http://127.0.0.1:{address[1]}")
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="nothing answers"):
                open_store("s3://bucket", s3=options).check()
            assert time.monotonic() - began < 10
        finally:
            for full in held:
                full.close()


def test_store_works_again_when_the_server_comes_back(s3_rclone: RcloneServer) -> None:
    bucket = s3_rclone.make_bucket()
    store = open_store(f"s3://{bucket}", s3=dataclasses.replace(s3_rclone.options, retry=QUICK))
    store.write("k", b"x")
    s3_rclone.kill()
    try:
        with pytest.raises(StoreUnavailable):
            store.read("k")
    finally:
        s3_rclone.start()

    assert store.read("k").data == b"x"
    with pytest.raises(ObjectMissing):
        store.read("other")
