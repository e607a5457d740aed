"""Settings of a training, and its two closed forms: which views a step learns from, and at which rate."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64

from share_dist.errors import (
    BadSetting,
    require_numbers,
    require_one_of,
    require_positive,
    require_ranges,
    require_share,
)
from share_dist.seeds import permutation

_OPTION = "--learning."


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningConfig:
    """One training: how many views, how often each, how fast. Its length follows from the views."""

    fresh_views: int = 20_000
    """Views to render; the training learns from the numbers 0 to fresh_views − 1 of its plan. On CPU cores a view costs
    about as much to render as to learn from, so this sets the price together with `reuse`."""

    reuse: int = 4
    """How often each view is learned from, in permuted passes. Past about ten a small network learns the pictures
    by heart."""

    batch_size: int = 128
    """Pictures in a step over all workers together. Larger fills the cores no better; smaller makes batch norm
    noisy."""

    learning_rate: float = 1e-3
    """Peak of the schedule. compact-hmr trains from scratch at 1.5e-3 with 128 pictures; demo and full fine-tune at
    5e-4: twice that forgot more everyday views for what it repaired (results/forgetting.md)."""

    warmup_share: float = 0.1
    """Part of the steps in which the rate rises to its peak: AdamW's moments are poor estimates at first."""

    final_share: float = 0.01
    """Rate at the end as part of the peak. The cosine down to almost nothing averages the noise of the last steps."""

    flat_share: float = 0.0
    """Part of the steps, the last ones, at that final rate. A base model trains until its curve is flat; a fine-tuning
    has no steps to spare for it."""

    weight_decay: float = 1e-2
    """AdamW's, on matrices and kernels only. Hardly felt in one training; it keeps weights from growing over rounds."""

    gradient_clip: float = 1.0
    """Longest gradient allowed, as a norm over all weights. Early in base training the median is 1.1 and one in ten
    exceeds 2.7. AdamW divides by the gradients' usual length anyway; the limit keeps single odd batches from counting
    for more than the others. 0 turns clipping off."""

    frozen_batch_norm: bool = False
    """Keep batch norm's statistics fixed, in any network that has some. True for fine-tuning, whose mix of views is
    not what will be met later; False to train from scratch, where they must be learned."""

    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """bfloat16 where the hardware multiplies it (several times faster), float32 elsewhere; auto looks, once for all
    workers, on the machine that gives the command. Name one where that machine is unlike the workers'."""

    colour_jitter: float = 0.1
    """Largest random change of brightness, contrast and each channel's gain. Lamps in the views vary already, so a
    tenth is enough to stop the network from reading absolute colours."""

    mirror_share: float = 0.5
    """Part of the pictures shown as in a mirror, with the mirrored truth: twice the views for the price of one."""

    checkpoint_every: int = 200
    """Steps between checkpoints; about half a minute of work is what a crash may cost."""

    def __post_init__(self) -> None:
        require_numbers(self, _OPTION)
        require_one_of(self.precision, f"{_OPTION}precision", ("auto", "bf16", "fp32"))
        for name in ("fresh_views", "reuse", "batch_size", "learning_rate", "checkpoint_every"):
            require_positive(getattr(self, name), f"--learning.{name.replace('_', '-')}")
        for name in ("warmup_share", "final_share", "flat_share", "colour_jitter", "mirror_share"):
            require_share(getattr(self, name), f"--learning.{name.replace('_', '-')}")
        for name in ("weight_decay", "gradient_clip"):
            if not (value := getattr(self, name)) >= 0:
                raise BadSetting(f"--learning.{name.replace('_', '-')} is {value}, but must be 0 or more.")
        most = {"fresh_views": 10**9, "reuse": 10**6, "batch_size": 10**6, "checkpoint_every": 10**9}
        require_ranges(self, _OPTION, **{name: (1, high) for name, high in most.items()})
        # AdamW moves a weight by about its rate in a step, and ours are smaller than 1.
        require_ranges(self, _OPTION, learning_rate=(0.0, 10.0), weight_decay=(0.0, 100.0), gradient_clip=(0.0, 1e6))
        if self.batch_size > self.fresh_views * self.reuse:
            raise BadSetting(
                f"--learning.batch-size is {self.batch_size}, but {self.fresh_views} views used {self.reuse} times "
                f"make only {self.fresh_views * self.reuse} pictures."
                "\n  Set --learning.fresh-views higher or the batch lower."
            )


def total_steps(config: LearningConfig) -> int:
    """Return the number of steps; pictures left over that do not fill a batch are not used."""
    return config.fresh_views * config.reuse // config.batch_size


@functools.lru_cache(maxsize=4)
def _pass_order(seed: int, turn: int, count: int) -> np.ndarray:
    order = permutation(seed, "learning-pass", turn, count)
    order.setflags(write=False)
    return order


def batch_numbers(config: LearningConfig, seed: int, step: int) -> Int64[np.ndarray, " batch"]:
    """Return the view numbers of one step, in order.

    All steps together go `reuse` times through 0…fresh_views−1, each pass in a permutation of its own; a batch may
    end one pass and begin the next. Nothing else decides the data, so a training goes on exactly where it stopped.
    """
    place = np.arange(step * config.batch_size, (step + 1) * config.batch_size)
    turns = place // config.fresh_views
    numbers = np.empty(config.batch_size, dtype=np.int64)
    for turn in range(int(turns[0]), int(turns[-1]) + 1):
        inside = turns == turn
        order = _pass_order(seed, turn, config.fresh_views)
        numbers[inside] = order[place[inside] % config.fresh_views]
    return numbers


def learning_rate_at(step: int, config: LearningConfig) -> float:
    """Return the rate of a step: a straight rise to the peak, half a cosine down to `final_share` of it, then flat."""
    rise = config.warmup_share * total_steps(config)
    end = (1.0 - config.flat_share) * total_steps(config)
    if step < rise:
        return config.learning_rate * (step + 1) / (rise + 1)
    progress = (step - rise) / max(end - rise, 1.0)
    low = config.final_share
    return config.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
