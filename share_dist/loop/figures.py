"""The figures of DESIGN for one model, and how much of them a repair gained."""

from __future__ import annotations

from typing import Any

import numpy as np

from share_dist.landscape import Landscape, LandscapeConfig, worst_tenth_fixed, worst_tenth_own
from share_dist.loop.plans import MAIN_DISTRIBUTIONS
from share_dist.loop.rounds import Surveys
from share_dist.survey import Survey, figures


def model_figures(surveys: Surveys, base: Landscape, config: LandscapeConfig) -> dict[str, Any]:
    """Figures of one model by distribution, the worst tenths of the two main ones among them.

    Args:
        surveys: surveys by distribution, of judge people to report and of steer people to choose.
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
