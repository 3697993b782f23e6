"""Settings: defaults, each variable, refusals that name it, and nothing secret in any text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vae_core.errors import InvalidValue
from vae_core.jobs.channels import celery_url
from vae_core.settings import SHIPPED_CHECKPOINT, Settings, read_settings, unknown_variables

ENV_EXAMPLE = Path(__file__).parents[2] / "deploy" / "env.example"
FIELDS = Settings.__struct_fields__
SECRET = "hunter2"


def variable(field: str) -> str:
    return f"VAEJOB_{field.upper()}"


def read(**fields: str) -> Settings:
    return read_settings({"VAEJOB_HOME": "/srv/vaejob", **{variable(field): text for field, text in fields.items()}})


def test_defaults_are_those_of_the_design_when_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    settings = read_settings({})
    assert settings.home == Path("/home/me/.local/share/vaejob")
    assert settings.store == "file:///home/me/.local/share/vaejob/store"
    assert settings.embedded
    assert settings.checkpoint_path == SHIPPED_CHECKPOINT
    assert settings.allowed_sources == ("file:///home/me/.local/share/vaejob/store", "file:///")
    assert (settings.device, settings.queue, settings.log_format) == ("auto", "vaejob", "text")
    assert (settings.part_size, settings.io_threads, settings.max_attempts) == (512, 8, 3)
    assert (settings.lease_s, settings.mark_s, settings.reconcile_s) == (20.0, 120.0, 15.0)
    assert (settings.max_input_bytes, settings.max_input_pixels) == (64 * 2**20, 100_000_000)
    assert (settings.batch_size, settings.threads, settings.checkpoint, settings.sources) == (None,) * 4


def test_only_variables_of_the_given_mapping_count_when_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEJOB_PART_SIZE", "7")
    assert read().part_size == 512


GOOD: list[tuple[str, str, Any]] = [
    ("home", "/data/vaejob", Path("/data/vaejob")),
    ("home", "/data/../srv/", Path("/srv")),
    ("store", "s3://bucket/prefix", "s3://bucket/prefix"),
    ("store", "s3://bucket/prefix/", "s3://bucket/prefix"),
    ("store", "file:///data/store/", "file:///data/store"),
    ("store", "/data/store", "file:///data/store"),
    ("store", "/data/x/../store", "file:///data/store"),
    ("redis_url", "redis://:secret@host:6379/0", "redis://:secret@host:6379/0"),
    ("redis_url", "rediss://host", "rediss://host"),
    ("redis_url", "redis://[::1]:6379", "redis://[::1]:6379"),
    ("redis_url", "unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1"),
    ("sources", "s3://a1/cars/", ("s3://a1/cars/",)),
    ("sources", " s3://a1, s3://b1,,file:///data\n/photos ", ("s3://a1", "s3://b1", "file:///data", "file:///photos")),
    ("sources", ",", ()),
    ("checkpoint", "/models/x.safetensors", Path("/models/x.safetensors")),
    ("device", "cpu", "cpu"),
    ("device", "cuda", "cuda"),
    ("device", "cuda:1", "cuda:1"),
    ("batch_size", "1", 1),
    ("batch_size", "4096", 4096),
    ("batch_timeout_s", "12.5", 12.5),
    ("threads", "1024", 1024),
    ("processes", "64", 64),
    ("io_threads", "256", 256),
    ("part_size", "8000", 8000),
    ("part_size", "1_000", 1000),
    ("lease_s", "0.1", 0.1),
    ("lease_s", "86400", 86_400.0),
    ("mark_s", "1e2", 100.0),
    ("reconcile_s", "5", 5.0),
    ("max_attempts", "100", 100),
    ("max_input_bytes", "1099511627776", 2**40),
    ("max_input_pixels", "1", 1),
    ("queue", "fleet-2.b_c", "fleet-2.b_c"),
    ("log_format", "json", "json"),
]


@pytest.mark.parametrize(("field", "text", "value"), GOOD)
def test_variable_is_read_when_it_is_good(field: str, text: str, value: Any) -> None:
    read_value = getattr(read(**{field: text}), field)
    assert read_value == value
    assert type(read_value) is type(value)


def test_each_setting_is_read_when_its_variable_is_set() -> None:
    assert {field for field, _, _ in GOOD} == set(FIELDS)


def test_relative_paths_and_tildes_are_made_absolute_when_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    settings = read(home="~/v", store="../s", checkpoint="m/x.safetensors", sources="./photos ../more ~/x")
    assert settings.home == tmp_path / "me" / "v"
    assert settings.store == f"file://{tmp_path.parent}/s"
    assert settings.checkpoint_path == tmp_path / "m" / "x.safetensors"
    assert settings.sources == (
        f"file://{tmp_path}/photos",
        f"file://{tmp_path.parent}/more",
        f"file://{tmp_path}/me/x",
    )


@pytest.mark.parametrize("field", FIELDS)
def test_variable_counts_as_unset_when_it_is_empty(field: str) -> None:
    with_empty = {variable(other): "" for other in FIELDS} | {"VAEJOB_HOME": "/srv/vaejob"}
    assert read_settings(with_empty) == read()
    if field != "home":
        assert read(**{field: ""}) == read()


@pytest.mark.parametrize(
    ("field", "text", "allowed"),
    [
        ("part_size", "0", "1 to 8,000"),
        ("part_size", "8001", "1 to 8,000"),
        ("part_size", "-5", "1 to 8,000"),
        ("part_size", "many", "a whole number"),
        ("part_size", "5.0", "a whole number"),
        ("part_size", "0x10", "a whole number"),
        ("part_size", "9" * 5000, "a whole number"),
        ("part_size", "1_0__", "a whole number"),
        ("processes", "0", "1 to 64"),
        ("processes", "65", "1 to 64"),
        ("io_threads", "0", "1 to 256"),
        ("io_threads", "257", "1 to 256"),
        ("max_attempts", "101", "1 to 100"),
        ("max_input_bytes", "0", "1 to 1,099,511,627,776"),
        ("max_input_pixels", "1e8", "a whole number"),
        ("max_input_pixels", "1099511627777", "1 to 1,099,511,627,776"),
        ("batch_size", "0", "1 to 4,096"),
        ("threads", "1025", "1 to 1,024"),
        ("lease_s", "0", "0.1 to 86400"),
        ("lease_s", "86400.5", "0.1 to 86400"),
        ("mark_s", "nan", "0.1 to 86400"),
        ("reconcile_s", "inf", "0.1 to 86400"),
        ("reconcile_s", "-1e999", "0.1 to 86400"),
        ("lease_s", "20s", "a number"),
        ("log_format", "xml", "text, json"),
        ("log_format", "JSON", "text, json"),
        ("queue", "a b", "letters, digits"),
        ("queue", "../x", "letters, digits"),
        ("queue", "x" * 129, "letters, digits"),
        ("device", "gpu", "auto, cpu, cuda or cuda:N"),
        ("device", "cuda:-1", "auto, cpu, cuda or cuda:N"),
        ("device", "cpu\n", "auto, cpu, cuda or cuda:N"),
        ("store", "http://host/bucket", "s3://bucket/prefix or a folder"),
        ("store", "s3://", "s3://bucket/prefix or a folder"),
        ("store", "s3://b", "s3://bucket/prefix or a folder"),
        ("store", "file://relative", "s3://bucket/prefix or a folder"),
        ("store", "file:///a/../b", "s3://bucket/prefix or a folder"),
        ("store", "/a\udcff", "s3://bucket/prefix or a folder"),
        ("store", "~nosuchuser/x", "a path"),
        ("home", "~nosuchuser/x", "a path"),
        ("checkpoint", "~nosuchuser/x", "a path"),
        ("sources", "s3://good s3://", "s3://bucket/prefix or a folder"),
        ("sources", "https://x/y", "s3://bucket/prefix or a folder"),
        ("sources", "~nosuchuser/x", "a path"),
        ("redis_url", "localhost:6379", "redis://host:6379/0"),
        ("redis_url", "http://host", "redis://host:6379/0"),
        ("redis_url", "redis://host:port/0", "redis://host:6379/0"),
        ("redis_url", "redis://host:99999/0", "redis://host:6379/0"),
        ("redis_url", "redis://[::1/0", "redis://host:6379/0"),
    ],
)
def test_error_is_one_line_with_variable_and_allowed_when_value_is_bad(field: str, text: str, allowed: str) -> None:
    with pytest.raises(InvalidValue, match=rf"^{variable(field)} ") as caught:
        read(**{field: text})
    assert allowed in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_secret_is_in_no_text_when_redis_url_holds_one() -> None:
    settings = read(redis_url=f"redis://me:{SECRET}@host:6379/0")
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert "part_size=512" in repr(settings)
    assert SECRET in settings.broker_url


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("redis_url", f"redis:/{SECRET}@host"),
        ("redis_url", f"amqp://me:{SECRET}@host"),
        ("redis_url", f"redis://:{SECRET}/x@host:6379/0"),
        ("store", f"s3://AKIA:{SECRET}@bucket/x"),
        ("sources", f"s3://AKIA:{SECRET}@bucket/x"),
    ],
)
def test_secret_is_in_no_text_when_its_variable_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read(**{field: text})
    shown: BaseException | None = caught.value
    while shown is not None:  # a traceback shows each cause; a context that is suppressed it does not
        assert SECRET not in str(shown)
        shown = shown.__cause__


@pytest.mark.parametrize("home", ["/srv/vaejob", "/srv/" + "deep/" * 100, "/srv/" + "é" * 200, "/srv/a b#c?d%20e"])
def test_socket_path_fits_when_home_is_long(home: str) -> None:
    settings = read(home=home)
    assert len(str(settings.redis_socket).encode()) <= 100
    assert settings.broker_url.isascii()
    assert celery_url(settings.broker_url).startswith("redis+socket:///")


def test_socket_path_is_below_home_when_it_fits_and_another_for_each_home_when_not() -> None:
    assert read().redis_socket == Path("/srv/vaejob/redis/redis.sock")
    long = [read(home=f"/srv/{'deep/' * 100}{name}").redis_socket for name in "ab"]
    assert long[0] != long[1]
    assert long[0] == read(home=f"/srv/{'deep/' * 100}a").redis_socket


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, ("file:///srv/vaejob/store", "file:///")),
        ({"redis_url": "redis://h"}, ("file:///srv/vaejob/store",)),
        ({"store": "s3://bucket/prefix"}, ("s3://bucket", "file:///")),
        ({"store": "s3://bucket/prefix", "redis_url": "redis://h"}, ("s3://bucket",)),
        ({"store": "s3://bucket", "sources": "s3://other/x/"}, ("s3://other/x/",)),
        ({"sources": "/photos"}, ("file:///photos",)),
        ({"sources": ","}, ()),
    ],
)
def test_allowed_sources_follow_store_and_redis_when_unset(fields: dict[str, str], allowed: tuple[str, ...]) -> None:
    assert read(**fields).allowed_sources == allowed


@pytest.mark.parametrize(("field", "text", "value"), GOOD)
def test_settings_come_back_equal_when_passed_on_to_a_child(field: str, text: str, value: Any) -> None:
    settings = read(**{field: text})
    environment = settings.as_environment()
    assert read_settings(environment) == settings
    assert set(environment) <= {variable(name) for name in FIELDS}
    assert all(isinstance(value, str) and value for value in environment.values())


def test_misspelt_variables_are_told_when_set() -> None:
    environ = {"VAEJOB_PARTSIZE": "5", "VAEJOB_HOME": "/x", "VAEJOB_": "", "PATH": "/bin", "vaejob_home": "x"}
    assert unknown_variables(environ) == ["VAEJOB_", "VAEJOB_PARTSIZE"]


def test_settings_cannot_be_changed_when_read() -> None:
    with pytest.raises(AttributeError):
        read().part_size = 1  # type: ignore[misc]  # that is the point


def test_each_setting_is_documented_when_deployed() -> None:
    lines = ENV_EXAMPLE.read_text(encoding="utf-8").splitlines()
    documented = {}
    for number, line in enumerate(lines):
        found = re.match(r"#?\s*(VAEJOB_[A-Z_]+)=(.*)$", line)
        if found:
            documented[found[1]] = (found[2], lines[number - 1] if number else "")
    assert set(documented) == {variable(field) for field in FIELDS}
    assert all(above.startswith("#") for _, above in documented.values())
    environment = {name: text for name, (text, _) in documented.items()}
    assert read_settings(environment) == read_settings({})
