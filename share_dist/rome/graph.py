"""Peaks and their basins on a graph of cameras: connected components that split at deep saddles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree


def neighbour_lists(embedded: Float[np.ndarray, "n embedding"], count: int) -> list[Int[np.ndarray, " _"]]:
    """For every point its `count` nearest and those to which it is near: a symmetric graph."""
    total = len(embedded)
    _, nearest = KDTree(embedded).query(embedded, k=min(count + 1, total))
    near = nearest.reshape(total, -1)
    one, other = np.repeat(np.arange(total), near.shape[1]), near.ravel()
    pairs = np.unique(np.concatenate([np.stack([one, other], 1), np.stack([other, one], 1)]), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.split(pairs[:, 1], np.searchsorted(pairs[:, 0], np.arange(1, total)))


def basins(
    heights: Float[np.ndarray, " n"],
    above: Bool[np.ndarray, " n"],
    neighbours: list[Int[np.ndarray, " _"]],
    depth: float,
) -> Int[np.ndarray, " n"]:
    """Label every point above the level by the peak whose basin it lies in.

    Points are taken from the highest down. A point joins the highest of its neighbours already taken; where basins
    meet, two become one if the lower peak stands no more than `depth` above that saddle.

    Args:
        heights: of every point.
        above: which points take part.
        neighbours: the graph.
        depth: saddles within this of the lower peak do not separate.

    Returns:
        Index of the basin's peak, −1 for points that take no part.

    Source: Chazal, Guibas, Oudot, Skraba, Persistence-Based Clustering in Riemannian Manifolds, J. ACM 2013 (ToMATo).
    """
    parent = np.full(len(heights), -1)
    members = np.flatnonzero(above)
    for point in members[np.argsort(-heights[members], kind="stable")]:
        taken = [int(other) for other in neighbours[point] if parent[other] >= 0]
        if not taken:
            parent[point] = point
            continue
        own = _peak_of(parent, max(taken, key=lambda other: (heights[other], -other)))
        parent[point] = own
        for other in sorted({_peak_of(parent, other) for other in taken} - {own}):
            low, high = sorted((own, other), key=lambda peak: (heights[peak], -peak))
            if heights[low] - heights[point] <= depth:
                parent[low] = high
                own = high
    labels = np.full(len(heights), -1)
    labels[members] = [_peak_of(parent, int(point)) for point in members]
    return labels


def _peak_of(parent: Int[np.ndarray, " n"], point: int) -> int:
    """Root of a point's tree, shortening the path on the way (union-find)."""
    while parent[point] != point:
        parent[point] = parent[parent[point]]
        point = int(parent[point])
    return point
