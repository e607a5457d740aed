"""Settings of RoME sampling."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Literal, get_args

from share_dist.errors import (
    BadSetting,
    require_numbers,
    require_one_of,
    require_positive,
    require_ranges,
    require_share,
)

Method = Literal["rome", "greedy", "uniform", "everyday"]

_OPTION = "--rome."


@dataclass(frozen=True, kw_only=True, slots=True)
class RomeConfig:
    """How hard, and how widely, to press on the model's weak views."""

    method: Method = "rome"
    """`greedy` (the top of the same pool), `uniform` (the target measure) and `everyday` exist as the rivals that
    `rome` must beat; they take the same number of views."""

    pool_size: int = 4096
    """Cameras among which regions are searched: about 10° apart over sphere and distance, finer than the landscape's
    18°; only the landscape is evaluated there, nothing is rendered."""

    quantile: float = 0.5
    """The level τ above which error counts as maximal, as a quantile of the landscape over the pool. The excess over
    the median did best in a first trial; 0.9 would press on the worst tenth only and leave the mean where it is."""

    kappa: float = 0.5
    """Standard deviations taken off the landscape's mean, so that a peak must be known, not just guessed. 0 believes
    every ripple; above 1 rarely seen cameras, below or close by, are never shown."""

    temperature: float = 1.0
    """How evenly regions share the views: each gets mass^(1/temperature). 1 is in proportion to excess error, near 0
    gives all to the worst region (greedy by region), `inf` the same to each."""

    explore_share: float = 0.2
    """Part of the views drawn from the whole target measure, so that a region the landscape missed is still met; a
    fifth did well in a first trial."""

    merge_depth: float = 0.1
    """How deep the saddle between two peaks must be for two regions, as a share of the highest peak's height above
    the level; a peak that stands lower than this is no region of its own. At some thousand views shallower dips are
    within the landscape's own deviation."""

    neighbours: int = 12
    """Neighbours of a camera on the pool's graph. Twelve is the number of touching spheres in space: fewer tears
    regions apart at gaps of the pool, more jumps over narrow saddles."""

    kernel_deg: float = 5.0
    """Spread of the views round a chosen camera: half the pool's spacing, so that neighbours run into each other."""

    kernel_log_distance: float = 0.05
    """The same for the logarithm of the distance: 5 %."""

    greedy_share: float = 0.01
    """Part of the pool that `greedy` takes: the 1 % worst cameras."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        require_one_of(self.method, f"{_OPTION}method", get_args(Method))
        require_numbers(self, _OPTION, endless=("temperature",))
        for name in ("quantile", "explore_share", "merge_depth", "greedy_share"):
            require_share(getattr(self, name), f"--rome.{name}")
        require_positive(self.greedy_share, "--rome.greedy_share")
        for name in ("temperature", "kernel_deg", "kernel_log_distance", "kappa"):
            value = getattr(self, name)
            if not value >= 0:
                setting = f"--rome.{name.replace('_', '-')}: rome.{name}"
                raise BadSetting(f"{setting} is {value}, but it must be zero or more; leave it out for the default.")
        if self.quantile == 1.0:
            raise BadSetting(
                "--rome.quantile is 1, but nothing lies above the highest error; write 0.9 for the worst tenth."
            )
        if self.neighbours < 2:
            raise BadSetting(f"--rome.neighbours is {self.neighbours}, but a graph needs at least 2; write 12.")
        if self.pool_size <= self.neighbours:
            raise BadSetting(
                f"--rome.pool-size: rome.pool_size is {self.pool_size}, but it must exceed --rome.neighbours "
                f"({self.neighbours}); write 4096."
            )
        require_ranges(self, _OPTION, pool_size=(2, 1 << 20), neighbours=(2, 1000), kappa=(0.0, 1000.0))
        require_ranges(self, _OPTION, kernel_deg=(0.0, 180.0), kernel_log_distance=(0.0, 10.0))
        if self.temperature != math.inf:
            require_ranges(self, _OPTION, temperature=(0.0, sys.float_info.max))
