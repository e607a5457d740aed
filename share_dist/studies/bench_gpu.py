"""`bench gpu`: how many pictures a second a GPU learns from and its machine's cores draw at 224 px, and which waits.

The compact and the ResNet-50 network train under Ray Train and DeepSpeed on pictures that are drawn meanwhile, each
used once. A step's time without the wait says how fast the network learns; drawing is timed alone before.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras
from share_dist.errors import BadSetting
from share_dist.fleet import Fleet, FleetConfig
from share_dist.fleet.feed import CHUNK
from share_dist.learning import LearningConfig
from share_dist.models import PUBLISHED_SPIN, ModelConfig
from share_dist.render import RenderConfig
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.seeds import derived_seed
from share_dist.storage import FolderStore
from share_dist.training import TrainingConfig, TrainingJob, train

SIZE_PX = 224
NETWORKS = {"compact": ModelConfig(input_px=SIZE_PX), "resnet50": replace(PUBLISHED_SPIN, dropout=0.0)}
LEARNING = LearningConfig(fresh_views=6400, reuse=1, batch_size=64, frozen_batch_norm=True, checkpoint_every=1000)
PLAN = ViewPlan(
    people=PeopleDistribution(),
    cameras=AllCameras(),
    scenes=SceneDistribution.from_config(SceneConfig()),
    split="train",
    seed=derived_seed(0, "bench-gpu"),
)
WARM_STEPS = 10


def run() -> dict[str, Any]:
    """Measure both networks on this machine's GPU, and print who waits.

    Raises:
        errors.BadSetting: there is no GPU here.
    """
    if not torch.cuda.is_available():
        raise BadSetting(
            "bench gpu asks how fast a GPU learns, but PyTorch finds none here.\n"
            "  Run it on a machine with one; `share-dist doctor` shows what is found. The other benches need none."
        )
    figures = {"gpu": torch.cuda.get_device_name(), **measure(NETWORKS, LEARNING, TrainingConfig(use_gpu=True))}
    for name, value in figures.items():
        print(f"  {name}: {value}")
    return figures


def measure(
    networks: Mapping[str, ModelConfig], learning: LearningConfig, config: TrainingConfig, warm_steps: int = WARM_STEPS
) -> dict[str, Any]:
    """Draw, then train each network on pictures drawn meanwhile.

    Args:
        networks: by name, all of one picture size.
        learning: how many views, how many in a step.
        config: on how much machinery.
        warm_steps: left out of the figures.

    Returns:
        `drawn_per_s` by all renderers alone; for each network `NAME_learned_per_s` while there are pictures,
        `NAME_wait_share` of its time spent without any, and `NAME_waits`: who waits, the network or the renderers;
        `ratio`: pictures drawn over pictures the first network learns from, in the same time.
    """
    sizes = {network.input_px for network in networks.values()}
    assert len(sizes) == 1, f"one picture size wanted, {sizes} given"
    with Fleet(FleetConfig(), render=RenderConfig(size_px=sizes.pop())) as fleet:
        figures: dict[str, Any] = {"batch_size": learning.batch_size, "renderers": fleet.sizes.renderers}
        figures["drawn_per_s"] = _drawn_per_s(fleet)
        for name, network in networks.items():
            job = TrainingJob(name=f"bench {name}", start=network, seed=1, learning=learning)
            with tempfile.TemporaryDirectory() as folder:
                train(job, FolderStore(folder), fleet.pictures(PLAN), config)
                lines = (Path(folder) / "metrics.jsonl").read_text("utf-8").splitlines()[warm_steps:]
            learned, waiting = _rates([json.loads(line) for line in lines], learning.batch_size)
            figures[f"{name}_learned_per_s"], figures[f"{name}_wait_share"] = learned, waiting
            figures[f"{name}_waits"] = "network" if learned > figures["drawn_per_s"] else "renderers"
    first = next(iter(networks))
    return {**figures, "ratio": round(figures["drawn_per_s"] / figures[f"{first}_learned_per_s"], 4)}


def _drawn_per_s(fleet: Fleet) -> float:
    """Pictures that all renderers together draw and hand over in a second, once each of them has drawn."""
    each = CHUNK * fleet.sizes.renderers
    fleet.records(PLAN, range(each))
    started = time.perf_counter()
    fleet.records(PLAN, range(each, 5 * each))
    return round(4 * each / (time.perf_counter() - started), 1)


def _rates(steps: list[dict[str, Any]], batch_size: int) -> tuple[float, float]:
    """Pictures learned in a second of the median step without its wait, and the share of time spent waiting."""
    working = statistics.median(step["seconds"] - step["waited_seconds"] for step in steps)
    waiting = sum(step["waited_seconds"] for step in steps) / sum(step["seconds"] for step in steps)
    return round(batch_size / working, 1), round(waiting, 4)
