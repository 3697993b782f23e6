"""ONNX files: one function each, weights inside, the same bytes for the same checkpoint and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import onnxscript
import torch

from vae_core.export.formats import EXAMPLE_ROWS, Runner
from vae_core.export.functions import Function

SUFFIX = ".onnx"
# The operators' version that torch itself writes, without a conversion; every runtime since 2023 knows it.
OPSET = 18


def write(function: Function, path: Path, notes: Mapping[str, str]) -> None:
    """Write the function; `notes` become the model's metadata. Raises onnx.checker.ValidationError."""
    program = torch.onnx.export(
        function.module,
        (torch.zeros(EXAMPLE_ROWS, *function.input_shape),),
        input_names=[function.input_name],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise TypeError("torch.onnx.export returned no program")
    _name_outputs(program.model.graph, function.outputs)
    model = program.model_proto
    _strip(model)
    model.graph.name = function.name
    onnx.helper.set_model_props(model, dict(sorted(notes.items())))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def load(path: Path) -> Runner:
    """The file's function, run by onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (argument,) = session.get_inputs()

    def run(rows: np.ndarray) -> Sequence[np.ndarray]:
        results: Sequence[np.ndarray] = session.run(None, {argument.name: rows})
        return results

    return run


def versions() -> dict[str, str]:
    """Of everything that had a part in writing and checking the file."""
    return {
        "torch": str(torch.__version__),
        "onnx": onnx.__version__,
        "onnxscript": onnxscript.__version__,
        "onnxruntime": onnxruntime.__version__,
        "opset": str(OPSET),
    }


def _name_outputs(graph: ir.Graph, names: Sequence[str]) -> None:
    """Give the outputs their names, and each a value of its own.

    torch is not asked to: it names inner values after their operators, and lets one called `mean` and an output of that
    name be the same. And the published network's mean and log-variance are one tensor, which may be one output only.
    """
    for node in graph:
        for value in node.outputs:
            value.name = f"{value.name}_inner"
    for place, name in enumerate(names):
        value = graph.outputs[place]
        if value in graph.outputs[:place]:
            copied = ir.node("Identity", [value])
            graph.append(copied)
            copied.outputs[0].type, copied.outputs[0].shape = value.type, value.shape
            graph.outputs[place] = value = copied.outputs[0]
        value.name = name


def _strip(model: Any) -> None:
    """Remove what the exporter notes of its own run: stack traces with this machine's paths, names drawn anew."""
    del model.graph.value_info[:]
    for part in _parts(model):
        del part.metadata_props[:]
        part.doc_string = ""


def _parts(model: Any) -> Iterator[Any]:
    graph = model.graph
    for parts in ([model, graph], graph.node, graph.initializer, graph.input, graph.output):
        yield from parts
