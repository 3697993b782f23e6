"""The check that stands between an export and its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from vae_core.errors import ExportDiffers
from vae_core.export import onnx_file
from vae_core.export.functions import Function, functions_of
from vae_core.export.parity import BATCH_SIZES, Probes, check, image_probes, largest_difference, latent_probes
from vae_core.model.network import Network
from vae_core.model.prior import Prior
from vae_core.model.weights import load_checkpoint


@pytest.fixture(scope="module")
def loaded(tiny_checkpoint: Path) -> tuple[Network, Prior]:
    return load_checkpoint(tiny_checkpoint)[:2]


@pytest.fixture(scope="module")
def decode(loaded: tuple[Network, Prior]) -> Function:
    return functions_of(loaded[0])[1]


@pytest.fixture(scope="module")
def latents(loaded: tuple[Network, Prior]) -> Probes:
    return latent_probes(loaded[1])


class Changed:
    """The exported decoder, but for one value that is changed in the first batch of one size."""

    def __init__(self, folder: Path, size: int, row: int, value: float) -> None:
        self._run = onnx_file.load(folder / "decode.onnx")
        self._size, self._row, self._value = size, row, value

    def __call__(self, rows: np.ndarray) -> list[np.ndarray]:
        images = self._run(rows)[0].copy()
        if len(rows) == self._size:
            self._size = 0
            images[self._row, 2, 30, 31] += self._value
        return [images]


def test_probes_reach_the_extremes_when_made(loaded: tuple[Network, Prior], latents: Probes) -> None:
    images = image_probes(*loaded)
    assert images.rows.dtype == latents.rows.dtype == np.float32
    assert (images.rows.min(), images.rows.max()) == (0.0, 1.0)
    assert (images.rows[0] == 0.0).all()
    assert (images.rows[1] == 1.0).all()
    assert len(images.rows) == len(images.names)
    assert len(latents.rows) == len(latents.names)
    assert all(len(probes.rows) % size == 0 for probes in (images, latents) for size in BATCH_SIZES)
    assert len(np.unique(images.rows, axis=0)) == len(images.rows)
    np.testing.assert_array_equal(image_probes(*loaded).rows, images.rows)


@pytest.mark.parametrize(("size", "row", "probe"), [(1, 0, "zero"), (2, 1, "temperature 0"), (5, 4, "temperature 1")])
def test_place_is_found_when_one_value_differs_at_one_batch_size(
    tiny_onnx: Path, decode: Function, latents: Probes, size: int, row: int, probe: str
) -> None:
    found = largest_difference(decode, Changed(tiny_onnx, size, row, 0.25), latents)
    assert found.value == pytest.approx(0.25, abs=1e-5)
    assert (found.output, found.place, found.batch_size) == ("images", (row, 2, 30, 31), size)
    assert probe in found.probe
    with pytest.raises(ExportDiffers, match=rf"^decode differs .* images\[{row}, 2, 30, 31\], at a batch of {size}"):
        check(decode, found, 1e-4)


def test_difference_is_infinite_when_a_value_is_not_a_number(
    tiny_onnx: Path, decode: Function, latents: Probes
) -> None:
    found = largest_difference(decode, Changed(tiny_onnx, 5, 3, float("nan")), latents)
    assert found.value == float("inf")
    with pytest.raises(ExportDiffers, match="by inf in"):
        check(decode, found, 1.0)


def test_shapes_are_told_when_an_output_has_another(tiny_onnx: Path, decode: Function, latents: Probes) -> None:
    run = onnx_file.load(tiny_onnx / "decode.onnx")
    with pytest.raises(ExportDiffers, match=r"images has shape \(3, 32, 32\) where the checkpoint's is \(1, 3, 32"):
        largest_difference(decode, lambda rows: [run(rows)[0][0]], latents)


def test_check_fails_when_a_weight_of_the_file_is_off(
    tiny_onnx: Path, tmp_path: Path, decode: Function, latents: Probes
) -> None:
    model = onnx.load(tiny_onnx / "decode.onnx")
    bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("expand.bias"))
    values = onnx.numpy_helper.to_array(bias) + np.float32(0.05)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, tmp_path / "off.onnx")
    check(decode, largest_difference(decode, onnx_file.load(tiny_onnx / "decode.onnx"), latents), 1e-4)
    with pytest.raises(ExportDiffers):
        check(decode, largest_difference(decode, onnx_file.load(tmp_path / "off.onnx"), latents), 1e-4)
