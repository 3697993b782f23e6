"""On a worker's PYTHONPATH: decoding an image that holds POISON_MARK ends the process, as a C library's fault does."""

from __future__ import annotations

import os
from typing import Any

from PIL import Image

MARK = os.environ["POISON_MARK"].encode()
_open = Image.open


def _open_or_die(file: Any, *args: Any, **options: Any) -> Image.Image:
    if MARK in file.getvalue():
        os.abort()
    return _open(file, *args, **options)


Image.open = _open_or_die
