"""The figures of DESIGN for one model, and how much of them a repair gained."""

from __future__ import annotations

from typing import Any

from share_dist.errors import BadSetting
from share_dist.landscape import Landscape, LandscapeConfig, worst_tenth_fixed, worst_tenth_own
from share_dist.loop.plans import MAIN_DISTRIBUTIONS
from share_dist.loop.rounds import Surveys
from share_dist.survey import Survey, figures, measured


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


def worst_tenths(survey: Survey, base: Landscape, config: LandscapeConfig) -> dict[str, float | None]:
    """The mean error in the worst tenth of camera space, both ways; None where too few views have an error."""
    known = measured(survey)
    found: dict[str, float | None] = {}
    for kind, look in (
        ("fixed", lambda: worst_tenth_fixed(base, known)),
        ("own", lambda: worst_tenth_own(known, config)),
    ):
        try:
            found[f"worst_tenth_{kind}_mpjpe_mm"] = float(look())
        except BadSetting:
            if known is survey:
                raise
            found[f"worst_tenth_{kind}_mpjpe_mm"] = None
    return found


def headline(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float | None]:
    """Relative gains in per cent, positive where the model got better; the worst tenth's is the smaller of the two.

    A gain of which either side has no value is None.
    """

    def gain(distribution: str, figure: str) -> float | None:
        values = [each[distribution][figure] for each in (before, after)]
        return None if None in values or values[0] == 0 else 100 * (1 - values[1] / values[0])

    fixed, own = (gain("all_cameras", f"worst_tenth_{kind}_mpjpe_mm") for kind in ("fixed", "own"))
    return {
        "all_cameras_gain_percent": gain("all_cameras", "mpjpe_mm"),
        "worst_tenth_gain_percent": None if fixed is None or own is None else min(fixed, own),
        "worst_tenth_fixed_gain_percent": fixed,
        "worst_tenth_own_gain_percent": own,
        "everyday_gain_percent": gain("everyday", "mpjpe_mm"),
    }
