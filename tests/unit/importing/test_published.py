"""The published network from each kind of file, and what is said of files that hold another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.unit.importing.files import (
    FORMATS,
    TINY_CONFIG,
    Save,
    old_state_dict,
    published_images,
    refusal,
    rezip,
    state_dict,
    trace,
    trained,
)
from vae_core.errors import BadCheckpoint
from vae_core.importing.published import read_published
from vae_core.model.reference import published_name

_IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
_Change = Callable[[dict[str, Tensor]], object]


@pytest.mark.parametrize("kind", FORMATS)
def test_images_are_the_published_networks_when_read_from_any_format(kind: str, path: Path) -> None:
    network = trained()
    FORMATS[kind](network, path)
    found = read_published(path, TINY_CONFIG)
    expected = published_images(network, _IMAGES)
    assert expected.std() > 0.1
    with torch.no_grad():
        torch.testing.assert_close(found.network(_IMAGES), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.network.fold()(_IMAGES), expected, rtol=0, atol=1e-5)
    assert found.kind == ("TorchScript trace" if "trace" in kind else "state_dict")


@pytest.mark.parametrize("save", [state_dict, old_state_dict])
def test_numbers_are_those_that_torch_reads(save: Save, path: Path) -> None:
    save(trained(), path)
    expected = torch.load(path, weights_only=True)
    found = read_published(path, TINY_CONFIG).network.state_dict()
    assert len(found) == len(expected)
    for name, value in found.items():
        assert torch.equal(value, expected[published_name(name)]), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("save", [state_dict, old_state_dict, trace])
def test_numbers_become_float32_when_they_are_of_another_type(dtype: torch.dtype, save: Save, path: Path) -> None:
    network = trained().to(dtype)
    save(network, path)
    found = read_published(path, TINY_CONFIG).network.state_dict()
    expected = network.state_dict()
    for name, value in found.items():
        assert value.dtype in {torch.float32, torch.int64}
        assert torch.equal(value, expected[published_name(name)].float()), name


def test_trace_is_read_when_its_code_is_no_code(path: Path) -> None:
    trace(trained(), path)
    rezip(path, lambda name, content: b"import os; os.abort()" if name.startswith("code/") else content)
    assert read_published(path, TINY_CONFIG).kind == "TorchScript trace"


def test_weights_are_found_when_records_are_compressed(path: Path) -> None:
    network = trained()
    state_dict(network, path)
    rezip(path, lambda _, content: content, compress=True)
    found = read_published(path, TINY_CONFIG).network
    assert torch.equal(found.fc_decode[0].weight, network.fc_decode[0].weight)


def test_weights_are_found_when_their_device_is_not_there(path: Path) -> None:
    state_dict(trained(), path)
    # The word is as long, so that the pickle stays whole.
    rezip(path, lambda name, content: content.replace(b"cpu", b"xpu") if name == "data.pkl" else content)
    assert read_published(path, TINY_CONFIG).kind == "state_dict"


def test_counters_of_batches_do_not_matter_when_missing(path: Path) -> None:
    state = {name: value for name, value in trained().state_dict().items() if "num_batches" not in name}
    torch.save(state, path)
    assert read_published(path, TINY_CONFIG).network.encoder[1].num_batches_tracked == 0


def test_likely_weights_are_taken_when_a_file_holds_several(path: Path) -> None:
    state = trained().state_dict()
    other = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({"ema": other, "mean": torch.zeros(3), "optimizer": {"step": torch.zeros(1)}, "model": state}, path)
    found = read_published(path, TINY_CONFIG).network
    assert torch.equal(found.fc_encode[0].bias, state["fc_encode.0.bias"])


_FAULTS: dict[str, tuple[_Change, str]] = {
    "missing": (
        lambda state: (state.pop("encode.1.bias"), state.pop("fc_encode.0.weight")),
        "is not the published network: of its tensors 2 missing (the first is encode.1.bias, shape (8,))",
    ),
    "statistics missing": (
        lambda state: state.pop("decode.1.running_var"),
        "1 missing (the first is decode.1.running_var, shape (4,))",
    ),
    "too many": (
        lambda state: state.update({"fc_logvar.0.weight": torch.zeros(6, 10)}),
        "1 too many (the first is fc_logvar.0.weight, shape (6, 10))",
    ),
    "of another shape": (
        lambda state: state.update({"encode.3.weight": torch.zeros(12, 8, 5, 5)}),
        "1 of another shape (the first is encode.3.weight, shape (12, 8, 5, 5) where (12, 8, 3, 3) is expected)",
    ),
    "one row for all": (
        lambda state: state.update({"fc_encode.0.bias": torch.zeros(1).expand(2**40)}),
        "1 of another shape (the first is fc_encode.0.bias, shape (1099511627776,) where (6,) is expected)",
    ),
    "of another type": (
        lambda state: state.update({"fc_encode.0.bias": torch.zeros(6, dtype=torch.int32)}),
        "1 of another type (the first is fc_encode.0.bias, int32 where float32, float64, float16, bfloat16 are",
    ),
    "several": (
        lambda state: state.update({"fc_decode.0.bias": torch.zeros(3), "a\n\x1b[31m": torch.zeros(1)}),
        r"1 too many (the first is 'a\n\x1b[31m', shape (1,)); 1 of another shape (the first is fc_decode.0.bias",
    ),
    "not a number": (
        lambda state: state["decode.3.weight"][0, 0, 0].fill_(float("nan")),
        "tensor decode.3.weight holds a value that is not finite",
    ),
    "too large": (
        lambda state: state.update({"fc_encode.0.bias": torch.full((6,), 1e300, dtype=torch.float64)}),
        "tensor fc_encode.0.bias holds a value that is not finite, or too large for float32",
    ),
    "negative variance": (
        lambda state: state["encode.4.running_var"][2:3].fill_(-0.5),
        "tensor encode.4.running_var holds a variance below 0: -0.5",
    ),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_tensor_is_named_when_it_is_not_the_published_one(fault: str, path: Path) -> None:
    change, told = _FAULTS[fault]
    state = dict(trained().state_dict())
    change(state)
    torch.save(state, path)
    assert told in refusal(path)


def test_published_sizes_are_expected_when_none_are_given(path: Path) -> None:
    state_dict(trained(), path)
    with pytest.raises(BadCheckpoint, match=r"encode\.0\.weight, shape \(8, 3, 3, 3\) where \(512, 3, 3, 3\)"):
        read_published(path)


def test_trace_is_refused_when_its_weights_have_no_names(path: Path) -> None:
    trace(trained(), path, freeze=True)
    assert "torch.jit.freeze" in refusal(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"epoch": 3, "loss": 0.25}, "its keys: epoch, loss"),
        ({}, "holds no tensors by name, at its top or one below; its keys: none"),
        ({1 << 60_000: 3}, "its keys: 0x1000"),
        ([torch.zeros(2)], "holds no dictionary of tensors"),
        (torch.zeros(2), "holds no dictionary of tensors"),
        (3, "holds no dictionary of tensors"),
        ({1: torch.zeros(2)}, "holds no tensors by name"),
        ({"a": torch.zeros(2)}, "of its tensors 35 missing"),
        ({"state_dict": {"a": torch.zeros(2)}}, "of its tensors 35 missing"),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_contents_are_told_when_they_are_no_weights(content: object, told: str, old: bool, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    assert told in refusal(path)


def test_whole_model_is_refused_when_pickled_as_an_object(path: Path) -> None:
    torch.save(trained(), path)
    assert "asks for tests.unit.importing.files.PublishedCar, which is no tensor: save only `model.state" in refusal(
        path
    )
