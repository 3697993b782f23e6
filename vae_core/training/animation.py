"""How a run's sheets changed while it learnt, as an animated WebP or an MP4 video."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_float

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Kind = Literal["samples", "reconstructions"]

_PAPER, _INK = (250, 250, 249), (28, 25, 23)
_STRIP_PX = 32
_TEXT_PX = 16
_WEBP_QUALITY = 80
_VIDEO_CODECS = ("libx264", "libopenh264", "mpeg4")  # the first that PyAV was built with
_VIDEO_OPTIONS = {"libx264": {"crf": "18", "preset": "medium"}, "mpeg4": {"qscale": "3"}}


class Sheet(NamedTuple):
    """One sheet of a run, made after `image_steps`."""

    image_steps: int
    path: Path


def find_sheets(run: Path, kind: Kind) -> list[Sheet]:
    """The run's sheets of this kind, in the order they were made. Raises InvalidValue when there are none."""
    if not run.is_dir():
        raise InvalidValue(f"{run}: no such folder: name the folder of a run, as given to `vaecore train --out`")
    named = [(re.fullmatch(rf"(\d+)-{kind}\.png", path.name), path) for path in (run / "sheets").glob("*.png")]
    sheets = sorted(Sheet(int(match[1]), path) for match, path in named if match)
    if not sheets:
        raise InvalidValue(
            f"{run}: has no sheets of {kind} yet: `vaecore train` makes one every sheet_every image-steps"
        )
    return sheets


def write_animation(sheets: Sequence[Sheet], out: Path, *, fps: float = 4.0, hold_s: float = 2.0) -> None:
    """Write one frame for each sheet, labelled with its image-step, to `out`, in one step; the last one is held.

    out: a path that ends in .webp or .mp4. fps: 0.1 to 60. hold_s: 0 to 60. Raises InvalidValue for another value, or
    for a sheet that cannot be read.
    """
    check_float("--fps", fps, 0.1, 60.0)
    check_float("--hold", hold_s, 0.0, 60.0)
    writers: dict[str, Callable[[Iterator[Image.Image], int, Path, float, float], None]] = {
        ".webp": _write_webp,
        ".mp4": _write_mp4,
    }
    if out.suffix.lower() not in writers:
        raise InvalidValue(f"--out {out} is of unknown type: {' and '.join(writers)} are allowed")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    try:
        writers[out.suffix.lower()](_frames(sheets), len(sheets), partial, fps, hold_s)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _frames(sheets: Sequence[Sheet]) -> Iterator[Image.Image]:
    """Each sheet above its label, all of the size of the first, which is made even, as videos have it."""
    font = ImageFont.load_default(_TEXT_PX)
    size: tuple[int, int] | None = None
    for sheet in sheets:
        try:
            with Image.open(sheet.path) as opened:
                picture = opened.convert("RGB")
        except (OSError, UnidentifiedImageError) as exc:
            raise InvalidValue(f"{sheet.path}: cannot be read as an image: take it away") from exc
        size = size or (picture.width + picture.width % 2, picture.height + (picture.height + _STRIP_PX) % 2)
        frame = Image.new("RGB", (size[0], size[1] + _STRIP_PX), _PAPER)
        frame.paste(picture, (0, 0))
        draw = ImageDraw.Draw(frame)
        draw.rectangle((0, size[1], size[0], size[1] + _STRIP_PX), fill=_PAPER)
        text = f"image-step {sheet.image_steps:,}"
        draw.text((8, size[1] + _STRIP_PX // 2), text, font=font, fill=_INK, anchor="lm")
        yield frame


def _write_webp(frames: Iterator[Image.Image], count: int, path: Path, fps: float, hold_s: float) -> None:
    durations = [round(1000 / fps)] * count
    durations[-1] = max(durations[-1], round(1000 * hold_s))
    next(frames).save(
        path,
        format="WEBP",
        save_all=True,
        append_images=frames,
        duration=durations,
        loop=0,
        quality=_WEBP_QUALITY,
        method=4,
    )


def _write_mp4(frames: Iterator[Image.Image], count: int, path: Path, fps: float, hold_s: float) -> None:
    import av  # late: only videos need it

    codec = next((name for name in _VIDEO_CODECS if name in av.codecs_available), None)
    if codec is None:
        raise InvalidValue("--out: PyAV has no encoder for MP4 here: give a path that ends in .webp")
    rate = Fraction(fps).limit_denominator(1000)
    repeats = max(1, round(hold_s * fps))
    with av.open(str(path), "w", format="mp4") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=_VIDEO_OPTIONS.get(codec, {})))
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(frames):
            if number == 0:
                stream.width, stream.height = frame.size
            picture = av.VideoFrame.from_ndarray(np.asarray(frame), format="rgb24")
            for _ in range(repeats if number == count - 1 else 1):
                picture.pts = None  # the next one
                container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
