"""The plans of a run: which views are learned from, which decide, which judge."""

from __future__ import annotations

import numpy as np

from share_dist.body import Body, PeopleDistribution
from share_dist.camera import (
    AllCameras,
    Camera,
    CameraDistribution,
    CloseUp,
    Everyday,
    FullSphere,
    Mixture,
    low_discrepancy_pool,
)
from share_dist.config import RunConfig
from share_dist.scene import SceneDistribution, Split, ViewPlan, person_spaces
from share_dist.seeds import derived_seed

MAIN_DISTRIBUTIONS: dict[str, CameraDistribution] = {"all_cameras": AllCameras(), "everyday": Everyday()}
EXTRA_DISTRIBUTIONS: dict[str, CameraDistribution] = {"full_sphere": FullSphere(), "close_up": CloseUp()}


def view_plan(config: RunConfig, cameras: CameraDistribution, split: Split, purpose: str) -> ViewPlan:
    """Return a plan whose seed follows from the run's seed and a purpose; one purpose, one set of people.

    Two plans of one purpose that differ in their cameras show the same people in the same scenes.
    """
    return ViewPlan(
        people=PeopleDistribution(),
        cameras=cameras,
        scenes=SceneDistribution.from_config(config.scene),
        split=split,
        seed=derived_seed(config.seed, purpose),
    )


def steer_plans(config: RunConfig) -> dict[str, ViewPlan]:
    """The views that decide: landscapes and acceptance, the same numbered views before and after every round.

    The two main distributions, and the one that is searched where that is another.
    """
    every = MAIN_DISTRIBUTIONS | EXTRA_DISTRIBUTIONS
    names = dict.fromkeys([*MAIN_DISTRIBUTIONS, config.camera.target])
    return {name: view_plan(config, every[name], "steer", "steer") for name in names}


def camera_pool(config: RunConfig, body: Body, count: int | None = None) -> list[Camera]:
    """The fixed cameras among which regions are searched: evenly spread over the target, floor rule included.

    Args:
        config: the run's settings.
        body: whose floor and limbs are kept clear of.
        count: how many, from the first on; None gives all.

    Raises:
        errors.BadSetting: around somebody there is no room for any.
    """
    plan = steer_plans(config)["all_cameras"]
    people = [view.person for view in plan.views(np.arange(256), body)]
    seed = derived_seed(config.seed, "camera-pool")
    wanted = count or config.rome.pool_size
    return low_discrepancy_pool(config.camera.target_distribution(), person_spaces(people, body), wanted, seed)


def judge_plans(config: RunConfig) -> dict[str, ViewPlan]:
    """The views that are looked at before and after, and decide nothing."""
    every = MAIN_DISTRIBUTIONS | EXTRA_DISTRIBUTIONS
    return {name: view_plan(config, cameras, "judge", "judge") for name, cameras in every.items()}


def round_plan(config: RunConfig, hard: CameraDistribution, index: int) -> ViewPlan:
    """What a round learns from: hard cameras and everyday replay, mixed in one distribution of cameras."""
    share = config.share.everyday_share
    cameras = Mixture(parts=(hard, Everyday()), weights=(1.0 - share, share))
    return view_plan(config, cameras, "train", f"round-{index}")


def everyday_plan(config: RunConfig) -> ViewPlan:
    """What a base model learns from."""
    return view_plan(config, Everyday(), "train", "base")
