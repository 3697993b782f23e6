"""Every key name in the store."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

OPEN = "open/"
JOBS = "jobs/"
CHECKPOINTS = "checkpoints/"
SCHEDULES = "schedules/"
EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
MAX_SEGMENT_BYTES = 200
MAX_NAME_BYTES = 800


def open_key(job_id: str) -> str:
    """Exists while the job is not finished; written first, deleted last."""
    return f"{OPEN}{job_id}"


def checkpoint_key(sha256: str) -> str:
    return f"{CHECKPOINTS}{sha256}.safetensors"


class JobKeys:
    """The keys of one job. Names of outputs and side files in records are relative to `root`."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.root = f"{JOBS}{job_id}/"
        self.job = f"{self.root}job.json"
        self.plan = f"{self.root}plan.json"
        self.end = f"{self.root}end.json"
        self.success = f"{self.root}_SUCCESS"
        self.cancel = f"{self.root}cancel"
        self.paused = f"{self.root}paused"
        self.manifest = f"{self.root}manifest.jsonl"
        self.errors = f"{self.root}errors.jsonl"
        self.summary = f"{self.root}summary.json"
        self.grid = f"{self.root}grid.png"
        self.worst = f"{self.root}worst.png"
        self.best = f"{self.root}best.png"
        self.animation_webp = f"{self.root}animation.webp"
        self.animation_gif = f"{self.root}animation.gif"
        self.page = f"{self.root}index.html"
        self.images = f"{self.root}images/"
        self.shards = f"{self.root}shards/"
        self.sheets = f"{self.root}sheets/"
        self.latents = f"{self.root}latents/"
        self.parts = f"{self.root}parts/"
        self.dead_parts = f"{self.root}dead/"
        self.all_attempts = f"{self.root}attempts/"
        self.all_inputs = f"{self.root}inputs/"
        self.result_folders = (self.images, self.latents, self.shards, self.sheets)

    def inputs(self, input_set: str, part: int) -> str:
        return f"{self.all_inputs}{input_set}/{part:05d}.jsonl"

    def key_list(self, sha256: str) -> str:
        """The keys that a reconstruct job was given instead of a place to list: one a line, in UTF-8."""
        return f"{self.all_inputs}{sha256}.txt"

    def points(self, input_set: str) -> str:
        """The images that an interpolation walks between: one list for all its parts."""
        return self.inputs(input_set, 0)

    def part(self, part: int) -> str:
        return f"{self.parts}{part:05d}.json"

    def dead(self, part: int) -> str:
        return f"{self.dead_parts}{part:05d}.json"

    def attempts(self, part: int) -> str:
        return f"{self.all_attempts}{part:05d}/"

    def attempt(self, part: int, token: str) -> str:
        return f"{self.attempts(part)}{token}"


class ScheduleKeys:
    """The keys of one schedule."""

    def __init__(self, name: str) -> None:
        self.schedule = f"{SCHEDULES}{name}.json"
        self.root = f"{SCHEDULES}{name}/"
        self.paused = f"{self.root}paused"
        self.runs = f"{self.root}runs/"
        self.ledger = f"{self.root}ledger/"

    def run(self, run: str) -> str:
        """run: name of a run, such as `20261123T203000Z`."""
        return f"{self.runs}{run}.json"

    def ledger_state(self, number: int) -> str:
        """The ledger after its `number`-th change; create-only, and the one with the highest number counts."""
        return f"{self.ledger}{number:08d}"


def part_of(key: str, extension: str = "json") -> int | None:
    """The part that a key such as `…/parts/00012.json` or `…/dead/00012.json` is about, or None for any other name."""
    name, dot, found = key.rpartition("/")[2].partition(".")
    return int(name) if dot and found == extension and name.isascii() and name.isdigit() else None


def sheet_name(part: int) -> str:
    """An atlas of a part's images, relative to the job's folder."""
    return sheet_names(part)[0]


def sheet_names(part: int) -> tuple[str, str]:
    """What the atlas may be called: as it is written now, and as it once was."""
    return f"sheets/{part:05d}.jpg", f"sheets/{part:05d}.webp"


def shard_name(part: int) -> str:
    """The tar of a part's images, relative to the job's folder."""
    return f"shards/{part:05d}.tar"


def member_name(index: int, extension: str) -> str:
    """A file about item `index` in a shard: what it is called before its first dot ties it to its image."""
    return f"{index:08d}.{extension}"


def latents_name(part: int) -> str:
    """The latents of a part's images, relative to the job's folder."""
    return f"latents/{part:05d}.npy"


def fitted_input_name(index: int) -> str:
    """A fitted input that the contact sheet shows, relative to the job's folder."""
    return f"sheets/inputs/{index:08d}.png"


def extremes_name(part: int) -> str:
    """The fitted inputs of a part that came out worst and best, one below the other, relative to the job's folder."""
    return f"sheets/extremes/{part:05d}.png"


def sample_name(index: int, image_format: str) -> str:
    """Output of a sample or interpolate job, relative to the job's folder."""
    return f"images/{member_name(index, EXTENSIONS[image_format])}"


def reconstruction_name(source_key: str, image_format: str) -> str:
    """Output of a reconstruct job for a source key, relative to the job's folder: `images/cars/a.jpg.png`.

    Different keys have different names, and no name is a folder of another: a folder that ends like an output has
    its last dot encoded. A segment over 200 bytes, a name over 800 or an empty segment becomes a hash of the key.
    """
    suffix = f".{EXTENSIONS[image_format]}"
    *folders, name = source_key.split("/")
    segments = [_folder(folder, suffix) for folder in folders] + [_segment(name) + suffix]
    path = "/".join(segments)
    too_long = len(path) > MAX_NAME_BYTES or any(len(segment) > MAX_SEGMENT_BYTES for segment in segments)
    if too_long or not name or not all(folders):
        return f"images/~{hashlib.sha256(source_key.encode()).hexdigest()[:32]}{suffix}"
    return f"images/{path}"


def _segment(text: str) -> str:
    # `~` marks a hashed name, so it is encoded too; `quote` alone would leave it.
    return quote(text, safe="").replace("~", "%7E")


def _folder(text: str, suffix: str) -> str:
    if text in {".", ".."}:
        return text.replace(".", "%2E")
    encoded = _segment(text)
    return f"{encoded[: -len(suffix)]}%2E{suffix[1:]}" if encoded.endswith(suffix) else encoded
