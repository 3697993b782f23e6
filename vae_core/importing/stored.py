"""Tensors as torch's files describe them: views of stored numbers, checked before any memory is taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vae_core.importing.pickles import BadPickle, Global, Made, Meaning

# What torch calls a storage, and the type of its numbers.
_STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
FLOATS = ("float32", "float64", "float16", "bfloat16")
_MAX_DIMENSIONS = 8
_MAX_NUMBER = 2**63
# Beside storages, what a file of weights may name. None of it is ever looked up.
_ALLOWED = {
    Global("collections", "OrderedDict"),
    Global("torch._utils", "_rebuild_tensor"),
    Global("torch._utils", "_rebuild_tensor_v2"),
    Global("torch._utils", "_rebuild_parameter"),
    Global("torch", "Size"),
    Global("torch", "device"),
    *(Global("torch", dtype) for dtype in _STORAGES.values()),
    # Numbers of NumPy, which training loops leave beside the weights.
    Global("numpy", "dtype"),
    Global("numpy.core.multiarray", "scalar"),
    Global("numpy._core.multiarray", "scalar"),
    Global("_codecs", "encode"),
    # Typed lists in TorchScript.
    *(Global("torch.jit._pickle", f"build_{kind}list") for kind in ("int", "double", "bool", "tensor")),
    Global("torch.jit._pickle", "restore_type_tag"),
}
SCRIPT_CLASSES = "__torch__"


class StorageRef(NamedTuple):
    """So many numbers of a type, in the file under `key`."""

    dtype: str
    key: str
    length: int

    @property
    def item_bytes(self) -> int:
        """What one of them takes in the file."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize

    @property
    def size_bytes(self) -> int:
        """What all of them take in the file."""
        return self.length * self.item_bytes


class TensorRef(NamedTuple):
    """A view of a storage, which it does not leave. offset, strides: in numbers."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def check_name(found: Global) -> None:
    """Raises BadPickle for anything but tensors, plain containers and the classes of a TorchScript file."""
    is_storage = found.module in {"torch", "torch.cuda"} and found.name in _STORAGES
    is_script = found.module.split(".")[0] == SCRIPT_CLASSES
    if found not in _ALLOWED and not is_storage and not is_script:
        raise BadPickle(f"asks for {found}, which is no tensor: save only `model.state_dict()`")


def called(function: Global, arguments: object) -> object:
    """A dictionary, a TensorRef, or the note of another call. Raises BadPickle for a tensor that cannot be."""
    if function == ("collections", "OrderedDict") and arguments == ():
        return {}
    if function.module == "torch._utils" and isinstance(arguments, tuple):
        if function.name == "_rebuild_parameter" and arguments and isinstance(arguments[0], TensorRef):
            return arguments[0]
        if function.name in {"_rebuild_tensor", "_rebuild_tensor_v2"} and len(arguments) >= 4:
            return _tensor(*arguments[:4])
    return Made(function, arguments)


def persistent(identifier: object) -> StorageRef:
    """The storage of an id ("storage", its class, key, device, count): the device does not matter. Raises BadPickle."""
    match identifier:
        # Before torch 1.6 there was a sixth word: what the storage was a view of, in fact never anything.
        case ("storage", Global(name=kind), str(key), str(), int(length), *rest) if kind in _STORAGES:
            if 0 <= length < _MAX_NUMBER and rest in ([], [None]):
                return StorageRef(_STORAGES[kind], key, length)
    raise BadPickle("refers to something stored that is not the numbers of a tensor")


TORCH_MEANING = Meaning(check_name, called, persistent)


def _tensor(storage: object, offset: object, shape: object, strides: object) -> TensorRef:
    if not isinstance(storage, StorageRef):
        raise BadPickle("has a tensor without a storage")
    sizes, steps, (start,) = _numbers(shape), _numbers(strides), _numbers((offset,))
    if len(sizes) != len(steps) or len(sizes) > _MAX_DIMENSIONS:
        raise BadPickle(f"has a tensor of {len(sizes)} sizes and {len(steps)} strides")
    last = start + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if 0 not in sizes and last >= storage.length:
        raise BadPickle(f"has a tensor of shape {sizes} that is larger than its {storage.length} numbers")
    # The stride of a single row is never used, and may be absurd.
    return TensorRef(
        storage, start, sizes, tuple(0 if size == 1 else step for size, step in zip(sizes, steps, strict=True))
    )


def _numbers(values: object) -> tuple[int, ...]:
    if isinstance(values, Made) and values.maker == ("torch", "Size") and isinstance(values.arguments, tuple):
        (values,) = values.arguments or ((),)
    if not isinstance(values, tuple | list) or not all(isinstance(v, int) and 0 <= v < _MAX_NUMBER for v in values):
        raise BadPickle("has a tensor whose shape and strides are not rows of numbers from 0 up")
    return tuple(values)


def values_of(tensor: TensorRef, data: bytes) -> np.ndarray:
    """The tensor's numbers as float32, its own copy. data: all of its storage, little-endian.

    The tensor's type is one of FLOATS; what is too large for float32 becomes infinite.
    """
    raw = np.frombuffer(data, np.dtype("<u2" if tensor.storage.dtype == "bfloat16" else tensor.storage.dtype))
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, np.float32)
    steps = [step * raw.itemsize for step in tensor.strides]
    view = np.lib.stride_tricks.as_strided(raw[tensor.offset :], tensor.shape, steps, writeable=False)
    numbers: np.ndarray
    if tensor.storage.dtype == "bfloat16":  # the upper half of a float32
        numbers = np.left_shift(view, 16, dtype=np.uint32, order="C").view(np.float32)
        return numbers
    with np.errstate(over="ignore"):
        numbers = view.astype(np.float32, order="C")
    return numbers
