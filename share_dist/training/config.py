"""Settings of the machinery around a training, and the job it is given."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from share_dist.body import BodyConfig
from share_dist.errors import BadSetting, require_positive
from share_dist.learning import LearningConfig
from share_dist.losses import LossConfig
from share_dist.models import ModelConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """On how much machinery a training runs. What it learns is `learning`'s, so a continued run may change this."""

    workers: int = 1
    """Training processes. One uses all cores of a machine without a GPU; with GPUs give one for each."""

    zero_stage: Literal[0, 1, 2, 3] = 0
    """How much DeepSpeed spreads over the workers: 1 optimizer state, 2 also gradients, 3 also weights. 0 is fastest
    and our networks fit; a checkpoint taken at one stage or number of workers goes on at any other."""

    use_gpu: bool = False
    """One GPU for each worker, gradients by NCCL. Without it the workers compute on cores and talk by gloo."""

    threads_per_worker: int | None = None
    """Cores each worker computes with. None shares the machine's cores among the workers."""

    cpus_per_worker: float = 0.5
    """Cores Ray sets aside for each worker. Small, because a worker beside render actors mostly waits in turn with
    them, and on two cores a whole one for training would leave no room for two render actors."""

    ahead_steps: int = 4
    """Steps for which records are asked for in advance, so that drawing and learning overlap."""

    snapshot_every: int = 0
    """Steps between copies of the network that are kept, for a curve of its error over the training; 0 keeps none."""

    start_deadline_s: float = 120.0
    """How long to wait until the cluster has room for all workers; then the training ends with what is missing."""

    worker_failures: int = 2
    """How often lost workers are started again, from the last checkpoint, before the training gives up."""

    def __post_init__(self) -> None:
        for name in ("workers", "cpus_per_worker", "ahead_steps", "start_deadline_s"):
            require_positive(getattr(self, name), f"training.{name.replace('_', '-')}")
        if self.threads_per_worker is not None:
            require_positive(self.threads_per_worker, "training.threads-per-worker")
        if self.zero_stage not in (0, 1, 2, 3):
            raise BadSetting(f"training.zero-stage is {self.zero_stage}, but DeepSpeed has the stages 0, 1, 2 and 3.")
        if self.snapshot_every < 0:
            raise BadSetting(f"training.snapshot-every is {self.snapshot_every}, but it must be 0 (none) or more.")
        if self.worker_failures < 0:
            raise BadSetting(f"training.worker-failures is {self.worker_failures}, but it must be 0 or more.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingJob:
    """What is learned: everything that decides the weights, apart from rounding."""

    name: str
    """Shown in the progress lines, such as "round 1"."""

    start: bytes | ModelConfig
    """The checkpoint file to go on from, as bytes, or the network to train from scratch."""

    anchor: bytes | None = None
    """The checkpoint file of a model whose answers to everyday views are held on to (`losses.anchor`), or None."""

    seed: int
    """Draws the order of the views, dropout, augmentation and untrained weights."""

    learning: LearningConfig = field(default_factory=LearningConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    body: BodyConfig = field(default_factory=BodyConfig)

    data: str = ""
    """What the numbers mean: the plan's JSON or hash and how it is rendered. A checkpoint of other data is refused."""

    card: dict[str, Any] = field(default_factory=dict)
    """JSON values to store in the trained checkpoint's card, such as the plan."""

    def description(self) -> dict[str, Any]:
        """Return the job as JSON values; two trainings with the same description learn the same."""
        start = hashlib.sha256(self.start).hexdigest() if isinstance(self.start, bytes) else self.start.to_json()
        return {
            "start": start,
            "anchor": hashlib.sha256(self.anchor).hexdigest() if self.anchor else None,
            "seed": self.seed,
            "learning": asdict(self.learning),
            "losses": asdict(self.losses),
            "body": json.loads(json.dumps(asdict(self.body), default=str)),
            "data": self.data,
        }


def require_even_batches(learning: LearningConfig, config: TrainingConfig) -> None:
    """Raise BadSetting unless every rank gets the same number of pictures, without which the average is not the mean.

    Raises:
        errors.BadSetting: the batch cannot be divided; the message names the nearest sizes that can.
    """
    batch, workers = learning.batch_size, config.workers
    if batch % workers:
        low = max(batch // workers, 1) * workers
        raise BadSetting(
            f"learning.batch-size is {batch}, which {workers} workers cannot share evenly.\n"
            f"  Set learning.batch-size to {low} or {low + workers}, or training.workers to a divisor of {batch}."
        )
