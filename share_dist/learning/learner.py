"""One training step, and the plain loop around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from share_dist.errors import TrainingDiverged
from share_dist.learning.augment import jitter_colours, mirror_images, mirror_truth, mirrored
from share_dist.learning.config import LearningConfig, batch_numbers, learning_rate_at, total_steps
from share_dist.losses import LossConfig, total_loss, truth_from_records
from share_dist.models import (
    Estimate,
    autocast,
    freeze_batch_norm,
    normalise_images,
    sample_keys,
    tensor_from_array,
)

if TYPE_CHECKING:
    from share_dist.body import BodyLayer
    from share_dist.render import Records


class Learner:
    """The step's arithmetic: records in, loss out. Knows nothing of optimisers, workers or where records come from.

    `model` may be replaced by anything called the same way, such as a DeepSpeed engine around it.
    """

    def __init__(
        self,
        model: nn.Module,
        layer: BodyLayer,
        loss_config: LossConfig | None = None,
        config: LearningConfig | None = None,
        seed: int = 0,
        anchor: nn.Module | None = None,
    ) -> None:
        """Take the parts; batch norm is frozen or freed as the settings say, and everything moves to model's device.

        `anchor` is a model whose answers to everyday views the losses hold on to; it learns nothing.
        """
        self.model: nn.Module = model
        self.device = next(model.parameters()).device
        self.layer = layer.to(self.device)
        self.loss_config = loss_config or LossConfig()
        self.config = config or LearningConfig()
        self.seed = seed
        self.anchor = anchor.to(self.device).eval() if anchor is not None and self.loss_config.anchor else None
        model.train()
        freeze_batch_norm(model, self.config.frozen_batch_norm)

    def loss(self, batch: Records, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return a batch's loss and its terms, a pure function of the weights, the records, the seed and the step."""
        config = self.config
        keys = sample_keys(self.seed, step, tensor_from_array(batch.numbers, self.device))
        image = normalise_images(batch.image, self.device)
        truth = truth_from_records(batch, self.device)
        if config.mirror_share:
            chosen = mirrored(keys, config.mirror_share)
            image, truth = mirror_images(image, chosen), mirror_truth(truth, chosen)
        image = jitter_colours(image, keys, config.colour_jitter).contiguous(memory_format=torch.channels_last)
        with autocast(self.device, config.precision):
            estimate = self.model(image, keys)
            anchor = self._anchored(image)
        return total_loss(estimate, truth, self.layer, self.loss_config, anchor)

    @torch.no_grad()
    def _anchored(self, image: Tensor) -> Estimate | None:
        return None if self.anchor is None else self.anchor(image)


def make_optimizer(model: nn.Module, config: LearningConfig) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices and kernels only: gains and biases decide no complexity."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def require_finite_gradient(norm: float, step: int) -> None:
    """Raise TrainingDiverged where a gradient's norm is infinite or not a number."""
    if not np.isfinite(norm):
        raise TrainingDiverged(
            f"the gradient of step {step} is {norm}, so the training has diverged.\n"
            "  Lower --learning.learning-rate, or set --learning.precision fp32, with another --out."
        )


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step says for itself; the numbers of a line in metrics.jsonl."""

    step: int
    total_steps: int
    loss: float
    terms: dict[str, float]
    learning_rate: float
    gradient_norm: float
    seconds: float
    waited_seconds: float
    """Part of `seconds` spent waiting for records."""


def train_plain(
    learner: Learner,
    records_of: Callable[[np.ndarray], Records],
    seed: int,
    on_step: Callable[[StepReport], None] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    steps: Iterable[int] | None = None,
) -> torch.optim.Optimizer:
    """Train in this process, one step after the other.

    Args:
        learner: whose model is trained in place and left in evaluation mode; its seed becomes `seed`.
        records_of: view numbers to their records, in that order.
        seed: with the settings it decides the whole training.
        on_step: called after each step.
        optimizer: to go on with; None makes a new one.
        steps: which steps to take, all by default; `range(k, total_steps(config))` goes on after k of them.

    Returns:
        The optimizer, to go on with.

    Raises:
        errors.TrainingDiverged: a gradient is infinite or not a number.
    """
    config = learner.config
    learner.seed = seed
    optimizer = optimizer or make_optimizer(learner.model, config)
    learner.model.train()
    for step in range(total_steps(config)) if steps is None else steps:
        started = time.perf_counter()
        records = records_of(batch_numbers(config, seed, step))
        arrived = time.perf_counter()
        rate = learning_rate_at(step, config)
        loss, terms, norm = _take_step(learner, optimizer, records, step, rate)
        if on_step is not None:
            numbers = {name: float(term) for name, term in terms.items()}
            ended = time.perf_counter()
            report = StepReport(
                step, total_steps(config), float(loss), numbers, rate, norm, ended - started, arrived - started
            )
            on_step(report)
    learner.model.eval()
    return optimizer


def _take_step(
    learner: Learner, optimizer: torch.optim.Optimizer, records: Records, step: int, rate: float
) -> tuple[Tensor, dict[str, Tensor], float]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss, terms = learner.loss(records, step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    limit = learner.config.gradient_clip or float("inf")
    norm = float(nn.utils.clip_grad_norm_(learner.model.parameters(), limit))
    require_finite_gradient(norm, step)
    optimizer.step()
    return loss.detach(), terms, norm
