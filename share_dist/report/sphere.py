"""Scattered directions to a grid, and survey rows to curves: the arithmetic behind the pictures.

The page draws every sphere and map from one grid of azimuth × elevation, so that what is seen and what a tooltip says
are the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.ndimage import uniform_filter1d
from scipy.spatial import KDTree

from share_dist.geometry import angles_from_direction, direction_from_angles
from share_dist.report.story import Story, SurveyRows

COLUMNS, ROWS = 120, 61
"""Steps of 3°: finer than any landscape the library fits, and 7,320 numbers a field."""

_NEIGHBOURS = 12


def grid_directions() -> Float[np.ndarray, "row column 3"]:
    """Directions at the grid's points: rows from elevation +90° down, columns from azimuth −180° eastward."""
    azimuth = np.radians(-180 + np.arange(COLUMNS) * 360 / COLUMNS)
    elevation = np.radians(90 - np.arange(ROWS) * 180 / (ROWS - 1))
    return direction_from_angles(*np.broadcast_arrays(azimuth[None, :], elevation[:, None]))


def onto_grid(
    directions: Float[np.ndarray, "point 3"], values: Float[np.ndarray, "point"], blur: float = 0.45
) -> Float[np.ndarray, "row column"]:
    """Interpolate scattered values by a narrow kernel on the sphere; NaN where the nearest point is NaN.

    The kernel's width is `blur` times the points' own spacing, so that 4,096 points blur less than 2°.
    """
    tree = KDTree(directions)
    count = _NEIGHBOURS if blur < 1 else 4 * _NEIGHBOURS
    near, index = tree.query(grid_directions(), k=min(count, len(directions)))
    near, index = np.atleast_3d(near), np.atleast_3d(index)
    width = blur * np.sqrt(4 * np.pi / len(directions))
    known = np.isfinite(values)
    # Distances are taken from the nearest, so weights never vanish where points are sparse.
    weight = np.exp(-0.5 * (near**2 - near[..., :1] ** 2) / width**2) * known[index]
    total = weight.sum(-1)
    mean = (weight * np.where(known, values, 0.0)[index]).sum(-1) / np.where(total > 0, total, 1.0)
    return np.where(known[index[..., 0]], mean, np.nan)


def reachable_share(story: Story) -> Float[np.ndarray, "row column"]:
    """How much of each grid point's neighbourhood a camera can reach; its half-way line is the edge on the page."""
    if story.directions is None or story.reachable is None:
        return np.ones((ROWS, COLUMNS))
    # A yes or no at scattered points has a ragged edge; a wider kernel draws the line between them, and since the
    # floor is level, neighbours along the azimuth may vote.
    share = onto_grid(story.directions, story.reachable.astype(np.float64), blur=1.6)
    return uniform_filter1d(share, 9, axis=1, mode="wrap")


def hardest_direction(story: Story) -> tuple[float, float]:
    """Azimuth and elevation, degrees, from which the page first shows the spheres: where the base model is worst."""
    if story.before is None or story.directions is None:
        return 25.0, 25.0
    mean = np.array(story.before.mean_mm, np.float64)
    if story.reachable is not None:
        mean[~story.reachable] = np.nan
    if not np.isfinite(mean).any():
        return 25.0, 25.0
    azimuth, elevation = angles_from_direction(story.directions[np.nanargmax(mean)])
    # Not straight at a pole: with some of the side in sight one sees which way the person faces.
    return float(np.degrees(azimuth)), float(np.clip(np.degrees(elevation), -50, 50))


def error_range(story: Story) -> tuple[float, float]:
    """Both ends of the one colour scale, rounded outwards to tens of millimetres: before and after fit in it."""
    seen = []
    for sample in (story.before, story.after):
        if sample is not None:
            mean = np.asarray(sample.mean_mm, np.float64)
            seen.append(mean if story.reachable is None else mean[story.reachable])
    values = np.concatenate(seen) if seen else np.zeros(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 100.0
    low, high = np.floor(values.min() / 10) * 10, np.ceil(values.max() / 10) * 10
    return float(low), float(max(high, low + 10))


def curves(rows: SurveyRows) -> list[dict[str, Any]]:
    """Error by azimuth, elevation and distance: mean, standard error and 10–90 % of each bin, both models."""
    distance = np.asarray(rows.distance_m, np.float64)
    near, far = (float(np.nanquantile(distance, q)) for q in (0.0, 1.0))
    steps = np.exp(np.linspace(np.log(max(near, 1e-3)), np.log(max(far, near * 1.01, 2e-3)), 9))
    low = 10 * np.floor(np.nanmin(rows.elevation_deg) / 10)
    high = 10 * np.ceil(np.nanmax(rows.elevation_deg) / 10)
    wrapped = (np.asarray(rows.azimuth_deg, np.float64) + 180) % 360 - 180
    return [
        _curve(rows, "elevation", rows.elevation_deg, np.arange(low, max(high, low + 10) + 1, 10)),
        _curve(rows, "azimuth", wrapped, np.arange(-180, 181, 20)),
        _curve(rows, "distance", distance, steps),
    ]


def _curve(rows: SurveyRows, name: str, at: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    """One curve; bins with fewer than 3 views are left empty, for they would only show noise."""
    bin_of = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
    known = np.isfinite(rows.before_mm) | np.isfinite(rows.after_mm)
    members = [bin_of == k for k in range(len(edges) - 1)]
    return {
        "name": name,
        "edges": edges,
        "views": np.array([int((m & known).sum()) for m in members]),
        "before": [_bin(rows.before_mm[m]) for m in members],
        "after": [_bin(rows.after_mm[m]) for m in members],
    }


def _bin(errors_mm: np.ndarray) -> list[float] | None:
    """Mean, its standard error, 10 % and 90 % quantiles."""
    errors_mm = errors_mm[np.isfinite(errors_mm)].astype(np.float64)
    if len(errors_mm) < 3:
        return None
    low, high = np.quantile(errors_mm, [0.1, 0.9])
    return [errors_mm.mean(), errors_mm.std(ddof=1) / np.sqrt(len(errors_mm)), low, high]


def tail(errors_mm: Float[np.ndarray, "view"]) -> list[float]:
    """Quantiles of the error in steps of one per cent, 0 to 100: the whole distribution in a line."""
    finite = errors_mm[np.isfinite(errors_mm)]
    return [] if not len(finite) else np.quantile(finite.astype(np.float64), np.linspace(0, 1, 101)).tolist()
