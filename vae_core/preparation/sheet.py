"""A picture of a data set to look at: some of what was kept, and the duplicates that are most worth a doubt."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from vae_core.imaging.sheets import Tile, contact_sheet

_COLUMNS = 10
_PAPER = (250, 250, 249)


def data_sheet(kept: Sequence[Tile], duplicates: Sequence[Tile], *, title: str, duplicates_title: str) -> bytes:
    """A PNG of two contact sheets, one below the other; without duplicates of the first alone."""
    parts = [contact_sheet(kept, title=title, columns=_COLUMNS)]
    if duplicates:
        parts.append(contact_sheet(duplicates, title=duplicates_title, columns=_COLUMNS // 2))
    images = [Image.open(io.BytesIO(part)) for part in parts]
    sheet = Image.new("RGB", (max(image.width for image in images), sum(image.height for image in images)), _PAPER)
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
