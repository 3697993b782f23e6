"""Sheets of a run as a film."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image

from vae_core import cli
from vae_core.training.animation import find_sheets, write_animation

_COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three sheets of odd size, each of one colour, made out of order; and other pictures."""
    sheets = tmp_path / "run" / "sheets"
    sheets.mkdir(parents=True)
    for number in (2, 0, 1):
        name = f"{(number + 1) * 45_000_000:08d}"  # the last one has a digit more than the first has
        Image.new("RGB", (161, 35), _COLOURS[number]).save(sheets / f"{name}-samples.png")
    Image.new("RGB", (161, 35)).save(sheets / "final-samples.png")
    Image.new("RGB", (161, 35)).save(sheets / "00000001-reconstructions.png")
    return tmp_path / "run"


def _colour(frame: Image.Image) -> int:
    """Which of the colours the middle of the sheet has."""
    pixel = frame.convert("RGB").getpixel((30, 17))
    assert isinstance(pixel, tuple)
    return max(range(3), key=lambda channel: pixel[channel])


def test_frames_follow_the_image_steps_when_it_is_a_webp(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "film.webp"
    assert cli.main(["animate", str(run), "--out", str(out), "--fps", "10", "--hold", "1.5"]) == 0
    with Image.open(out) as film:
        assert film.n_frames == 3
        assert film.size == (162, 68)
        colours, durations = [], []
        for number in range(3):
            film.seek(number)
            film.load()
            colours.append(_colour(film))
            durations.append(film.info["duration"])
    assert colours == [0, 1, 2]
    assert durations == [100, 100, 1500]
    assert [path.name for path in out.parent.iterdir()] == ["film.webp"]


def test_frames_follow_the_image_steps_when_it_is_a_video(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    assert cli.main(["animate", str(run), "--out", str(out), "--fps", "2.5", "--hold", "2"]) == 0
    with av.open(str(out)) as film:
        (stream,) = film.streams.video
        assert float(stream.average_rate or 0) == 2.5
        frames = [frame.to_image() for frame in film.decode(video=0)]
    assert [_colour(frame) for frame in frames] == [0, 1, 2, 2, 2, 2, 2]
    assert frames[0].size == (162, 68)


def test_label_stands_below_and_changes_when_the_sheet_does(run: Path, tmp_path: Path) -> None:
    write_animation(find_sheets(run, "samples"), tmp_path / "film.webp")
    labels = []
    with Image.open(tmp_path / "film.webp") as film:
        for number in range(3):
            film.seek(number)
            labels.append(film.convert("L").crop((0, 38, 162, 68)))
    assert all(int(label.getextrema()[0]) < 120 for label in labels)  # type: ignore[arg-type]
    assert labels[0].tobytes() != labels[1].tobytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--out", "film.gif"], "--out film.gif is of unknown type: .webp and .mp4 are allowed"),
        (["run", "--out", "film"], "unknown type"),
        (["run", "--out", "film.mp4", "--fps", "0"], "--fps 0 is out of range: 0.1 to 60"),
        (["run", "--out", "film.mp4", "--hold", "nan"], "--hold nan"),
        (["none", "--out", "film.mp4"], "none: no such folder"),
        (["empty", "--out", "film.mp4"], "empty: has no sheets of samples yet"),
        (["run", "--out", "film.mp4", "--of", "faces"], "faces"),
        (["broken", "--out", "film.mp4"], "00000002-samples.png: cannot be read as an image"),
        (["broken", "--out", "film.webp"], "00000002-samples.png: cannot be read as an image"),
    ],
)
def test_command_is_refused_in_one_line_and_writes_nothing(
    run: Path,
    tmp_path: Path,
    arguments: list[str],
    said: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken" / "sheets").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "broken" / "sheets" / "00000001-samples.png")
    (tmp_path / "broken" / "sheets" / "00000002-samples.png").write_bytes(b"no picture")
    assert cli.main(["animate", *arguments]) == 2
    error = capfd.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert said in error
    assert {path.name for path in tmp_path.iterdir()} == {"run", "empty", "broken"}
