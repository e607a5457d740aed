"""Before and after, on people that decided nothing: the figures of DESIGN, for one model."""

from __future__ import annotations

from typing import Any

import numpy as np

from share_dist.landscape import Landscape, LandscapeConfig, worst_tenth_fixed, worst_tenth_own
from share_dist.loop.plans import EXTRA_DISTRIBUTIONS, MAIN_DISTRIBUTIONS, judge_plans
from share_dist.loop.rounds import Run, Surveys
from share_dist.storage import inside
from share_dist.survey import Survey, figures

EXTRA_SHARE = 0.25
"""The two extra distributions are shown beside the headline and need no worst tenths: a quarter of the views does."""


def judge_counts(judge_views: int) -> dict[str, int]:
    """How many judge views each camera distribution gets."""
    extra = max(int(judge_views * EXTRA_SHARE), 1)
    return {name: judge_views for name in MAIN_DISTRIBUTIONS} | {name: extra for name in EXTRA_DISTRIBUTIONS}


def judge_surveys(run: Run, model: bytes, folder: str, label: str) -> Surveys:
    """Survey a model on the judge views of every distribution."""
    counts = judge_counts(run.config.survey.judge_views)
    return {
        name: run.fleet.survey(
            model, plan, counts[name], inside(run.store, f"{folder}/{name}"), run.config.survey, f"{label} {name}"
        )
        for name, plan in judge_plans(run.config).items()
    }


def judge_figures(surveys: Surveys, base: Landscape, config: LandscapeConfig) -> dict[str, Any]:
    """Figures of one model by distribution, the worst tenths of the two main ones among them.

    Args:
        surveys: judge surveys by distribution.
        base: the base model's landscape of all cameras, fitted to steer views; it says where `fixed` lies.
        config: settings of the landscapes behind `worst_tenth_own`.
    """
    result: dict[str, Any] = {name: figures(survey) for name, survey in surveys.items()}
    for name in MAIN_DISTRIBUTIONS:
        result[name] |= worst_tenths(surveys[name], base, config)
    return result


def worst_tenths(survey: Survey, base: Landscape, config: LandscapeConfig) -> dict[str, float]:
    """The mean error in the worst tenth of camera space, both ways."""
    return {
        "worst_tenth_fixed_mpjpe_mm": float(worst_tenth_fixed(base, survey)),
        "worst_tenth_own_mpjpe_mm": float(worst_tenth_own(survey, config)),
    }


def headline(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
    """Relative gains in per cent, positive where the model got better; the worst tenth's is the smaller of the two."""

    def gain(distribution: str, figure: str) -> float:
        return 100 * (1 - after[distribution][figure] / before[distribution][figure])

    worst = [gain("all_cameras", f"worst_tenth_{kind}_mpjpe_mm") for kind in ("fixed", "own")]
    return {
        "all_cameras_gain_percent": gain("all_cameras", "mpjpe_mm"),
        "worst_tenth_gain_percent": float(np.min(worst)),
        "worst_tenth_fixed_gain_percent": worst[0],
        "worst_tenth_own_gain_percent": worst[1],
        "everyday_gain_percent": gain("everyday", "mpjpe_mm"),
    }
