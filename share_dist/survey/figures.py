"""Figures of a survey: means, shares, and errors by elevation."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

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


def figures(survey: Survey, band_deg: float = 30.0) -> dict[str, Any]:
    """Return what a survey says in a few numbers, ready for JSON.

    Args:
        survey: any survey.
        band_deg: height of the elevation bands; must divide 180.

    Returns:
        mpjpe_mm, pa_mpjpe_mm, pve_mm, root_error_deg, flip_share, mpjpe_root_aligned_mm, pck150, auc;
        mpjpe_standard_error_mm; views; and by_elevation, one entry a band from −90° up: from_deg, to_deg, views,
        mpjpe_mm, standard_error_mm (None where fewer than one or two views fell).
    """
    result: dict[str, Any] = {name: float(np.mean(survey[column])) for name, column in MEANS.items()}
    result["mpjpe_standard_error_mm"] = _mean_and_error(survey["mpjpe_mm"])[1]
    result["by_elevation"] = by_elevation(survey["elevation_deg"], survey["mpjpe_mm"], band_deg)
    result["views"] = len(survey)
    return result


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
