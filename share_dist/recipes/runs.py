"""Named runs.

A recipe is a function that returns a complete `RunConfig`; its name is the second word of a command line, and every
setting in it can be changed there.
"""

from __future__ import annotations

from collections.abc import Callable

from share_dist import errors
from share_dist.config import RunConfig, ShareConfig
from share_dist.fleet import FleetConfig
from share_dist.learning import LearningConfig
from share_dist.survey import SurveyConfig
from share_dist.training import TrainingConfig


def demo() -> RunConfig:
    """Repair the built-in model in a few minutes on two cores, without GPU, licence or download."""
    return RunConfig(
        share=ShareConfig(rounds=2),
        survey=SurveyConfig(steer_views=2048, judge_views=3072, precision="auto"),
        learning=LearningConfig(
            fresh_views=11_000,
            reuse=3,
            batch_size=64,
            learning_rate=5e-4,
            frozen_batch_norm=True,
            checkpoint_every=200,
        ),
    )


def full() -> RunConfig:
    """The demo at length: more views, more rounds, up to an hour on two cores."""
    return RunConfig(
        # Looser than the demo's guard, and yet it decided nothing in the run that is kept in results/repairs: no round
        # cost steer people's everyday views anything.
        share=ShareConfig(rounds=3, everyday_tolerance=0.015),
        survey=SurveyConfig(steer_views=4096, judge_views=4096, precision="auto"),
        learning=LearningConfig(
            fresh_views=60_000,
            reuse=3,
            batch_size=64,
            learning_rate=5e-4,
            frozen_batch_norm=True,
            checkpoint_every=400,
        ),
    )


def compact_hmr() -> RunConfig:
    """Train the compact base model on everyday views only, until its curve is flat.

    Pictures seen before are kept in memory, 10 GB of them; what finds no room is rendered again each time. On a machine
    with room for all of them give `--fleet.cache-mb 14500`.
    """
    return RunConfig(
        seed=2401,
        learning=LearningConfig(
            fresh_views=450_000, reuse=4, learning_rate=1.5e-3, flat_share=0.1, checkpoint_every=250
        ),
        training=TrainingConfig(snapshot_every=703),
        fleet=FleetConfig(cache_mb=10_000),
    )


def smoke() -> RunConfig:
    """The whole loop in about a minute, too small to mean anything: for tests and for trying a cluster."""
    return RunConfig(
        share=ShareConfig(rounds=1, attempts=1),
        survey=SurveyConfig(steer_views=512, judge_views=512),
        learning=LearningConfig(fresh_views=512, reuse=2, batch_size=64, learning_rate=1e-4, checkpoint_every=4),
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    "demo": demo,
    "full": full,
    "compact-hmr": compact_hmr,
    "smoke": smoke,
}


def find_recipe(name: str) -> RunConfig:
    """Return the settings of the named recipe.

    Raises:
        errors.BadSetting: there is no such recipe; the message names the nearest.
    """
    if name not in RECIPES:
        raise errors.BadSetting(f"there is no recipe '{name}'{errors.nearest_name(name, RECIPES)}")
    return RECIPES[name]()
