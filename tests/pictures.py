"""Folders of pictures to reconstruct."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vae_core.training.cars.draw import draw_car


def write_cars(folder: Path, count: int) -> None:
    """`count` drawn cars as PNG files `car-000.png`, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels, _ = draw_car(123, index, size=64)
        Image.fromarray(pixels).save(folder / f"car-{index:03d}.png")


def write_bad_pictures(folder: Path) -> dict[str, str]:
    """Files that cannot be decoded; the expected code of each by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "whole.png"
    Image.effect_noise((64, 64), 80).save(whole)
    data = whole.read_bytes()
    whole.unlink()
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    return {"empty.png": "empty", "notes.txt": "not_an_image", "truncated.png": "undecodable"}
