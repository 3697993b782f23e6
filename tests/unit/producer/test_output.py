"""Tables and addresses, as they are shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from producer.fleet import absence, missing_roles
from producer.hints import Hints, address_of
from producer.output import age_of, clean, counted, fitted
from vae_core.jobs.channels import CONTROL_ROLE, PARTS_ROLE, WorkerInfo
from vae_core.settings import read_settings


def test_widest_column_gives_way_when_the_terminal_is_narrow() -> None:
    assert fitted([10, 40, 20], 80, [1, 2]) == [10, 40, 20]
    narrowed = fitted([10, 40, 20], 50, [1, 2])
    assert narrowed[0] == 10
    assert sum(narrowed) + 4 == 50
    assert fitted([10, 40, 20], 5, [1, 2]) == [10, 6, 6]
    assert fitted([10, 40], 5, []) == [10, 40]


def test_letters_are_spelt_out_when_they_could_move_the_cursor() -> None:
    assert clean("a\x1b[2J\nb") == "a\\x1b[2J\\x0ab"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@host:6379/1", "redis://host:6379/1"),
        ("rediss://user:secret@host/0?password=secret", "rediss://host/0"),
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock"),
        ("redis://user:sec/ret@host:x/0", "redis://…"),
    ],
)
def test_secrets_are_left_out_when_an_address_is_shown(url: str, shown: str) -> None:
    assert address_of(url) == shown
    assert "secret" not in address_of(url)


def test_password_is_not_shown_when_redis_is_away() -> None:
    settings = read_settings({"VAEJOB_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0", "VAEJOB_STORE": "/x"})
    line = absence(Hints(settings), settings, "file:///x")
    assert line is not None
    assert "127.0.0.1:1" in line
    assert "hunter2" not in line


def _worker(role: str, store: str) -> WorkerInfo:
    return WorkerInfo(
        role=role, host="box", pid=1, processes=1, device="cpu", store=store, code_version="1", started_at="now"
    )


def test_role_is_missing_when_only_workers_of_another_store_have_it() -> None:
    both = [_worker(PARTS_ROLE, "s3://a/"), _worker(CONTROL_ROLE, "s3://b")]
    assert missing_roles(both, ["s3://a"]) == [CONTROL_ROLE]
    assert missing_roles(both, ["s3://a", "s3://b"]) == []
    assert missing_roles([], ["s3://a"]) == [PARTS_ROLE, CONTROL_ROLE]


def test_age_is_in_the_largest_unit_when_shown() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert age_of("2026-11-23T11:55:00+00:00", now) == "5 min"
    assert age_of("2026-11-21T11:55:00", now) == "2 d"
    assert age_of("2026-11-24T00:00:00+00:00", now) == "0 s"
    assert age_of("soon", now) == "?"


def test_noun_has_its_number_when_counted() -> None:
    assert [counted(1, "image"), counted(1200, "image")] == ["1 image", "1,200 images"]
