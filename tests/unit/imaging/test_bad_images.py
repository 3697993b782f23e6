"""What is no image, or not one within the limits, is refused with a stable reason and a text that never changes."""

from __future__ import annotations

import re

import pytest

from tests.unit.imaging.bad import BAD, HUGE, PNG
from tests.unit.imaging.files import SIDE, png
from vae_core.errors import BadImage
from vae_core.imaging.decoding import decode_fitted


def refusal(data: bytes) -> BadImage:
    with pytest.raises(BadImage) as caught:
        decode_fitted(data, size=SIDE, fit="pad", max_pixels=100_000_000)
    return caught.value


# Pillow's warnings on the way to an error go nowhere but to stderr; here they would stand in for that error.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("data", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_reason_is_stable_and_text_is_one_line_when_image_is_bad(data: bytes, reason: str) -> None:
    error = refusal(data)
    text = str(error)
    assert error.reason == reason
    assert text.isprintable()
    assert 10 < len(text) < 200
    assert not re.search(r"0x[0-9a-f]{6,}|BytesIO|<.+>|Traceback", text)
    assert str(refusal(bytes(bytearray(data)))) == text


def test_text_gives_size_and_limit_when_there_are_too_many_pixels() -> None:
    assert str(refusal(png(HUGE, HUGE, b""))) == "30000x30000 is 900,000,000 pixels; at most 100,000,000 are decoded"


def test_text_names_the_formats_when_it_is_no_image() -> None:
    assert "JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, PPM" in str(refusal(b"words"))


def test_memory_error_is_not_blamed_on_the_image_when_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError

    for place in ("PIL.Image.open", "PIL.PngImagePlugin.PngImageFile.load"):
        with monkeypatch.context() as patch:
            patch.setattr(place, out_of_memory)
            with pytest.raises(MemoryError):
                decode_fitted(PNG, size=SIDE, fit="pad", max_pixels=10**6)
