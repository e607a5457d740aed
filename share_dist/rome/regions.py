"""Regions of maximal error: where the landscape stands above its level, one region for each real peak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from share_dist.errors import BadSetting, DamagedFile
from share_dist.landscape import Landscape
from share_dist.rome.config import RomeConfig
from share_dist.rome.graph import basins, neighbour_lists
from share_dist.rome.polish import heights_at, polished

FORMAT = "regions-v1"

ROUNDING = 1e-9
"""Excess below this share of the level is rounding: a flat landscape has no regions."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A connected part of camera space where the model is worst.

    Attributes:
        peak: the polished peak by column: azimuth_deg, elevation_deg, distance_m, …
        peak_mm: the landscape's mean there.
        peak_deviation_mm: how well that is known.
        mean_mm: the landscape's mean over the region's cameras.
        mass: excess over the level, summed over the region and divided by the pool's size: mm × share of the measure.
        mass_share: its part of all regions' mass.
        members: positions of its cameras in the pool.
        excess: how far each of them stands above the level, mm.
        member_columns: where they are: columns as in `peak`.
    """

    peak: dict[str, float]
    peak_mm: float
    peak_deviation_mm: float
    mean_mm: float
    mass: float
    mass_share: float
    members: Int[np.ndarray, " member"]
    excess: Float[np.ndarray, " member"]
    member_columns: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """All regions of one landscape over one pool, the heaviest first.

    Attributes:
        level: τ, in the landscape's unit.
        regions: none where the landscape is flat.
        pool_size: cameras searched.
        kappa: deviations taken off the mean.
    """

    level: float
    regions: tuple[Region, ...]
    pool_size: int
    kappa: float

    def __len__(self) -> int:
        return len(self.regions)

    def __iter__(self):
        return iter(self.regions)

    def __getitem__(self, index: int) -> Region:
        return self.regions[index]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "format": FORMAT,
            "level": self.level,
            "pool_size": self.pool_size,
            "kappa": self.kappa,
            "regions": [_region_to_json(region) for region in self.regions],
        }

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Regions:
        """Read what `to_json` wrote.

        Raises:
            DamagedFile: another format, a field is missing, or its numbers are not finite or not of one region.
        """
        try:
            if stored["format"] != FORMAT:
                raise KeyError(f"format {stored['format']!r}")
            size = stored["pool_size"]
            regions = tuple(_region_from_json(region, size) for region in stored["regions"])
            _require_finite("level", stored["level"], stored["kappa"])
            return Regions(stored["level"], regions, size, stored["kappa"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DamagedFile(
                f"These regions cannot be read: {error} is missing or wrong.\n"
                "  Delete regions.json and repeat the command that made it."
            ) from error


def _region_to_json(region: Region) -> dict[str, Any]:
    columns = {name: values.tolist() for name, values in region.member_columns.items()}
    stored = {name: getattr(region, name) for name in Region.__slots__ if name != "member_columns"}
    return stored | {"members": region.members.tolist(), "excess": region.excess.tolist(), "member_columns": columns}


def _region_from_json(stored: Mapping[str, Any], pool_size: int) -> Region:
    columns = {name: np.array(values, np.float64) for name, values in stored["member_columns"].items()}
    members, excess = np.array(stored["members"], np.int64), np.array(stored["excess"], np.float64)
    region = Region(**{**stored, "members": members, "excess": excess, "member_columns": columns})
    if not len(members) or members.min() < 0 or members.max() >= pool_size:
        raise ValueError(f"'members' of a pool of {pool_size}")
    for name, values in {"excess": excess, **columns}.items():
        if values.shape != members.shape:
            raise ValueError(f"the size of '{name}'")
        _require_finite(name, *values)
    numbers = ("peak_mm", "peak_deviation_mm", "mean_mm", "mass", "mass_share")
    _require_finite("peak or mass", *region.peak.values(), *(getattr(region, name) for name in numbers))
    return region


def _require_finite(name: str, *numbers: float) -> None:
    if not np.isfinite(np.array(numbers, np.float64)).all():
        raise ValueError(f"a number of '{name}'")


def find_regions(landscape: Landscape, pool: Any, config: RomeConfig | None = None) -> Regions:
    """Find the regions of maximal error.

    Args:
        landscape: of the model at hand.
        pool: cameras spread evenly over the target measure: `low_discrepancy_pool`, or a table of columns.
        config: level, caution and what counts as one region.

    Returns:
        Regions by falling mass; none where no camera stands above the level (a flat landscape).

    Raises:
        BadSetting: the pool is too small for its graph.
    """
    config = config or RomeConfig()
    points = landscape.points(pool)
    if len(points) <= config.neighbours:
        raise BadSetting(
            f"The pool has {len(points)} cameras, but each needs {config.neighbours} neighbours; raise rome.pool_size."
        )
    heights = heights_at(landscape, points, config.kappa)
    level = float(np.quantile(heights, config.quantile))
    depth = config.merge_depth * float(heights.max() - level)
    graph = neighbour_lists(landscape.basis.embedded(points), config.neighbours)
    above = heights > level + ROUNDING * max(1.0, abs(level))
    labels = basins(heights, above, graph, depth)
    peaks = np.unique(labels[labels >= 0])
    # The level is the deepest saddle: a hill that stands no higher above it than `depth` is a ripple of the plain.
    peaks = peaks[(heights[peaks] - level > depth) | (peaks == heights.argmax())]
    tops = polished(landscape, points[peaks], points, config.kappa)
    made = [
        _region(landscape, points, heights - level, np.flatnonzero(labels == peak), top)
        for peak, top in zip(peaks, tops, strict=True)
    ]
    total = sum(region.mass for region in made)
    made.sort(key=lambda region: -region.mass)
    shared = tuple(replace(region, mass_share=region.mass / total) for region in made)
    return Regions(level, shared, len(points), config.kappa)


def _region(
    landscape: Landscape, points: np.ndarray, excess: np.ndarray, members: np.ndarray, top: np.ndarray
) -> Region:
    peak = {name: float(values[0]) for name, values in _shown(landscape, top[None]).items()}
    return Region(
        peak,
        float(landscape.mean_at(top[None])[0]),
        float(landscape.deviation_at(top[None])[0]),
        float(landscape.mean_at(points[members]).mean()),
        float(excess[members].sum() / len(points)),
        0.0,
        members,
        excess[members],
        _shown(landscape, points[members]),
    )


def _shown(landscape: Landscape, points: np.ndarray) -> dict[str, np.ndarray]:
    """Coordinates as tables write them: degrees and metres."""
    return {
        name.replace("_rad", "_deg"): np.degrees(values) if name.endswith("_rad") else values
        for name, values in landscape.basis.table(points).items()
    }
