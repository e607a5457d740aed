"""Figures of a survey: means, shares, and errors by elevation."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from share_dist.errors import BadSetting
from share_dist.survey.table import Survey

MEANS = {
    "mpjpe_mm": "mpjpe_mm",
    "pa_mpjpe_mm": "pa_mpjpe_mm",
    "pve_mm": "pve_mm",
    "root_error_deg": "root_error_deg",
    "flip_share": "flip",
    "mpjpe_root_aligned_mm": "mpjpe_root_aligned_mm",
    "pck150": "pck150",
    "auc": "auc",
}
"""Each figure is the plain mean of one column over the views."""

_TOLD_BY = {"flip": "root_error_deg", "pck150": "mpjpe_mm", "auc": "mpjpe_mm"}
"""Columns that hold a number even where the estimate is none, each with the one that tells."""


def has_value(survey: Survey, column: str = "mpjpe_mm") -> Bool[np.ndarray, " view"]:
    """Whether each view has a value of an error: not where the network's answer, or the truth, is no finite number."""
    return np.isfinite(survey[_TOLD_BY.get(column, column)])


def measured(survey: Survey, fewest: int = 0) -> Survey:
    """Return the views of a survey that have an error; the survey itself where all have one.

    Raises:
        BadSetting: fewer than `fewest` have one.
    """
    known = has_value(survey)
    found = int(np.count_nonzero(known))
    if found == len(survey):
        return survey
    if found < fewest:
        raise BadSetting(
            f"only {found:,} of {len(survey):,} views have an error, and {fewest} are needed: elsewhere the network's "
            "answer, or the truth, is no finite number.\n"
            "  Give another --model.checkpoint, or try --survey.precision fp32, in which less overflows."
        )
    return survey.take(known)


def figures(survey: Survey, band_deg: float = 30.0) -> dict[str, Any]:
    """Return what a survey says in a few numbers, ready for JSON.

    Args:
        survey: any survey.
        band_deg: height of the elevation bands; must divide 180.

    Returns:
        mpjpe_mm, pa_mpjpe_mm, pve_mm, root_error_deg, flip_share, mpjpe_root_aligned_mm, pck150, auc;
        mpjpe_standard_error_mm; views; and by_elevation, one entry a band from −90° up: from_deg, to_deg, views,
        mpjpe_mm, standard_error_mm (None where fewer than one or two views fell). Means are over the views that have
        a value, and None where no view has; without_value says of which figures how many views have none, and is
        missing where all have one.
    """
    known = {name: has_value(survey, column) for name, column in MEANS.items()}
    result: dict[str, Any] = {
        name: float(np.mean(survey[column][known[name]])) if known[name].any() else None
        for name, column in MEANS.items()
    }
    usable = measured(survey)
    result["mpjpe_standard_error_mm"] = _mean_and_error(usable["mpjpe_mm"])[1]
    result["by_elevation"] = by_elevation(usable["elevation_deg"], usable["mpjpe_mm"], band_deg)
    result["views"] = len(survey)
    lacking = {name: int(np.count_nonzero(~mask)) for name, mask in known.items()}
    return result | ({"without_value": lacking} if any(lacking.values()) else {})


def by_elevation(
    elevation_deg: Float[np.ndarray, " view"], error_mm: Float[np.ndarray, " view"], band_deg: float = 30.0
) -> list[dict[str, Any]]:
    """Return mean error, standard error and count in each band of elevation, from −90° to 90°."""
    bands = round(180 / band_deg) if band_deg > 0 else 0
    if not bands or abs(bands * band_deg - 180) > 1e-9:
        raise BadSetting(f"elevation bands of {band_deg}° were asked for, but they must divide 180; 15 or 30 is usual.")
    band = np.clip(np.floor((elevation_deg + 90) / band_deg).astype(int), 0, bands - 1)
    rows = []
    for index in range(bands):
        inside = error_mm[band == index]
        mean, standard_error = _mean_and_error(inside)
        rows.append(
            {
                "from_deg": -90 + index * band_deg,
                "to_deg": -90 + (index + 1) * band_deg,
                "views": len(inside),
                "mpjpe_mm": mean,
                "standard_error_mm": standard_error,
            }
        )
    return rows


def _mean_and_error(values: np.ndarray) -> tuple[float | None, float | None]:
    """Mean and its standard error; None where too few values leave them undefined."""
    mean = float(values.mean()) if len(values) else None
    return mean, float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
