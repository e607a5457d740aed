"""What Ray Train and DeepSpeed add to a step, and how long a trainer waits for pictures drawn while it learns.

Both sides take the same steps of the same training (compact network, 96 pixels, records in memory) with the same
threads, each in a process of its own: the plain loop in a bare Ray actor, the other in a rank under Ray Train and
DeepSpeed. They take turns step by step, the one standing still while the other works, so that a busy machine slows
both alike. A process keeps what luck gave it, such as where its memory lies, and that moves the ratio by some
hundredths; so there are several pairs of processes, and the figure is the median over the pairs of the median ratio of
the two times of a step.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray

from share_dist.body import BodyConfig, BodyLayer, PeopleDistribution, load_body
from share_dist.camera import Everyday
from share_dist.fleet import Fleet, FleetConfig
from share_dist.learning import Learner, LearningConfig, StepReport, make_optimizer, train_plain
from share_dist.losses import LossConfig
from share_dist.models import ModelConfig, make_model
from share_dist.render import Records, RenderConfig
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.seeds import derived_seed
from share_dist.storage import FolderStore
from share_dist.training import TrainingConfig, TrainingJob, train
from share_dist.training.rank import worker_environment

WARM_STEPS = 8
PAIRS = 5
HELD = LearningConfig(fresh_views=512, reuse=5, batch_size=64, frozen_batch_norm=True, checkpoint_every=1000)
LIVE = LearningConfig(fresh_views=1024, reuse=4, batch_size=64, frozen_batch_norm=True, checkpoint_every=1000)
PLAN = ViewPlan(
    people=PeopleDistribution(),
    cameras=Everyday(),
    scenes=SceneDistribution.from_config(SceneConfig()),
    split="train",
    seed=derived_seed(0, "bench-train"),
)
SEED = 1


def run() -> dict[str, Any]:
    """Step time under Ray Train and DeepSpeed against the bare loop, and the share of time spent waiting."""
    with Fleet(FleetConfig(), BodyConfig(), RenderConfig()) as fleet:
        threads = max(int(ray.cluster_resources()["CPU"]), 1)
        config = TrainingConfig(threads_per_worker=threads)
        records = fleet.records(PLAN, range(HELD.fresh_views))
        live = _train_live(fleet, config)
    # A fleet of its own, whose renderers never start: nothing else is to run beside the two sides.
    with Fleet(FleetConfig(), BodyConfig(), RenderConfig()):
        held = ray.put(records)
        pairs = [_take_turns(held, config, threads) for _ in range(PAIRS)]
    plain_s, ray_s, fixed_s = (np.array(seconds) for seconds in zip(*pairs, strict=True))
    ratios = np.median(ray_s / plain_s, axis=1)
    figures = {
        "ratio": round(float(np.median(ratios)), 4),
        "ratio_of_each_pair": [round(float(ratio), 4) for ratio in ratios],
        "plain_step_ms": round(1000 * float(np.median(plain_s)), 2),
        "ray_step_ms": round(1000 * float(np.median(ray_s)), 2),
        "steps_of_each_pair": ray_s.shape[1],
        "fixed_cost_s": round(float(np.median(fixed_s)), 2),
        "batch_size": HELD.batch_size,
        "threads": threads,
        **live,
    }
    for name, value in figures.items():
        print(f"  {name}: {value}")
    return figures


def _job(name: str, learning: LearningConfig) -> TrainingJob:
    return TrainingJob(name=name, start=ModelConfig(), seed=SEED, learning=learning)


class _PlainLoop:
    """The plain loop in a process of its own, one step at a time."""

    def __init__(self, records: list[Any], threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.records: Records = ray.get(records[0])
        model = make_model(ModelConfig(), derived_seed(SEED, "weights"))
        self.learner = Learner(model, BodyLayer(load_body(BodyConfig())), LossConfig(), HELD, SEED)
        self.optimizer = make_optimizer(model, HELD)
        self.seconds: list[float] = []

    def step(self, step: int) -> None:
        """Take one step and note its time, as a rank does, without the time its records took."""

        def note(report: StepReport) -> None:
            self.seconds.append(report.seconds - report.waited_seconds)

        train_plain(self.learner, self.records.take, SEED, note, self.optimizer, [step])

    def times(self) -> list[float]:
        """Return the seconds of each step."""
        return self.seconds


@dataclass(frozen=True)
class _TakingTurns:
    """Records in memory; before each step of the rank the plain loop takes the same step, while the rank waits."""

    records: Any
    plain: Any

    def feed(self, numbers_by_step: Sequence[np.ndarray], ahead: int) -> Iterator[Records]:
        held: Records = ray.get(self.records)
        for step, numbers in enumerate(numbers_by_step):
            ray.get(self.plain.step.remote(step))
            yield held.take(numbers)


def _take_turns(records: Any, config: TrainingConfig, threads: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Take the same steps on both sides; return seconds a step of each, and what the training cost besides steps."""
    environment = {"env_vars": worker_environment(threads)}
    plain: Any = ray.remote(num_cpus=0.5, runtime_env=environment)(_PlainLoop).remote([records], threads)
    ray.get(plain.times.remote())
    began = time.monotonic()
    lines = _metrics(_job("bench held", HELD), _TakingTurns(records, plain), config)
    fixed_s = time.monotonic() - began - sum(line["seconds"] for line in lines)
    plain_s = np.array(ray.get(plain.times.remote()))
    ray_s = np.array([line["seconds"] - line["waited_seconds"] for line in lines])
    return plain_s[WARM_STEPS:], ray_s[WARM_STEPS:], fixed_s


def _metrics(job: TrainingJob, pictures: Any, config: TrainingConfig) -> list[dict[str, Any]]:
    """Train in a folder of no further use and return the lines of its metrics file."""
    with tempfile.TemporaryDirectory() as folder:
        train(job, FolderStore(folder), pictures, config)
        return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text("utf-8").splitlines()]


def _train_live(fleet: Fleet, config: TrainingConfig) -> dict[str, Any]:
    """Train with pictures drawn meanwhile; in the first pass every one is new, later the rank keeps its own."""
    lines = _metrics(_job("bench live", LIVE), fleet.pictures(PLAN), config)
    first = LIVE.fresh_views // LIVE.batch_size
    whole, drawing = _wait_share(lines), _wait_share(lines[:first])
    seconds = sum(line["seconds"] for line in lines)
    return {
        "live_wait_share": round(whole, 4),
        "live_wait_share_first_pass": round(drawing, 4),
        "live_pictures_per_s": round(LIVE.batch_size * len(lines) / seconds, 1),
        "live_reuse": LIVE.reuse,
    }


def _wait_share(lines: list[dict[str, Any]]) -> float:
    return sum(line["waited_seconds"] for line in lines) / max(sum(line["seconds"] for line in lines), 1e-9)
