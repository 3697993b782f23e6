"""Places that commands are told to write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_core.cli import main
from vae_core.commands.params import check_out_file, check_out_folder
from vae_core.errors import InvalidValue


def test_place_is_accepted_when_its_folders_can_be_made(tmp_path: Path) -> None:
    check_out_file(tmp_path / "new" / "folders" / "map.png")
    check_out_folder(tmp_path / "new" / "folders")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"), [("folder.png", "is a folder"), ("file/map.png", "cannot be written to: Not a directory")]
)
def test_place_is_refused_when_nothing_can_be_written_there(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidValue, match=f"^--out .*{name}.* {said}"):
        check_out_file(tmp_path / name)


@pytest.mark.parametrize(("name", "said"), [("file", "is a file: name a folder"), ("file/run", "cannot be written to")])
def test_folder_is_refused_when_a_file_is_in_its_way(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidValue, match=f"^--out .*{name} {said}"):
        check_out_folder(tmp_path / name)


@pytest.mark.parametrize("command", [["latent-map", "no.safetensors", "no-data"], ["animate", "no-run"]])
def test_place_is_refused_before_anything_is_read(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main([*command, "--out", str(tmp_path / "file" / "a.png")]) == 2
    assert "cannot be written to" in capsys.readouterr().err
