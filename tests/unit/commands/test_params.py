"""Places that commands are told to write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_core.cli import main
from vae_core.commands.params import check_writable
from vae_core.errors import InvalidValue


def test_place_is_accepted_when_its_folders_can_be_made(tmp_path: Path) -> None:
    check_writable("--out", tmp_path / "new" / "folders" / "map.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"), [("folder.png", "is a folder"), ("file/map.png", "is no folder that one may write to")]
)
def test_place_is_refused_when_nothing_can_be_written_there(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidValue, match=f"^--out .*{name}.* {said}"):
        check_writable("--out", tmp_path / name)


@pytest.mark.parametrize("command", [["latent-map", "no.safetensors", "no-data"], ["animate", "no-run"]])
def test_place_is_refused_before_anything_is_read(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main([*command, "--out", str(tmp_path / "file" / "a.png")]) == 2
    assert "cannot be written" in capsys.readouterr().err
