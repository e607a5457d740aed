"""What Ray Train and DeepSpeed add to a step, and how long a trainer waits for pictures drawn while it learns.

Both sides take the same steps of the same training (compact network, 96 pixels, records in memory) in a Ray worker
process with the same threads: once in the plain loop, once under Ray Train and DeepSpeed. They take turns, several
times, so that a busy machine slows both; the figure is the ratio of the median step times of all turns.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray

from share_dist.body import BodyConfig, BodyLayer, PeopleDistribution, load_body
from share_dist.camera import Everyday
from share_dist.fleet import Fleet, FleetConfig
from share_dist.learning import Learner, LearningConfig, train_plain
from share_dist.losses import LossConfig
from share_dist.models import ModelConfig, make_model
from share_dist.render import Records, RenderConfig
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.seeds import derived_seed
from share_dist.storage import FolderStore
from share_dist.training import HeldPictures, TrainingConfig, TrainingJob, train
from share_dist.training.rank import worker_environment

TURNS, WARM_STEPS = 3, 5
HELD = LearningConfig(fresh_views=512, reuse=5, batch_size=64, frozen_batch_norm=True, checkpoint_every=1000)
LIVE = LearningConfig(fresh_views=1024, reuse=4, batch_size=64, frozen_batch_norm=True, checkpoint_every=1000)
PLAN = ViewPlan(
    people=PeopleDistribution(),
    cameras=Everyday(),
    scenes=SceneDistribution.from_config(SceneConfig()),
    split="train",
    seed=derived_seed(0, "bench-train"),
)
log = logging.getLogger("share_dist")


def run(json_path: Path | None = None) -> dict[str, Any]:
    """Step time under Ray Train and DeepSpeed against the bare loop, and the share of time spent waiting."""
    with Fleet(FleetConfig(), BodyConfig(), RenderConfig()) as fleet:
        cores = int(ray.cluster_resources()["CPU"])
        config = TrainingConfig(threads_per_worker=cores)
        records = fleet.records(PLAN, range(HELD.fresh_views))
        live = _train_live(fleet, config)
    with Fleet(FleetConfig(), BodyConfig(), RenderConfig()):
        turns = _take_turns(ray.put(records), config, cores)
    figures = {
        "ratio": round(_median(turns["ray"]) / _median(turns["plain"]), 4),
        "plain_step_ms": round(1000 * _median(turns["plain"]), 2),
        "ray_step_ms": round(1000 * _median(turns["ray"]), 2),
        "ratio_by_turn": [
            round(_median([a]) / _median([b]), 4) for a, b in zip(turns["ray"], turns["plain"], strict=True)
        ],
        "fixed_cost_s": [round(seconds, 2) for seconds in turns["fixed_s"]],
        "batch_size": HELD.batch_size,
        "threads": cores,
        **live,
    }
    if json_path is not None:
        json_path.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        print(f"  {name}: {value}")
    print(f"train ratio={figures['ratio']}")
    return figures


def _pairs(turns: dict[str, list[Any]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(turns["ray"], turns["plain"], strict=True))


def _median(turns: list[np.ndarray]) -> float:
    return float(np.median(np.concatenate(turns)))


def _job(name: str, learning: LearningConfig) -> TrainingJob:
    return TrainingJob(name=name, start=ModelConfig(), seed=1, learning=learning)


def _take_turns(records: Any, config: TrainingConfig, cores: int) -> dict[str, list[Any]]:
    """Train the same steps plainly and under Ray Train, in turns; return seconds a step and fit's fixed cost."""
    environment = {"env_vars": worker_environment(cores)}
    plainly = ray.remote(num_cpus=0.5, runtime_env=environment)(_plain_seconds)
    turns: dict[str, list[Any]] = {"plain": [], "ray": [], "fixed_s": []}
    for turn in range(TURNS):
        turns["plain"].append(ray.get(plainly.remote([records], cores)))
        began = time.monotonic()
        lines = _metrics(_job(f"bench turn {turn}", HELD), HeldPictures(records), config)
        seconds = np.array([line["seconds"] - line["waited_seconds"] for line in lines])
        turns["ray"].append(seconds[WARM_STEPS:])
        turns["fixed_s"].append(time.monotonic() - began - sum(line["seconds"] for line in lines))
        log.info("bench train  turn %d of %d", turn + 1, TURNS)
    return turns


def _plain_seconds(references: list[Any], threads: int) -> np.ndarray:
    """Take the steps in the plain loop; runs in a Ray worker process, as a rank does."""
    import torch

    torch.set_num_threads(threads)
    records: Records = ray.get(references[0])
    seconds: list[float] = []
    model = make_model(ModelConfig(), derived_seed(1, "weights"))
    learner = Learner(model, BodyLayer(load_body(BodyConfig())), LossConfig(), HELD, 1)
    train_plain(learner, records.take, 1, lambda report: seconds.append(report.seconds - report.waited_seconds))
    return np.array(seconds[WARM_STEPS:])


def _metrics(job: TrainingJob, pictures: Any, config: TrainingConfig) -> list[dict[str, Any]]:
    """Train in a folder of no further use and return the lines of its metrics file."""
    with tempfile.TemporaryDirectory() as folder:
        train(job, FolderStore(folder), pictures, config)
        return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


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
