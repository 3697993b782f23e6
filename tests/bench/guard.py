"""The regression guard: what the work costs, counted or as a ratio within one run, against a stored baseline.

Absolute seconds are in none of it. `tests/integration/test_costs.py` holds it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.inputs import write_pictures
from tests.bench.null import NullEngine
from vae_core.imaging.decoding import decode_fitted
from vae_core.imaging.encoding import encode_image
from vae_core.imaging.sheets import atlas
from vae_core.imaging.similarity import psnr, ssim
from vae_core.storage.opening import open_store

BASELINE = Path(__file__).with_name("baseline.json")
MORE_CALLS = 1.10
"""How many times the calls of the baseline are allowed: the counts hardly differ from run to run."""
SLOWER = 2.0
"""How many times the ratio of the baseline is allowed: processors differ in what they are good at."""
_REPEATS = 15


def ratios() -> dict[str, float]:
    """Processor time of what is done to each image, as multiples of one compression of its pixels by zlib's level 1."""
    picture = _picture()
    blurred = np.roll(picture, 1, axis=0)
    tiles = [picture] * 64
    with tempfile.TemporaryDirectory() as folder:
        source = open_store(f"{folder}/source")
        write_pictures(source, 1)
        jpeg = source.read("00000.jpg").data
        works: dict[str, Callable[[], object]] = {
            "yardstick": lambda: zlib.compress(picture.tobytes(), 1),
            "png": lambda: encode_image(picture, "png"),
            "jpeg": lambda: encode_image(picture, "jpeg"),
            "decode": lambda: decode_fitted(jpeg, size=128, fit="pad", max_pixels=10**8),
            "psnr": lambda: psnr(picture, blurred),
            "ssim": lambda: ssim(picture, blurred),
            "tile of an atlas": lambda: atlas(tiles),
        }
        shares = {"tile of an atlas": 1 / len(tiles)}
        least = {name: _least_s(work) * shares.get(name, 1.0) for name, work in works.items()}
    return {name: seconds / least["yardstick"] for name, seconds in least.items() if name != "yardstick"}


@contextmanager
def counted_calls(counts: Counter[str]) -> Iterator[None]:
    """Counts calls of functions, Python's and C's, of this thread and those that begin meanwhile, under `calls`."""

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        if event in {"call", "c_call"}:
            counts["calls"] += 1

    before = sys.getprofile()
    threading.setprofile(count)
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def regressions(found: dict[str, float], baseline: dict[str, float], allowed: float) -> list[str]:
    """What costs more than the baseline allows, a line each; what the baseline does not know is one as well."""
    lines = [f"{name} is not in the baseline: `make baseline` writes it" for name in found if name not in baseline]
    return lines + [
        f"{name}: {value:.3g}, which was {baseline[name]:.3g}: at most {allowed:g} times that is allowed"
        for name, value in found.items()
        if name in baseline and value > allowed * baseline[name]
    ]


def stored(section: str) -> dict[str, float]:
    found: dict[str, dict[str, float]] = json.loads(BASELINE.read_text())
    return found.get(section, {})


def store_section(section: str, found: dict[str, float]) -> None:
    """Writes a section of the baseline; the others stay."""
    whole = json.loads(BASELINE.read_text())
    whole[section] = {name: float(f"{value:.4g}") for name, value in sorted(found.items())}
    BASELINE.write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n")


def _picture() -> NDArray[np.uint8]:
    return NullEngine().decode(np.zeros((1, 64), dtype=np.float32))[0]


def _least_s(work: Callable[[], object]) -> float:
    """Of several: whatever else the machine does only adds to it."""
    found = []
    for _ in range(_REPEATS):
        began, times = time.process_time(), 0
        while time.process_time() - began < 0.01:
            work()
            times += 1
        found.append((time.process_time() - began) / times)
    return min(found)
