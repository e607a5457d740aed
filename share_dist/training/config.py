"""Settings of the machinery around a training, and the job it is given."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from share_dist.body import BodyConfig
from share_dist.errors import BadSetting, require_numbers, require_positive, require_ranges
from share_dist.learning import LearningConfig
from share_dist.losses import LossConfig
from share_dist.models import ModelConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepSpeedConfig:
    """What is handed on to DeepSpeed as it is; the rest of its configuration follows from the learning's own settings.

    For networks much larger than ours, or GPUs much smaller. It changes rounding, and speed and memory.
    """

    gradient_accumulation: int = 1
    """In how many parts each worker takes its share of a batch, one after the other; more parts need less memory."""

    offload_optimizer: bool = False
    """Keep AdamW's moments in the machine's memory and update them on its cores. Needs stage 1, 2 or 3."""

    offload_weights: bool = False
    """Keep also the weights there, and bring them to the GPU layer by layer. Needs stage 3."""

    bf16_gradients: bool = False
    """Send gradients between workers as bfloat16, half the bytes. Weights and sums stay float32, and what a step
    multiplies in is `learning.precision`'s."""

    def __post_init__(self) -> None:
        require_numbers(self, "--training.deepspeed.")
        require_positive(self.gradient_accumulation, "--training.deepspeed.gradient-accumulation")
        require_ranges(self, "--training.deepspeed.", gradient_accumulation=(1, 10**6))


_OPTION = "--training."
_MOST = {
    100_000: ("workers", "min_workers", "threads_per_worker", "cpus_per_worker"),
    10_000: ("ahead_steps", "worker_failures"),
    10**9: ("snapshot_every",),
    10**7: ("start_deadline_s", "resize_after_s"),
}
"""The most of each setting: more was meant otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """On how much machinery a training runs. What it learns is `learning`'s, so a continued run may change this."""

    workers: int = 1
    """Training processes. One uses all cores of a machine without a GPU; with GPUs give one for each."""

    zero_stage: Literal[0, 1, 2, 3] = 0
    """How much DeepSpeed spreads over the workers: 1 optimizer state, 2 also gradients, 3 also weights. 0 is fastest
    and our networks fit; a checkpoint taken at one stage or number of workers goes on at any other."""

    min_workers: int | None = None
    """Go on with as few as this many while the cluster has no room for all, and stop at a checkpoint to take more as
    soon as it has. None wants all of them."""

    labels: str | None = None
    """Only nodes with these labels train: ``share-role=train``. None takes any node that has cores."""

    deepspeed: DeepSpeedConfig = field(default_factory=DeepSpeedConfig)

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

    resize_after_s: float = 15.0
    """How long room for more workers must have lasted before the training stops to take it; starting them anew costs
    about as long."""

    worker_failures: int = 2
    """How often in a row lost workers are started again from the same checkpoint before the training gives up. Losses
    after a new checkpoint do not count: a night on spot nodes may have many."""

    def __post_init__(self) -> None:
        require_numbers(self, _OPTION)
        for name in ("workers", "cpus_per_worker", "ahead_steps", "start_deadline_s", "resize_after_s"):
            require_positive(getattr(self, name), f"--training.{name.replace('_', '-')}")
        if self.threads_per_worker is not None:
            require_positive(self.threads_per_worker, "--training.threads-per-worker")
        self._require_sizes()
        self._require_stages()
        for high, names in _MOST.items():
            require_ranges(self, _OPTION, **{name: (0, high) for name in names})

    @property
    def fewest(self) -> int:
        """The smallest number of workers to go on with."""
        return self.workers if self.min_workers is None else self.min_workers

    def _require_sizes(self) -> None:
        if self.min_workers is not None and not 1 <= self.min_workers <= self.workers:
            raise BadSetting(
                f"--training.min-workers is {self.min_workers}, but it must lie from 1 to --training.workers, "
                f"which is {self.workers}."
            )
        if self.snapshot_every < 0:
            raise BadSetting(f"--training.snapshot-every is {self.snapshot_every}, but it must be 0 (none) or more.")
        if self.worker_failures < 0:
            raise BadSetting(f"--training.worker-failures is {self.worker_failures}, but it must be 0 or more.")

    def _require_stages(self) -> None:
        if self.zero_stage not in (0, 1, 2, 3):
            raise BadSetting(f"--training.zero-stage is {self.zero_stage}, but DeepSpeed has the stages 0, 1, 2 and 3.")
        if self.zero_stage == 0 and self.deepspeed.offload_optimizer:
            raise BadSetting(
                "training.deepspeed.offload-optimizer needs training.zero-stage 1, 2 or 3, but it is 0.\n"
                "  Set --training.zero-stage 1."
            )
        if self.deepspeed.offload_weights and self.zero_stage != 3:
            raise BadSetting(
                f"training.deepspeed.offload-weights needs training.zero-stage 3, but it is {self.zero_stage}."
            )


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

    With `min_workers` some number of workers will fit; only that all of them together do is asked for here.

    Raises:
        errors.BadSetting: the batch cannot be divided; the message names the nearest sizes that can.
    """
    batch, parts = learning.batch_size, config.deepspeed.gradient_accumulation
    unit = config.workers * parts
    if batch % unit:
        low = max(batch // unit, 1) * unit
        pieces = f" in {parts} parts each" if parts > 1 else ""
        raise BadSetting(
            f"--learning.batch-size is {batch}, which {config.workers} workers cannot share evenly{pieces}.\n"
            f"  Set --learning.batch-size to {low} or {low + unit}, or --training.workers to a divisor of "
            f"{batch // parts}."
        )
