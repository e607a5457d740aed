"""Sufficient statistics: all a survey must deliver for a landscape, block by block.

A block is 256 consecutive view numbers, whoever made them. Its statistics depend on its own rows only, and blocks are
added in block order, so 1 worker or 16 give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from share_dist.errors import BadSetting
from share_dist.landscape.threads import one_blas_thread


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """ΦᵀWΦ, ΦᵀWy, yᵀWy, Σ log w and the number of views, of one block or of several added up.

    Attributes:
        block: number of the first block inside.
        count: views.
        gram: ΦᵀWΦ, basis functions at the views, weighted.
        moment: ΦᵀWy.
        square: yᵀWy.
        log_weight: Σ log w; 0 where all views weigh the same.
    """

    block: int
    count: int
    gram: Float[np.ndarray, "terms terms"]
    moment: Float[np.ndarray, " terms"]
    square: float
    log_weight: float

    def __add__(self, other: Statistics) -> Statistics:
        """Join two; rounding depends on the order, so use `total`, which adds in block order."""
        return Statistics(
            min(self.block, other.block),
            self.count + other.count,
            self.gram + other.gram,
            self.moment + other.moment,
            self.square + other.square,
            self.log_weight + other.log_weight,
        )


@one_blas_thread
def block_statistics(
    block: int,
    design: Float[np.ndarray, "n terms"],
    heights: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"] | None = None,
) -> Statistics:
    """Statistics of one block.

    Args:
        block: its number, view number // 256.
        design: basis functions at the block's views, rows in order of view number.
        heights: what is fitted, one value a view.
        weights: inverse noise variances up to a common factor; None for equal weights.
    """
    if weights is None:
        weights = np.ones(len(heights))
    root = np.sqrt(weights)
    rows = design * root[:, None]
    values = heights * root
    return Statistics(
        block, len(values), rows.T @ rows, rows.T @ values, float(values @ values), float(np.log(weights).sum())
    )


def total(blocks: Iterable[Statistics]) -> Statistics:
    """Add blocks in block order, whatever order they come in.

    Raises:
        BadSetting: no block at all, or one block twice.
    """
    ordered = sorted(blocks, key=lambda one: one.block)
    if not ordered:
        raise BadSetting("A landscape needs at least one block of views; survey at least 256 views.")
    numbers = [one.block for one in ordered]
    twice = {number for number in numbers if numbers.count(number) > 1}
    if twice:
        raise BadSetting(f"Blocks {sorted(twice)} were given more than once; pass each block of 256 views once.")
    first, *rest = ordered
    for one in rest:
        first = first + one
    return first
