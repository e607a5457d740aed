"""From regions to a camera distribution, and the rivals behind the same call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from share_dist.camera import Camera, CameraDistribution, Everyday, Kernel, Mixture, Points, camera_columns
from share_dist.landscape import Landscape
from share_dist.rome.config import RomeConfig
from share_dist.rome.polish import heights_at
from share_dist.rome.regions import Regions, find_regions


def choose_cameras(
    landscape: Landscape,
    pool: Sequence[Camera] | Mapping[str, np.ndarray] | np.ndarray,
    target: CameraDistribution,
    config: RomeConfig | None = None,
    regions: Regions | None = None,
) -> CameraDistribution:
    """Choose the cameras to train on next.

    Args:
        landscape: of the model at hand.
        pool: cameras of the target measure, all ten numbers of each.
        target: the measure itself, for exploration and for `uniform`.
        config: the method and its settings.
        regions: those of this landscape and pool, if already found.

    Returns:
        A value that serialises: a mixture of weighted points and the target for `rome`; points for `greedy`; the
        target for `uniform` (and for `rome` on a flat landscape, which has no regions); Everyday for `everyday`.
    """
    config = config or RomeConfig()
    if config.method == "everyday":
        return Everyday()
    if config.method == "uniform":
        return target
    if config.method == "greedy":
        return _points(pool, greedy_weights(landscape, pool, config), target, config)
    found = regions if regions is not None else find_regions(landscape, pool, config)
    if not len(found) or config.explore_share == 1.0:
        return target
    chosen = _points(pool, rome_weights(found, config.temperature), target, config)
    if config.explore_share == 0.0:
        return chosen
    return Mixture((chosen, target), (1.0 - config.explore_share, config.explore_share))


def region_shares(masses: Float[np.ndarray, " region"], temperature: float) -> Float[np.ndarray, " region"]:
    """Share of the views for each region, ∝ mass^(1/temperature).

    Temperature 0 gives all to the heaviest (the first, of equals), infinity the same to each.
    """
    masses = np.asarray(masses, dtype=np.float64)
    if temperature == 0.0:
        return (np.arange(len(masses)) == int(masses.argmax())).astype(np.float64)
    if math.isinf(temperature):
        return np.full(len(masses), 1.0 / len(masses))
    # Relative to the heaviest, so that no power overflows however cold it is.
    powers = np.exp(np.log(masses / masses.max()) / temperature)
    return powers / powers.sum()


def rome_weights(regions: Regions, temperature: float) -> Float[np.ndarray, " pool"]:
    """Probability of every camera of the pool: its region's share, inside in proportion to the excess; sums to 1."""
    shares = region_shares(np.array([region.mass for region in regions]), temperature)
    weights = np.zeros(regions.pool_size)
    for region, share in zip(regions, shares, strict=True):
        weights[region.members] = share * region.excess / region.excess.sum()
    return weights


def greedy_weights(landscape: Landscape, pool: Any, config: RomeConfig) -> Float[np.ndarray, " pool"]:
    """Probability of every camera of the pool: the same for the worst `greedy_share`, nothing else; sums to 1."""
    heights = heights_at(landscape, landscape.points(pool), config.kappa)
    count = max(1, math.ceil(config.greedy_share * len(heights)))
    weights = np.zeros(len(heights))
    weights[np.argsort(-heights, kind="stable")[:count]] = 1.0 / count
    return weights


def _points(pool: Any, weights: np.ndarray, target: CameraDistribution, config: RomeConfig) -> Points:
    """The cameras that have any weight, blurred by the kernel, standing and seeing as the target lets them."""
    used = weights > 0
    kernel = Kernel(direction_deg=config.kernel_deg, log_distance=config.kernel_log_distance)
    shared = ("distance_low_m", "distance_high_m", "clearance", "lens", "crop")
    same = {name: getattr(target, name) for name in shared if hasattr(target, name)}
    return Points(camera_columns(pool)[used], weights[used], kernel, **same)
