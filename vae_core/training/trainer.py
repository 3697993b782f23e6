"""One training: its network, optimiser and average, a step at a time, and its state to go on from."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vae_core.errors import InvalidValue, PermanentError
from vae_core.model.build import build_network
from vae_core.model.network import Network, Posterior
from vae_core.model.resize_conv import MIN_LOG_VARIANCE, ResizeConvNetwork
from vae_core.training.adversary import Adversary, recombined
from vae_core.training.augmentation import Batch, add_noise
from vae_core.training.average import WeightAverage, resting_batch_norm
from vae_core.training.config import TrainingConfig, same_training
from vae_core.training.data import Batches
from vae_core.training.diagnosis import first_fault
from vae_core.training.linear_start import start_linearly
from vae_core.training.losses import Loss
from vae_core.training.objectives import objective_of
from vae_core.training.precision import arithmetic_of

_LR_WARMUP_SHARE = 0.02
_FINAL_LR_SHARE = 0.01
_LATENT_NOISE, _IMAGE_NOISE, _DRAWS = 0, 1, 2


class TrainingDiverged(PermanentError):
    """The loss or a gradient is no longer finite."""

    code = "training_diverged"


class StepResult(NamedTuple):
    """What a step saw. mse: of [0, 1] values. kl: nats per image. Both leave out the randomised images.

    gradient_norm: before clipping. judge_loss: of the second network, 2 when it tells nothing apart; 0 while it rests.
    """

    loss: float
    mse: float
    kl: float
    beta: float
    gradient_norm: float
    learning_rate: float
    judge_loss: float


class Trainer:
    """Trains a network by the config.

    image_steps: images shown so far. stages: from which image-step each config was in force, and that config as JSON.
    Build it, `start` it or `restore` a state, then call `step` until `done`. All random numbers of a step are drawn
    anew from the seed and the image-step, so nothing that happens between two steps can change them.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.image_steps = 0
        self.stages = [(0, config.to_json())]
        self._arithmetic = arithmetic_of(config, device)
        self.network = _fresh_network(config).to(memory_format=self._arithmetic.layout).to(device).train()
        self.average = WeightAverage(self.network, config.ema_decay)
        self._objective = objective_of(config)
        self._generator = torch.Generator(device)
        self._optimizer = _optimizer(self.network, config)
        self._adversary = Adversary(config.seed, device) if config.adversarial else None
        self._run_network = torch.compile(self._forward) if self._arithmetic.compiled else self._forward

    @property
    def done(self) -> bool:
        """Whether the run has reached its length."""
        return self.image_steps >= self.config.image_steps

    def start(self, batches: Batches) -> None:
        """Give a fresh network what can be computed instead of learnt from these batches, if it has a place for it."""
        if self.config.start:
            return
        if isinstance(self.network, ResizeConvNetwork) and self.config.model.coarse_size:
            start_linearly(self.network, batches)
            self.average = WeightAverage(self.network, self.config.ema_decay)

    def start_from(self, network: Network) -> None:
        """Take over the weights of a trained network of the same config, instead of fresh ones."""
        self.network.load_state_dict(network.state_dict())
        if self.config.objective == "autoencoder":
            _without_variance(self.network)
        self.average = WeightAverage(self.network, self.config.ema_decay)

    def learning_rate(self) -> float:
        """Of the next step: a short rise, then half a cosine down to 1 % (Loshchilov and Hutter, 2017), or constant."""
        if self.config.schedule == "constant":
            return self.config.learning_rate
        progress = min(1.0, self.image_steps / self.config.image_steps)
        rise = min(1.0, (progress + 1e-3) / _LR_WARMUP_SHARE)
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.config.learning_rate * rise * (_FINAL_LR_SHARE + (1.0 - _FINAL_LR_SHARE) * cosine)

    def warmth(self) -> float:
        """How far the warm-up is at the next step, 0 to 1: linear, as the KL term's by Sonderby et al., 2016."""
        if self.config.warmup_share == 0.0:
            return 1.0
        return min(1.0, self.image_steps / self.config.image_steps / self.config.warmup_share)

    def step(self, batch: Batch) -> StepResult:
        """Learn from one batch.

        Raises TrainingDiverged, naming the cause, and leaves the weights as they were before the step.
        """
        rate, warmth = self.learning_rate(), self.warmth()
        seen = self.with_noise(self._placed(batch.seen), self.image_steps)
        noise = torch.randn(
            (len(seen), self.config.model.latent_dim),
            generator=self._seeded(self.image_steps, _LATENT_NOISE),
            device=self.device,
        )
        decoded, posterior = self._run_network(seen, noise)
        loss = self._loss(batch, decoded, posterior, warmth)
        pull, judge_loss = self._pull(batch, decoded, posterior, loss.total)
        self._optimizer.zero_grad(set_to_none=True)
        (loss.total + pull).backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.get_total_norm([w.grad for w in self.network.parameters() if w.grad is not None])
        # One transfer for all, as each makes a GPU wait.
        numbers = (loss.total.detach(), loss.mse, loss.kl.detach(), norm, judge_loss)
        total, mse, kl, size, judged = torch.stack(numbers).tolist()
        result = StepResult(total, mse, kl, warmth * self.config.beta, size, rate, judged)
        if not all(math.isfinite(value) for value in result):
            raise self._diverged(result, seen, noise)
        if self.config.grad_clip > 0.0:  # only now: a norm that is not finite would spoil every gradient
            nn.utils.clip_grads_with_norm_(self.network.parameters(), self.config.grad_clip, norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self.average.update(self.network)
        self.image_steps += len(seen)
        return result

    def _placed(self, images: Tensor) -> Tensor:
        return images.to(self.device, memory_format=self._arithmetic.layout)

    def _loss(self, batch: Batch, decoded: Tensor, posterior: Posterior, warmth: float) -> Loss:
        """Of the batch; randomised images have a sigma of their own, as they are much further from their decoded ones.

        mse and kl are those of the others.
        """
        wanted = self._placed(batch.wanted)
        if batch.strange in (0, len(wanted)):
            return self._objective.loss(wanted, decoded, posterior, warmth)
        parts = (slice(0, batch.strange), slice(batch.strange, None))
        strange, plain = (
            self._objective.loss(
                wanted[part], decoded[part], Posterior(posterior.mean[part], posterior.log_variance[part]), warmth
            )
            for part in parts
        )
        return Loss(torch.lerp(plain.total, strange.total, batch.strange / len(wanted)), plain.mse, plain.kl)

    def _pull(self, batch: Batch, decoded: Tensor, posterior: Posterior, loss: Tensor) -> tuple[Tensor, Tensor]:
        """What the second network adds to the loss, once it does, and its own loss: it learns from the batch first.

        Both from images as they are, as what randomised ones should look like does not matter, and from draws. On each
        it pulls with its share of what the loss pulls with, so that one weight holds for all losses, and all through a
        training (after Esser et al., "Taming Transformers for High-Resolution Image Synthesis", 2021, who compare
        the gradients by the last layer).
        """
        late = self.image_steps >= self.config.adversarial_from * self.config.image_steps
        if self._adversary is None or not late or batch.strange == len(batch.wanted):
            nothing = torch.zeros((), device=self.device)
            return nothing, nothing
        real = batch.wanted[batch.strange :].to(self.device)
        latents = posterior.mean[batch.strange :].detach()  # (b, Z)
        with resting_batch_norm(self.network):
            drawn = self.network.decode(recombined(latents, self._seeded(self.image_steps, _DRAWS)))  # (b, 3, H, W)
        own = self._adversary.learn(real, torch.cat([decoded[batch.strange :], drawn]))
        (gradient,) = torch.autograd.grad(loss, decoded, retain_graph=True)
        # Where it can tell nothing apart its gradient means nothing: followed all the same, it is drawn as hatching.
        size = self.config.adversarial * gradient[batch.strange :].norm() * (1.0 - 0.5 * own).clamp(0.0, 1.0)
        return self._adversary.pull(decoded[batch.strange :], size) + self._adversary.pull(drawn, size), own

    def with_noise(self, images: Tensor, number: int) -> Tensor:
        """The images as the network sees them in training: noisy if the config says so. number: of this noise."""
        if self.config.denoise == 0.0:
            return images
        return add_noise(images, self.config.denoise, self._seeded(number, _IMAGE_NOISE))

    def _forward(self, seen: Tensor, noise: Tensor) -> tuple[Tensor, Posterior]:
        """Decoded images (B, 3, H, W) and posteriors, both float32. noise: (B, Z), standard normal."""
        autocast = self._arithmetic.autocast
        mixed = torch.autocast(self.device.type, dtype=autocast, enabled=autocast is not None)
        with mixed:
            mean, log_variance = self.network.encode(seen)
        posterior = Posterior(mean.float(), log_variance.float())
        latents = posterior.mean
        if self._objective.draws:
            latents = latents + noise * torch.exp(0.5 * posterior.log_variance)  # (B, Z)
        with mixed:
            decoded = self.network.decode(latents)
        return decoded.float(), posterior

    def _seeded(self, number: int, purpose: int) -> torch.Generator:
        words = np.random.SeedSequence((self.config.seed, number, purpose)).generate_state(1, np.uint64)
        return self._generator.manual_seed(int(words[0]))

    def _diverged(self, result: StepResult, seen: Tensor, noise: Tensor) -> TrainingDiverged:
        values = {"squared error": result.mse, "KL term": result.kl, "loss": result.loss}
        named = {**values, "gradient": result.gradient_norm}
        part, value = next((part, value) for part, value in named.items() if not math.isfinite(value))
        fault = first_fault(self.network, seen, lambda: self._forward(seen, noise))
        where = f"at image-step {self.image_steps}, learning rate {result.learning_rate:.2g}"
        return TrainingDiverged(
            f"the {part} is {value} {where}: {fault}; the last saved state is as it was: go on from it, or start anew, "
            "with a lower learning rate or gradient clip"
        )

    def state(self) -> dict[str, Any]:
        """All that `restore` needs: tensors, numbers and texts."""
        return {
            "image_steps": self.image_steps,
            "stages": self.stages,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_updates": self.average.updates,
            "optimizer": self._optimizer.state_dict(),
            "adversary": self._adversary and self._adversary.state(),
        }

    def restore(self, state: dict[str, Any], *, where: str) -> None:
        """Go on from where `state` was called.

        Settings may have changed since then, and a change is noted in `stages`; raises InvalidValue, naming the file
        `where`, when the model, the seed, the objective or the optimiser has.
        """
        before = TrainingConfig.from_json(state["stages"][-1][1], where=where)
        for field in ("model", "seed", "objective", "optimizer", "start"):
            if getattr(before, field) != getattr(self.config, field):
                raise InvalidValue(f"{where}: is of another {field}: use the same, or another folder for the run")
        self.image_steps = state["image_steps"]
        self.stages = [(start, text) for start, text in state["stages"]]
        if not same_training(before, self.config):
            self.stages.append((self.image_steps, self.config.to_json()))
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.updates = state["average_updates"]
        decays = [group["weight_decay"] for group in self._optimizer.param_groups]
        self._optimizer.load_state_dict(state["optimizer"])  # its settings too, of which those of now are wanted
        for group, decay in zip(self._optimizer.param_groups, decays, strict=True):
            group["weight_decay"] = decay
        if self._adversary and state.get("adversary"):
            self._adversary.restore(state["adversary"])


def _fresh_network(config: TrainingConfig) -> Network:
    """The network before its first step, the same on every device: its weights are drawn on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build_network(config.model)
    if config.objective == "autoencoder":
        _without_variance(network)
    return network


def _without_variance(network: Network) -> None:
    """A posterior that is all but a point, as an autoencoder has; nothing trains the head that says so."""
    if isinstance(network, ResizeConvNetwork):
        nn.init.zeros_(network.log_variance_head.weight).requires_grad_(False)
        nn.init.constant_(network.log_variance_head.bias, MIN_LOG_VARIANCE).requires_grad_(False)


def _optimizer(network: Network, config: TrainingConfig) -> torch.optim.Optimizer:
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if config.optimizer == "adam":
        return torch.optim.Adam(weights, lr=config.learning_rate, fused=True)
    matrices = [weight for weight in weights if weight.ndim > 1]
    vectors = [weight for weight in weights if weight.ndim <= 1]  # biases and BatchNorm are not decayed
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
