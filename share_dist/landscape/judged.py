"""How well a landscape foretells views it has not seen, beside the table of nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from share_dist.camera import Factor
from share_dist.landscape.config import LandscapeConfig
from share_dist.landscape.fit import DEFAULT_FACTORS, fit_landscape
from share_dist.landscape.rows import survey_rows

NEIGHBOURS = 15
"""Views averaged by the table: the number that did best in a first trial."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Figures on views of another survey; one view scatters, so R² stays below 1 even for the truth.

    Attributes:
        r2: share of the held-out variance that the landscape explains.
        rmse_mm: its root mean square error on single views (mm, if the fitted column is).
        neighbours_r2: the same for the mean of the nearest fitted views.
        neighbours_rmse_mm: the same.
        within_90: share of held-out views inside the landscape's 90 % band; a good band holds about 0.9.
        views: held-out views.
    """

    r2: float
    rmse_mm: float
    neighbours_r2: float
    neighbours_rmse_mm: float
    within_90: float
    views: int


def held_out(
    train: Any,
    test: Any,
    config: LandscapeConfig | None = None,
    factors: Sequence[Factor] = DEFAULT_FACTORS,
    column: str = "mpjpe_mm",
) -> HeldOut:
    """Fit on one survey, judge on another.

    Raises:
        BadSetting: too few views or a missing column.
    """
    landscape = fit_landscape(train, config, factors, column)
    seen, unseen = survey_rows(train, column), survey_rows(test, column)
    points = landscape.points(unseen.columns)
    foretold = landscape.mean_at(points)
    tree = KDTree(landscape.basis.embedded(landscape.points(seen.columns)))
    _, nearest = tree.query(landscape.basis.embedded(points), k=min(NEIGHBOURS, len(seen)))
    table = seen.heights[nearest].reshape(len(unseen), -1).mean(axis=1)
    band = 1.6448536269514722 * np.hypot(landscape.noise_sd_at(points), landscape.deviation_at(points))
    off = unseen.heights - foretold
    return HeldOut(
        *_score(foretold, unseen.heights),
        *_score(table, unseen.heights),
        float(np.mean(np.abs(off) <= band)),
        len(unseen),
    )


def _score(foretold: np.ndarray, heights: np.ndarray) -> tuple[float, float]:
    """R² and root mean square error."""
    squares = float(np.square(heights - foretold).mean())
    variance = float(np.var(heights))
    return (1.0 - squares / variance if variance > 0 else 0.0), squares**0.5
