"""`vaecore prepare` as it is called: what it prints, its exit codes, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import click
import psutil
import pytest

from tests.unit.preparation.pictures import SIZE, noise, write, write_many
from vae_core.cli import main
from vae_core.commands.prepare import prepare_command
from vae_core.preparation.recipe import Recipe

SCRIPT = Path(sys.executable).parent / "vaecore"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEJOB_HOME", str(tmp_path / "home"))


def run(*args: object) -> int:
    return main(["prepare", *map(str, args), "--size", str(SIZE)])


def test_report_is_told_when_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = write_many(tmp_path / "in", 12), tmp_path / "set.zip"
    write(folder / "again.png", noise(3))
    (folder / "notes.txt").write_text("no picture")
    assert run(folder, out, "--fit", "crop", "--validation", "0", "--test", "0.25", "--duplicates", "3", "--json") == 0
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert report == json.loads((tmp_path / "set.report.json").read_bytes())
    shares = {"validation": 0.0, "test": 0.25}
    assert report["recipe"] == {"size": SIZE, "fit": "crop", "distance": 3, "shares": shares}
    assert report["duplicates"] == [{"name": "again.png", "of": "003.png", "distance": 0, "same_pixels": True}]
    assert [(each["name"], each["code"]) for each in report["rejected"]] == [("notes.txt", "not_an_image")]
    assert report["splits"]["validation"] == 0
    assert report["warnings"] == []
    lines = told.err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "12 of 14 files kept",
        "1 duplicates left out, 1 of them to the last pixel",
        "1 rejected",
        "training split, red green blue",
        "written",
    ]
    assert run(folder, out) == 2
    assert run(folder, out, "--overwrite") == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--validation", "0.6", "--test", "0.4"], "leave nothing to train on"),
        (["--fit", "stretch"], "--fit 'stretch' is unknown"),
        (["--duplicates", "99"], "--duplicates 99 is out of range: 0 to 40"),
        (["--processes", "0"], "--processes 0 is out of range"),
    ],
)
def test_command_ends_in_one_line_when_an_option_is_not_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert run(write_many(tmp_path / "in", 2), tmp_path / "set.zip", *options) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert said in told.err
    assert not (tmp_path / "set.zip").exists()


@pytest.mark.parametrize("source", ["missing", "empty", "text.zip", "cut.zip"])
def test_command_ends_in_one_line_when_the_source_is_no_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("a.png", os.urandom(1000))
    (tmp_path / "cut.zip").write_bytes((tmp_path / "cut.zip").read_bytes()[:500])
    assert run(tmp_path / source, tmp_path / "out" / "set.zip") == 2
    told = capsys.readouterr()
    assert told.err.startswith("Error: ")
    assert source in told.err
    assert len(told.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_defaults_are_those_of_the_recipe_when_nothing_is_asked() -> None:
    options = {parameter.name: parameter for parameter in prepare_command.params if isinstance(parameter, click.Option)}
    recipe = Recipe()
    assert (options["size"].default, options["fit"].default) == (recipe.size, recipe.fit)
    assert options["distance"].default == recipe.distance
    assert (options["validation"].default, options["test"].default) == (recipe.shares.validation, recipe.shares.test)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_and_one_line_is_told_when_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    folder = write_many(tmp_path / "in", 1)
    for copy in range(1500):
        os.link(folder / "000.png", folder / f"link-{copy}.png")
    with subprocess.Popen(
        [str(SCRIPT), "prepare", str(folder), str(tmp_path / "out" / "set.zip"), "--processes", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # As from a terminal: tests that run in the background of a shell have Ctrl-C ignored, and pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while len(psutil.Process(process.pid).children()) < 3:  # two that read, and one that tracks what they share
                assert process.poll() is None and time.monotonic() < deadline, process.communicate()
                time.sleep(0.01)
            if number == signal.SIGINT:  # goes to all that the terminal started
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            out, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert told.strip().startswith("Error: interrupted")
    assert len(told.strip().splitlines()) == 1
    assert list((tmp_path / "out").iterdir()) == []
