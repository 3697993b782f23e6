"""One training: its network, optimiser and average, a step at a time, and its state to go on from."""

from __future__ import annotations

import math
import os
import pickle
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vae_core.errors import InvalidValue, PermanentError
from vae_core.model.build import build_network
from vae_core.training.average import WeightAverage
from vae_core.training.config import TrainingConfig
from vae_core.training.losses import vae_loss

_LR_WARMUP_SHARE = 0.02
_FINAL_LR_SHARE = 0.01


class TrainingDiverged(PermanentError):
    """The loss or a gradient is no longer finite."""

    code = "training_diverged"


class StepResult(NamedTuple):
    """What a step saw. mse: of [0, 1] values. kl: nats per image. gradient_norm: before clipping."""

    loss: float
    mse: float
    kl: float
    gradient_norm: float
    learning_rate: float


class Trainer:
    """Trains a network by the config.

    image_steps: images shown so far. stages: from which image-step each config was in force, and that config as JSON.
    Build it, perhaps `load_state`, then call `step` until `done`.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.image_steps = 0
        self.stages = [(0, config.to_json())]
        self.network = build_network(config.model).to(memory_format=torch.channels_last).to(device).train()
        self.average = WeightAverage(self.network, config.ema_decay)
        self._generator = torch.Generator(device).manual_seed(config.seed)
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]  # biases and BatchNorm are not decayed
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)

    @property
    def done(self) -> bool:
        """Whether the run has reached its length."""
        return self.image_steps >= self.config.image_steps

    def learning_rate(self) -> float:
        """Of the next step: a short rise, then half a cosine down to 1 % (Loshchilov and Hutter, 2017)."""
        progress = min(1.0, self.image_steps / self.config.image_steps)
        rise = min(1.0, (progress + 1e-3) / _LR_WARMUP_SHARE)
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.config.learning_rate * rise * (_FINAL_LR_SHARE + (1.0 - _FINAL_LR_SHARE) * cosine)

    def beta(self) -> float:
        """Weight of the KL term at the next step: linear from 0 over the warm-up (Sonderby et al., 2016)."""
        if self.config.warmup_share == 0.0:
            return self.config.beta
        return self.config.beta * min(1.0, self.image_steps / self.config.image_steps / self.config.warmup_share)

    def step(self, images: Tensor) -> StepResult:
        """Learn from one batch, float32 in [0, 1], (B, 3, H, W). Raises TrainingDiverged, naming the cause."""
        config, rate = self.config, self.learning_rate()
        images = images.to(self.device, memory_format=torch.channels_last)
        posterior = self.network.encode(images)
        decoded = self.network.decode(posterior.sample(self._generator))
        loss = vae_loss(
            images, decoded, posterior, beta=self.beta(), free_bits=config.free_bits, sharpness=config.sharpness
        )
        self._optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.grad_clip)
        result = StepResult(loss.total.item(), loss.mse.item(), loss.kl.item(), norm.item(), rate)
        self._check_finite(result)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self.average.update(self.network)
        self.image_steps += len(images)
        return result

    def _check_finite(self, result: StepResult) -> None:
        values = {"squared error": result.mse, "KL term": result.kl, "loss": result.loss}
        for name, value in {**values, "gradient": result.gradient_norm}.items():
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"the {name} is {value} at image-step {self.image_steps}, "
                    f"learning rate {result.learning_rate:.2g}: lower the learning rate, or the gradient clip"
                )

    def save_state(self, path: Path) -> None:
        """Write all that `load_state` needs, in one step: a kill leaves the old file or the new."""
        state = {
            "image_steps": self.image_steps,
            "stages": self.stages,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_updates": self.average.updates,
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
        }
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            torch.save(state, partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def load_state(self, path: Path) -> None:
        """Go on from where `save_state` was called.

        Settings may have changed since then, and a change is noted in `stages`; raises InvalidValue when the model or
        the seed has, or the file cannot be read.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as exc:
            raise InvalidValue(f"{path}: is not a readable training state: {exc}") from exc
        before = TrainingConfig.from_json(state["stages"][-1][1], where=str(path))
        if (before.model, before.seed) != (self.config.model, self.config.seed):
            raise InvalidValue(f"{path}: is of another model or seed: use the same, or another folder for the run")
        self.image_steps = state["image_steps"]
        self.stages = state["stages"]
        if before != self.config:
            self.stages.append((self.image_steps, self.config.to_json()))
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.updates = state["average_updates"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"].cpu())
