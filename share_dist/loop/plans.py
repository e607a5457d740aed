"""The plans of a run: which views are learned from, which decide, which judge."""

from __future__ import annotations

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras, CameraDistribution, CloseUp, Everyday, FullSphere, Mixture
from share_dist.config import RunConfig
from share_dist.scene import SceneDistribution, Split, ViewPlan
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
