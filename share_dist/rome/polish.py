"""From the pool's highest camera to the top of the hill: gradient ascent that stays where the pool is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from share_dist.landscape import Landscape

STEPS = 40
SMALLEST_STEP = 1e-3
"""A twentieth of a degree, or a thousandth of the distance: below the landscape's meaning."""


def heights_at(
    landscape: Landscape, points: Float[np.ndarray, "n coordinates"], kappa: float
) -> Float[np.ndarray, " n"]:
    """What RoME climbs: mean − kappa·deviation."""
    mean = landscape.mean_at(points)
    return mean - kappa * landscape.deviation_at(points) if kappa else mean


def polished(
    landscape: Landscape,
    peaks: Float[np.ndarray, "peak coordinates"],
    pool: Float[np.ndarray, "n coordinates"],
    kappa: float,
) -> Float[np.ndarray, "peak coordinates"]:
    """Climb from each peak along the gradient, halving the step when it no longer rises.

    A step must end inside every factor's range and within the pool's own spacing of some camera of the pool: the pool
    is drawn from the target measure, so there is no ground to climb on below the floor.
    """
    tree = KDTree(landscape.basis.embedded(pool))
    spacing = float(np.median(tree.query(tree.data, k=2)[0][:, 1]))
    points, heights = peaks.copy(), heights_at(landscape, peaks, kappa)
    lengths = np.full(len(points), spacing)
    for _ in range(STEPS):
        climbing = lengths > SMALLEST_STEP
        if not climbing.any():
            break
        slopes = landscape.gradient_at(points, kappa)
        norm = np.sqrt(sum(np.square(slope).sum(axis=1) for slope in slopes.values()))
        scale = (lengths / np.maximum(norm, 1e-300))[:, None]
        tried = landscape.basis.moved(points, {name: scale * slope for name, slope in slopes.items()})
        risen = heights_at(landscape, tried, kappa)
        inside = tree.query(landscape.basis.embedded(tried))[0] <= spacing
        better = climbing & inside & (risen > heights)
        points[better], heights[better] = tried[better], risen[better]
        lengths = np.where(better, lengths, lengths / 2)
    return points
