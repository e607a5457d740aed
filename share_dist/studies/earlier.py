"""Recipes as they were when a study was made of them, so that the same study can be made after they have changed."""

from __future__ import annotations

from share_dist.config import RunConfig, with_settings
from share_dist.recipes import find_recipe

_DEMO_BEFORE_ITS_SWEEP = {
    "rome.quantile": 0.5,
    "rome.temperature": 1.0,
    "rome.kappa": 0.5,
    "rome.explore_share": 0.2,
    "share.everyday_share": 0.9,
    "share.rounds": 2,
    "losses.anchor": 3.0,
    "losses.joints_3d": 5.0,
    "losses.joints_2d": 0.5,
    "losses.betas": 0.02,
    "learning.learning_rate": 5e-4,
    "learning.fresh_views": 11_000,
}


def demo_before_its_sweep() -> RunConfig:
    """The demo with the settings that were chosen by hand."""
    return with_settings(find_recipe("demo"), _DEMO_BEFORE_ITS_SWEEP)
