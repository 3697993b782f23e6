"""On a worker's PYTHONPATH: the engine fails, or hangs, as long as the file DEVICE_FAULT says so.

The file holds `fail` or `hang`. The engine's module is patched as it is loaded, which only the child does.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE = "vae_core.model.engine"
FAULT = Path(os.environ["DEVICE_FAULT"])


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        to_device = module.Engine._to_device

        def faulty(self: Any, rows: Any) -> Any:
            fault = FAULT.read_text() if FAULT.exists() else ""
            if fault == "fail":
                raise module.torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700)
            if fault == "hang":
                time.sleep(3600)
            return to_device(self, rows)

        module.Engine._to_device = faulty


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


sys.meta_path.insert(0, _Finder())
