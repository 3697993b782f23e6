"""Measures a sample job's way from latents to shards on this machine: `python tests/bench/gpu.py`.

torch, numpy and pillow are all that it needs; with fpng it encodes as a worker does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Run as a file, it is looked for beside this file first, where `site` and `inputs` are not what others mean by them.
sys.path[:] = [str(_HERE.parents[1]), *(path for path in sys.path if Path(path).resolve() != _HERE)]

from tests.bench.on_gpu.bare import stand_in  # noqa: E402

stand_in()  # here, as each encoding process imports this module before anything else

_NEEDED = {"torch": "torch>=2.11", "numpy": "numpy", "PIL": "pillow"}
_MOST_IMAGES = 10_000_000
_MOST_CORES = 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 where bytes differ or a section failed, 2 where nothing could be measured."""
    options = _parser().parse_args(arguments)
    missing = [package for name, package in _NEEDED.items() if find_spec(name) is None]
    if missing:
        return _refused(f"this machine lacks what is measured: pip install {' '.join(missing)}")
    # Here, as whoever lacks a package is told so above, and as each encoding process imports this module, but no torch.
    from tests.bench.on_gpu.course import DIFFERENT, Options, run_course
    from tests.bench.on_gpu.encoders import core_count
    from vae_core.errors import VaejobError
    from vae_core.jobs.checks import check_int
    from vae_core.settings import MAX_BATCH_SIZE

    cores = core_count() if options.cores is None else options.cores
    try:
        check_int("--images", options.images, 1, _MOST_IMAGES)
        check_int("--batch", options.batch, 1, MAX_BATCH_SIZE)
        check_int("--cores", cores, 1, _MOST_CORES)
        check_int("--runs", options.runs, 1, 1000)
        report = run_course(Options(options.device, options.images, options.batch, cores, options.runs))
    except VaejobError as exc:
        return _refused(str(exc))
    found = report.as_data()
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    different = found["figures"].get(DIFFERENT, [])
    if different:
        sys.stderr.write(f"two runs gave different bytes: {', '.join(different)}\n")
    return 1 if different or report.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--images", type=int, default=20_000, help="in each run")
    parser.add_argument("--batch", type=int, default=256, help="images in a batch, the one shape that is run")
    parser.add_argument("--cores", type=int, help="that encode; left out, all that this process may use")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement; the median is told")
    parser.add_argument("--json", type=Path, help="write all figures there")
    return parser


def _refused(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
