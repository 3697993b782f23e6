"""Typed settings from VAEJOB_* variables: the only place that reads them, once, at the entry point."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_choice, check_float, check_int, check_pattern, shown
from vae_core.jobs.ids import JOB_ID
from vae_core.jobs.sources import LOCAL, S3, bucket_of, parse_source, shown_address
from vae_core.jobs.spec import MAX_PART_SIZE

PREFIX = "VAEJOB_"
SHIPPED_CHECKPOINT = Path(__file__).parent / "weights" / "cars-128.safetensors"
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
MAX_BATCH_SIZE = 4096
MAX_SOCKET_BYTES = 100  # a Unix socket's path holds 108 at most, with its end mark and redis-server's own suffix


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, checked. Names, units and defaults are documented in deploy/env.example.

    redis_url: empty means the embedded Redis of this machine. checkpoint: None means the shipped one.
    sources: None means the store's own bucket, and local folders while embedded.
    device: `auto`, `cpu`, `cuda` or `cuda:0`.
    """

    home: Path
    store: str
    redis_url: str = ""
    sources: tuple[str, ...] | None = None
    checkpoint: Path | None = None
    device: str = "auto"
    batch_size: int | None = None
    threads: int | None = None
    processes: int = 1
    io_threads: int = 8
    part_size: int = 512
    lease_s: float = 20.0
    mark_s: float = 120.0
    reconcile_s: float = 15.0
    batch_timeout_s: float = 300.0
    max_attempts: int = 3
    max_input_bytes: int = 64 * 2**20
    max_input_pixels: int = 100_000_000
    queue: str = "vaejob"
    log_format: str = "text"

    def __post_init__(self) -> None:
        check_choice(_name("log_format"), self.log_format, ("text", "json"))
        check_pattern(_name("queue"), self.queue, JOB_ID, "1 to 128 letters, digits, '.', '_' or '-'")
        check_pattern(_name("device"), self.device, _DEVICE, "auto, cpu, cuda or cuda:N")
        check_int(_name("part_size"), self.part_size, 1, MAX_PART_SIZE)
        check_int(_name("processes"), self.processes, 1, 64)
        check_int(_name("io_threads"), self.io_threads, 1, 256)
        check_int(_name("max_attempts"), self.max_attempts, 1, 100)
        check_int(_name("max_input_bytes"), self.max_input_bytes, 1, 2**40)
        check_int(_name("max_input_pixels"), self.max_input_pixels, 1, 2**40)
        for field in ("lease_s", "mark_s", "reconcile_s", "batch_timeout_s"):
            check_float(_name(field), getattr(self, field), 0.1, 86_400)
        for field, high in (("batch_size", MAX_BATCH_SIZE), ("threads", 1024)):
            if getattr(self, field) is not None:
                check_int(_name(field), getattr(self, field), 1, high)
        for source in self.sources or ():
            _check_address("sources", source)

    def __repr__(self) -> str:
        """All but the address of Redis, which may hold a password."""
        values = {field: getattr(self, field) for field in self.__struct_fields__}
        if self.redis_url:
            values["redis_url"] = "***"
        return f"Settings({', '.join(f'{field}={value!r}' for field, value in values.items())})"

    @property
    def embedded(self) -> bool:
        """Whether Redis is this machine's own, started by `make worker`."""
        return not self.redis_url

    @property
    def broker_url(self) -> str:
        """Redis as Celery and redis-py know it: the one set, or the embedded one's socket."""
        return self.redis_url or f"unix://{quote(os.fsencode(self.redis_socket))}?db=0"

    @property
    def redis_socket(self) -> Path:
        """Socket of the embedded Redis: below HOME, or below a short runtime folder where HOME's path is too long."""
        path = self.home / "redis" / "redis.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_BYTES:
            return path
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(f"/tmp/vaejob-{os.getuid()}-{digest}") / "redis.sock"

    @property
    def checkpoint_path(self) -> Path:
        """The checkpoint file that new jobs are pinned to."""
        return self.checkpoint or SHIPPED_CHECKPOINT

    @property
    def allowed_sources(self) -> tuple[str, ...]:
        """Addresses that inputs may lie below: VAEJOB_SOURCES, or its default."""
        if self.sources is not None:
            return self.sources
        bucket = bucket_of(self.store)
        local = (f"{LOCAL}/",) if self.embedded else ()
        return (*((f"{S3}{bucket}",) if bucket else (self.store,)), *local)

    def as_environment(self) -> dict[str, str]:
        """These settings as VAEJOB_* variables, for a child process that reads them again."""
        values = {_name(field): _as_text(getattr(self, field)) for field in self.__struct_fields__}
        return {name: text for name, text in values.items() if text is not None}


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment; an empty variable counts as unset.

    Raises InvalidValue, naming the variable, its value and what is allowed.
    """
    known = {_name(field): field for field in Settings.__struct_fields__}
    values = {known[key]: value for key, value in environ.items() if key in known and value}
    home = _absolute("home", values.pop("home", "~/.local/share/vaejob"))
    fields: dict[str, Any] = {"home": home, "store": _store_url(values.pop("store", ""), home)}
    if "redis_url" in values:
        fields["redis_url"] = _redis_url(values.pop("redis_url"))
    if "sources" in values:
        fields["sources"] = tuple(_as_url("sources", text) for text in values.pop("sources").replace(",", " ").split())
    if "checkpoint" in values:
        fields["checkpoint"] = _absolute("checkpoint", values.pop("checkpoint"))
    for name, text in values.items():
        fields[name] = _typed(name, text)
    return Settings(**fields)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """VAEJOB_* variables that name no setting, a misspelt one for example; to be told of, not refused."""
    known = {_name(field) for field in Settings.__struct_fields__}
    return sorted(key for key in environ if key.startswith(PREFIX) and key not in known)


def _name(field: str) -> str:
    return PREFIX + field.upper()


def _typed(field: str, text: str) -> Any:
    kind = Settings.__annotations__[field]
    try:
        if "int" in kind:
            return int(text)
        if "float" in kind:
            return float(text)
    except ValueError as error:
        what = "a whole number" if "int" in kind else "a number"
        raise InvalidValue(f"{_name(field)} {shown(text)!r} is not {what}") from error
    return text


def _as_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, tuple):
        return " ".join(value) or ","  # no sources at all, which an empty variable would not say
    return str(value)


def _redis_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_known = parts.scheme in {"redis", "rediss", "unix"} and parts.port != 0
        if parts.scheme != "unix":
            is_known = is_known and re.fullmatch(r"(/\d*)?", parts.path) is not None  # the number of a database
    except ValueError:
        is_known = False  # no port, or a broken host
    if not is_known:
        # Neither the value nor the cause is shown: they may hold a password.
        raise InvalidValue(f"{_name('redis_url')} is not understood: redis://host:6379/0, rediss://… or unix:///path")
    return text


def _absolute(field: str, text: str) -> Path:
    try:
        return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # takes `..` out, leaves links
    except RuntimeError as error:  # `~name` of a user who is not on this machine
        raise InvalidValue(f"{_name(field)} {shown(text)!r} is in no one's home: a path, or ~/ and a path") from error


def _as_url(field: str, text: str) -> str:
    return text if "://" in text else f"{LOCAL}{_absolute(field, text)}"


def _check_address(field: str, url: str) -> None:
    try:
        parse_source(url)
    except InvalidValue as error:
        what = f"{_name(field)} {shown_address(url)!r} is not understood: s3://bucket/prefix or a folder"
        raise InvalidValue(what) from error


def _store_url(text: str, home: Path) -> str:
    url = _as_url("store", text or str(home / "store"))
    _check_address("store", url)
    return url.rstrip("/") if url != f"{LOCAL}/" else url
