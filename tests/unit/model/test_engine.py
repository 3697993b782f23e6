"""The engine: what goes in, what comes out, and that it is the same every time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vae_core.errors import BadCheckpoint, BatchTooLarge, InvalidValue
from vae_core.model.config import ModelConfig
from vae_core.model.devices import devices, find_device
from vae_core.model.engine import Engine
from vae_core.model.prior import Prior
from vae_core.model.resize_conv import ResizeConvNetwork
from vae_core.model.weights import load_checkpoint, save_network

# Wide enough that the libraries below choose their real kernels, with several threads.
_CONFIG = ModelConfig(
    image_size=64,
    latent_dim=64,
    encoder_channels=(32, 64, 128),
    decoder_channels=(128, 64, 32, 12),
    residual_max_size=8,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine") / "c.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = ResizeConvNetwork(_CONFIG)
        network.train()
        with torch.no_grad():
            network.expand.weight.mul_(4.0)
            network(torch.rand(8, 3, 64, 64))
    save_network(path, network, Prior.standard(64), {"training": "none"})
    return path


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Engine:
    return Engine.load(checkpoint, device="cpu")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def threads_restored() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads_restored")
def test_engine_tells_what_it_is_when_loaded(engine: Engine, checkpoint: Path) -> None:
    assert (engine.latent_dim, engine.image_size, engine.batch_size) == (64, 64, 32)
    assert engine.checkpoint_sha256 == load_checkpoint(checkpoint)[2].sha256
    assert engine.kind == Engine.load(checkpoint, device="cpu").kind
    assert engine.kind != Engine.load(checkpoint, device="cpu", batch_size=8).kind
    torch.set_num_threads(engine.kind.threads + 1)
    assert engine.kind != Engine.load(checkpoint, device="cpu").kind
    assert str(engine.kind).endswith("; eager; float32; channels_last; 32x64x64")
    assert torch.__version__ in str(engine.kind)
    assert "\n" not in str(engine.kind)


def test_pixels_are_the_networks_when_decoded(engine: Engine, checkpoint: Path) -> None:
    latents = engine.sample_latents(0, range(5))
    network, _, _ = load_checkpoint(checkpoint)
    with torch.no_grad():
        exact = network.decode(torch.from_numpy(latents)).permute(0, 2, 3, 1).numpy() * 255.0
    pixels = engine.decode(latents)
    assert pixels.shape == (5, 64, 64, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - exact).max() < 0.51
    assert pixels.std() > 5


@pytest.mark.usefixtures("threads_restored")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_item_is_the_same_when_alone_elsewhere_or_on_other_threads(
    engine: Engine, images: np.ndarray, threads: int
) -> None:
    latents = engine.sample_latents(7, range(32))
    torch.set_num_threads(2)
    decoded, encoded, reconstructed = engine.decode(latents), engine.encode(images), engine.reconstruct(images)
    torch.set_num_threads(threads)
    order = np.random.default_rng(threads).permutation(32)
    assert np.array_equal(engine.decode(latents[order]), decoded[order])
    assert np.array_equal(engine.encode(images[order]), encoded[order])
    assert np.array_equal(engine.reconstruct(images[order]), reconstructed[order])
    for row in (0, 13, 31):
        assert np.array_equal(engine.decode(latents[row : row + 1])[0], decoded[row])
        assert np.array_equal(engine.encode(images[row : row + 1])[0], encoded[row])


def test_reconstruction_is_the_decoded_encoding(engine: Engine, images: np.ndarray) -> None:
    assert np.array_equal(engine.reconstruct(images), engine.decode(engine.encode(images)))


def test_input_is_untouched_when_it_is_run(engine: Engine, images: np.ndarray) -> None:
    before = images.copy()
    images.flags.writeable = False
    engine.reconstruct(images[::2])
    assert np.array_equal(images, before)


@pytest.mark.parametrize(
    "latents",
    [
        np.zeros((2, 64), np.float64),
        np.zeros((2, 63), np.float32),
        np.zeros(64, np.float32),
        np.zeros((0, 64), np.float32),
        np.zeros((33, 64), np.float32),
        np.full((1, 64), np.nan, np.float32),
    ],
)
def test_latents_are_refused_when_shape_type_or_values_are_wrong(engine: Engine, latents: np.ndarray) -> None:
    with pytest.raises(InvalidValue, match="latents"):
        engine.decode(latents)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 32, 32, 3), np.uint8), ((1, 3, 64, 64), np.uint8), ((1, 64, 64, 3), np.float32), ((40, 64, 64, 3), np.uint8)],
)
def test_images_are_refused_when_shape_or_type_is_wrong(
    engine: Engine, shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    for run in (engine.encode, engine.reconstruct):
        with pytest.raises(InvalidValue, match="images"):
            run(np.zeros(shape, dtype))


def test_device_is_refused_when_it_is_not_there(checkpoint: Path) -> None:
    with pytest.raises(InvalidValue, match=r"device tpu is not on this machine: auto, .*cpu are allowed"):
        Engine.load(checkpoint, device="tpu")
    assert devices()[-1] == "cpu"
    assert str(find_device("auto")) == devices()[0]


@pytest.mark.parametrize(("field", "value"), [("batch_size", 0), ("batch_size", 5000), ("threads", 0)])
def test_number_is_refused_when_out_of_range(checkpoint: Path, field: str, value: int) -> None:
    with pytest.raises(InvalidValue, match=f"{field.replace('_', ' ')} {value}"):
        Engine.load(checkpoint, device="cpu", **{field: value})  # type: ignore[arg-type]


def test_checkpoint_is_refused_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no such file"):
        Engine.load(tmp_path / "none.safetensors")


def test_batch_is_too_large_when_the_device_runs_out_of_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(ResizeConvNetwork, "decode", run_out)
    with pytest.raises(BatchTooLarge, match="batches of 32"):
        engine.decode(np.zeros((1, 64), np.float32))


@pytest.mark.usefixtures("threads_restored")
def test_as_many_batches_run_at_once_as_there_are_streams(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine.load(checkpoint, device="cpu", batch_size=2, threads=2, streaming=True)
    assert engine.streams == 2
    running, most = 0, 0
    lock = threading.Lock()
    decode = engine._network.decode

    def slow(z: Tensor) -> Tensor:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return decode(z)

    monkeypatch.setattr(engine._network, "decode", slow)
    latents = engine.sample_latents(1, range(2))
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda _: engine.decode(latents), range(16)))
    assert most == 2
    assert all((picture == pictures[0]).all() for picture in pictures)


@pytest.mark.usefixtures("threads_restored")
def test_cores_are_not_lost_when_a_checkpoint_cannot_be_loaded(checkpoint: Path, tmp_path: Path) -> None:
    torch.set_num_threads(2)
    (tmp_path / "broken.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(BadCheckpoint):
        Engine.load(tmp_path / "broken.safetensors", device="cpu", streaming=True)
    assert Engine.load(checkpoint, device="cpu", streaming=True).streams == 2
