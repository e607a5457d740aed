"""The two worst tenths of camera space: one region kept for all models, or each model's own.

Both are tenths of the survey's own distribution of cameras: the threshold is the 0.9 quantile of the landscape over the
survey's cameras, or over a pool of the same distribution. Neither looks at the errors it averages when it chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from share_dist.camera import Factor
from share_dist.errors import BadSetting
from share_dist.landscape.basis import make_basis
from share_dist.landscape.config import LandscapeConfig
from share_dist.landscape.fit import DEFAULT_FACTORS, fit_rows
from share_dist.landscape.rows import Rows, columns_of, survey_rows
from share_dist.landscape.surface import Landscape

TENTH = 0.1


@dataclass(frozen=True, slots=True)
class WorstTenth:
    """A mean error over the worst tenth of camera space; `float(…)` gives it.

    Attributes:
        mean_mm: of the column; mm for mpjpe_mm.
        standard_error: of that mean, from the scatter of its views.
        views: how many were averaged.
        thresholds: height of the landscape at the region's rim; two where two landscapes chose.
    """

    mean_mm: float
    standard_error: float
    views: int
    thresholds: tuple[float, ...]

    def __float__(self) -> float:
        return self.mean_mm


def worst_tenth_mask(base_landscape: Landscape, cameras: Any, pool: Any = None) -> tuple[np.ndarray, float]:
    """Which cameras lie where the landscape is highest, and its height at the rim.

    Args:
        base_landscape: fitted to another survey than the one averaged.
        cameras: a survey, table or cameras.
        pool: cameras of the same distribution that set the threshold; None for `cameras` themselves.
    """
    heights = base_landscape.mean(cameras)
    threshold = float(np.quantile(heights if pool is None else base_landscape.mean(pool), 1.0 - TENTH))
    return heights >= threshold, threshold


def worst_tenth_fixed(base_landscape: Landscape, survey: Any, pool: Any = None, column: str = "mpjpe_mm") -> WorstTenth:
    """Mean error where the landscape of the base model is highest; use the same one before and after.

    Args:
        base_landscape: of the base model, fitted to an independent survey (of the steer split, say).
        survey: the model's errors on the distribution judged.
        pool: cameras of that distribution for the threshold; None for the survey's own.
        column: the figure averaged.

    Raises:
        BadSetting: a column is missing, or no view lies in the region.
    """
    rows = survey_rows(survey, column)
    mask, threshold = worst_tenth_mask(base_landscape, rows.columns, pool)
    return _average([rows.heights[mask]], (threshold,))


def worst_tenth_own(
    survey: Any,
    config: LandscapeConfig | None = None,
    pool: Any = None,
    factors: Sequence[Factor] = DEFAULT_FACTORS,
    column: str = "mpjpe_mm",
) -> WorstTenth:
    """Mean error over this model's own worst tenth, chosen and averaged on different views.

    A landscape fitted to the even blocks of 256 views chooses among the odd ones, then the other way round; the two
    means are averaged.

    Raises:
        BadSetting: fewer than two blocks, or a missing column.
    """
    config = config or LandscapeConfig()
    rows = survey_rows(survey, column)
    basis = make_basis(factors, config, config.max_terms)
    odd = rows.blocks % 2 == 1
    if odd.all() or not odd.any():
        raise BadSetting(
            f"The survey's {len(rows)} views lie in {len(np.unique(rows.blocks))} block of 256, but a worst tenth of "
            "one's own needs an even and an odd one; survey at least 512 views."
        )
    halves, thresholds = [], []
    for fitted, averaged in ((~odd, odd), (odd, ~odd)):
        landscape = fit_rows(rows.taken(fitted), basis, config, column)
        part: Rows = rows.taken(averaged)
        mask, threshold = worst_tenth_mask(landscape, part.columns, None if pool is None else columns_of(pool))
        halves.append(part.heights[mask])
        thresholds.append(threshold)
    return _average(halves, tuple(thresholds))


def _average(parts: list[np.ndarray], thresholds: tuple[float, ...]) -> WorstTenth:
    if not all(len(part) for part in parts):
        raise BadSetting("No view of the survey lies in the worst tenth; survey more views of the same distribution.")
    error = [np.std(part, ddof=1) / len(part) ** 0.5 if len(part) > 1 else np.inf for part in parts]
    return WorstTenth(
        float(np.mean([part.mean() for part in parts])),
        float(np.linalg.norm(error) / len(parts)),
        sum(map(len, parts)),
        thresholds,
    )
