"""All measurements, one after another, and what they are judged by."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.bench.on_gpu.device import Subject, make_feed
from tests.bench.on_gpu.encoders import ALONE, measure_encoders, process_pool, shared_slots
from tests.bench.on_gpu.network import DECODE, DEVICE_ALONE, SEED, DeviceBench
from tests.bench.on_gpu.path import Line, Times, make_plainly
from tests.bench.on_gpu.report import RATE_COLUMNS, Report, clocked, rate
from tests.bench.on_gpu.shards import PIECE, differing, shard_hashes
from tests.bench.on_gpu.slots import png_encoder
from vae_core.model.engine import Engine
from vae_core.settings import SHIPPED_CHECKPOINT

SHARD_SIZE = 5000
DECODE_TARGET = 50_000.0  # images a second, on an H100
PATH_TARGET = 0.8  # of the slower of the device and the encoders
DIFFERENT = "different_shards"
_PATH = "path"
_PATH_RATIO = "path_ratio"
_PICTURES = 1024  # that are encoded over and over
_MOST_COMPARED = 2000
# Stages of the median run, what they are called, and whose time they are a share of.
_STAGES = (
    ("device", "the device decodes", "wall"),
    ("wait for latents", "main thread waits for latents", "wall"),
    ("wait for device", "main thread waits for the device", "wall"),
    ("copy to slot", "main thread copies to shared memory", "wall"),
    ("wait for encoders", "main thread waits for encoders", "wall"),
    ("wait for the last", "main thread waits for the last encoders", "wall"),
    ("write", "writing thread writes files", "wall"),
    ("png", "encoders make PNGs", "cores"),
    ("hash and tar", "encoders hash, describe and pack", "cores"),
    ("latents", "latents are drawn", "cores"),
)


@dataclass(frozen=True)
class Options:
    """As on the command line."""

    device: str
    images: int
    batch: int
    cores: int
    runs: int


def run_course(options: Options) -> Report:
    """Measures everything. Raises BadCheckpoint, InvalidValue or DeviceFailed where not even the engine loads."""
    engine = Engine.load(SHIPPED_CHECKPOINT, device=options.device, batch_size=options.batch)
    subject = Subject(engine)
    if subject.on_gpu:
        torch.cuda.set_device(subject.device)  # of events and streams that are made without naming one
    report = Report(_facts(options, engine))
    device = DeviceBench(subject, report, options.images, options.runs)
    with report.section("decode, latents on the device", *RATE_COLUMNS):
        device.measure_decode()
    with report.section("encode, pictures on the device", *RATE_COLUMNS):
        device.measure_encode()
    with report.section("device to host", *RATE_COLUMNS):
        device.measure_copy()
        device.measure_feed()
    with report.section("PNG encoders", *RATE_COLUMNS):
        pictures = device.pictures(min(options.images, _PICTURES))
        measure_encoders(report, pictures, options.cores, options.runs)
    with process_pool(options.cores) as pool:
        with report.section(f"latents to shards of {SHARD_SIZE:,}", *RATE_COLUMNS):
            _measure_path(report, subject, options, pool)
        with report.section("bytes"):
            _compare_bytes(report, subject, options, pool)
    if subject.on_gpu:
        with report.section("targets"):
            _judge(report)
    return report


def _facts(options: Options, engine: Engine) -> dict[str, object]:
    facts = {
        "device": engine.kind.device,
        "engine": str(engine.kind),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if engine.device_type == "cuda" else None,
        "cudnn": torch.backends.cudnn.version() if engine.device_type == "cuda" else None,  # type: ignore[no-untyped-call]
        "cores": options.cores,
        "cores_of_machine": os.cpu_count(),
        "png_encoder": png_encoder()[0],
        "images": options.images,
        "batch": options.batch,
        "runs": options.runs,
        "checkpoint": engine.checkpoint_sha256,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


@contextmanager
def _line(subject: Subject, cores: int, pool: Executor) -> Iterator[Line]:
    """For use within `Subject.running`. Each has a graph and slots of its own."""
    size = subject.engine.batch_size
    count = 2 + -(-2 * PIECE * cores // size)  # two pieces for each core, and two batches that are filled or written
    with shared_slots(count, size, subject.engine.image_size) as slots:
        yield Line(subject, make_feed(subject), pool, slots, slots.create())


def _measure_path(report: Report, subject: Subject, options: Options, pool: Executor) -> None:
    size = options.batch
    sampled = max(1, min(options.images, 2048) // size)
    one_core = rate(
        sampled * size,
        options.runs,
        lambda: clocked(lambda: [subject.latents(number * size, size, SEED) for number in range(sampled)]),
    )
    report.rate("latents", "latents from the prior, one core", one_core, "latents/s")
    with subject.running(), _line(subject, options.cores, pool) as line:
        _timed(line, min(options.images, size * (line.slots.count if subject.on_gpu else 1)))  # to warm up
        runs = sorted((_timed(line, options.images) for _ in range(options.runs)), key=lambda times: times.wall_s)
    walls = iter(runs)
    found = rate(options.images, options.runs, lambda: next(walls).wall_s)
    report.rate(_PATH, "whole path", found)
    alone = [report.number(DEVICE_ALONE), report.number(ALONE)]
    if None not in alone:
        slower = min(number for number in alone if number is not None)
        report.value(_PATH_RATIO, "of the slower of device alone and encoders alone", found.median / slower, "times")
    if not subject.on_gpu:
        report.note("that says little here, as the network and the encoders share the cores")
    _tell_times(report, runs[len(runs) // 2], options)


def _tell_times(report: Report, run: Times, options: Options) -> None:
    report.note(f"where the {run.wall_s:.3f} s of the median run went:")
    for stage, what, whose in _STAGES:
        whole = run.wall_s * (options.cores if whose == "cores" else 1)
        share = 100 * run.seconds.get(stage, 0.0) / whole
        report.value(f"path_{_key(stage)}_percent", what, share, f"% of {whose}")
    for stage in ("png", "hash and tar"):
        per_core = options.images / max(run.seconds.get(stage, 0.0), 1e-3)
        report.value(f"path_{_key(stage)}", f"{stage}, of a core that did nothing else", per_core, "images/s")


def _key(stage: str) -> str:
    return stage.replace(" ", "_")


def _timed(line: Line, images: int) -> Times:
    with tempfile.TemporaryDirectory(prefix="bench-shards-") as folder:
        return line.make(images, SHARD_SIZE, SEED, Path(folder))


def _hashed(line: Line, images: int, shard_size: int) -> dict[str, str]:
    """SHA-256 of each shard of a run."""
    with tempfile.TemporaryDirectory(prefix="bench-shards-") as folder:
        line.make(images, shard_size, SEED, Path(folder))
        return shard_hashes(Path(folder))


def _compare_bytes(report: Report, subject: Subject, options: Options, pool: Executor) -> None:
    """Two smaller runs, each with a graph of its own, and the same shards made plainly."""
    images = max(1, min(options.images // 4, _MOST_COMPARED))
    shard_size = 2 * images // 5 + 1  # three shards, whose ends are not those of batches
    made = []
    with subject.running():
        for _ in range(2):
            with _line(subject, options.cores, pool) as line:
                made.append(_hashed(line, images, shard_size))
    different = differing(*made)
    report.data("compared_images", images)
    report.data("shard_sha256", made[0])
    report.data(DIFFERENT, different)
    what = f"two runs of {images:,} images, {len(made[0])} shards"
    report.verdict("equal_bytes", what, not different, ("differ", "equal"))
    plain = make_plainly(subject, images, shard_size, SEED)
    what = "the same by Engine.decode, encode_image and pack"
    report.verdict("same_as_plain", what, not differing(made[0], plain), ("differ", "equal"))


def _judge(report: Report) -> None:
    words = ("missed", "met")
    decode, path = report.number(DECODE), report.number(_PATH_RATIO)
    if decode is not None:
        met = decode >= DECODE_TARGET
        report.verdict("decode_met", f"decode, float32: {DECODE_TARGET:,.0f} images/s on an H100", met, words)
    if path is not None:
        met = path >= PATH_TARGET
        report.verdict("path_met", f"whole path: {PATH_TARGET:g} of the slower of its two halves", met, words)
