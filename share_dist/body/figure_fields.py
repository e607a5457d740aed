"""Signed distance fields on a grid: round limbs and ellipsoids that melt into each other.

Only the left half of the figure is built (x ≥ −4 cells) and mirrored afterwards, so both sides are the same to the bit
and the legs never melt together. Source of the primitives and of the smooth minimum: Inigo Quilez, distance functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import map_coordinates

Point = tuple[float, float, float]
MARGIN_CELLS = 4
FAR_M = 0.3
REACH_M = 0.06
"""A primitive is worked out only this far around itself; beyond, the field keeps what it had."""


class HalfGrid:
    """Where the field is sampled: the left half of a box around a person in the T-pose."""

    def __init__(self, step_m: float) -> None:
        self.step_m = step_m
        self.axes = (
            (np.arange(int(np.ceil(0.93 / step_m)) + 1 + MARGIN_CELLS) - MARGIN_CELLS) * step_m,
            np.arange(-1.24, 0.60, step_m),
            np.arange(-0.22, 0.24, step_m),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells along x, y, z."""
        return (len(self.axes[0]), len(self.axes[1]), len(self.axes[2]))

    def window(self, low: np.ndarray, high: np.ndarray, pad: float) -> tuple[slice, ...]:
        """The cells of a box and `pad` around it."""
        slices = []
        for axis, start, stop in zip(self.axes, low, high, strict=True):
            first, last = np.searchsorted(axis, [start - pad, stop + pad])
            slices.append(slice(max(first - 1, 0), min(last + 1, len(axis))))
        return tuple(slices)

    def points(self, window: tuple[slice, ...]) -> tuple[np.ndarray, ...]:
        """Coordinates of a window's cells, broadcastable."""
        return np.meshgrid(
            *(axis[part] for axis, part in zip(self.axes, window, strict=True)), indexing="ij", sparse=True
        )


def smooth_min(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The smaller of two distances, rounded off where they differ by less than `width`."""
    if width <= 0:
        return np.minimum(a, b)
    near = np.maximum(width - np.abs(a - b), 0) / width
    return np.minimum(a, b) - near * near * near * width / 6


class Field:
    """Distances to a shape under construction, negative inside, metres."""

    def __init__(self, grid: HalfGrid) -> None:
        self.grid = grid
        self.values: Float32[np.ndarray, "x y z"] = np.full(grid.shape, FAR_M, np.float32)

    def add(self, window: tuple[slice, ...], distances: np.ndarray, width: float) -> None:
        """Melt distances, known inside a window, into the field."""
        self.values[window] = smooth_min(self.values[window], distances.astype(np.float32), width)

    def join(self, other: Field, width: float) -> None:
        """Melt another shape into this one."""
        self.values = smooth_min(self.values, other.values, width)

    def limb(self, points: Sequence[Point] | np.ndarray, radii: Sequence[float] | np.ndarray, width: float,
             stretch: Point = (1.0, 1.0, 1.0)) -> None:  # fmt: skip
        """Round cones along a polyline; `stretch` makes its cross-section an ellipse."""
        line, scale = np.array(points, float), np.array(stretch)
        reach = max(radii) * scale
        window = self.grid.window(line.min(0) - reach, line.max(0) + reach, REACH_M + width)
        x, y, z = self.grid.points(window)
        distances = np.float64(np.inf)
        for start, stop, first, last in zip(line[:-1], line[1:], radii[:-1], radii[1:], strict=True):
            along = (stop - start) / scale
            px, py, pz = (x - start[0]) / scale[0], (y - start[1]) / scale[1], (z - start[2]) / scale[2]
            share = np.clip((px * along[0] + py * along[1] + pz * along[2]) / (along @ along), 0, 1)
            dx, dy, dz = px - share * along[0], py - share * along[1], pz - share * along[2]
            cone = np.sqrt(dx * dx + dy * dy + dz * dz) - (first + (last - first) * share)
            distances = np.minimum(distances, cone * scale.min())
        self.add(window, np.asarray(distances), width)

    def ellipsoid(self, centre: Point, radii: Point, width: float) -> None:
        """An ellipsoid with axes along x, y, z (a bound on the distance, exact at the surface)."""
        middle, size = np.array(centre), np.array(radii)
        window = self.grid.window(middle - size, middle + size, 0.05 + width)
        unit = [(p - c) / r for p, c, r in zip(self.grid.points(window), middle, size, strict=True)]
        near = np.sqrt(sum(u * u for u in unit))
        slope = np.sqrt(sum((u / r) ** 2 for u, r in zip(unit, size, strict=True))) + 1e-9
        self.add(window, near * (near - 1) / slope, width)


def smooth_line(
    points: Sequence[Point], radii: Sequence[float], count: int
) -> tuple[Float[np.ndarray, "count 3"], Float[np.ndarray, " count"]]:
    """A smooth curve of `count` points through given points and radii, without overshoot."""
    line = np.array(points)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    where = np.linspace(0, length[-1], count)
    return PchipInterpolator(length, line)(where), PchipInterpolator(length, np.array(radii))(where)


class Surface:
    """The zero level of the whole figure's field; points can be moved onto it."""

    def __init__(self, half: Field) -> None:
        right_of_middle = half.values[MARGIN_CELLS:]
        x, y, z = half.grid.axes
        self.values = np.concatenate([right_of_middle[:0:-1], right_of_middle], 0)
        self.origin = np.array([-x[-1], y[0], z[0]])
        self.step_m = half.grid.step_m

    def distance(self, points: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, " point"]:
        """Signed distance by trilinear interpolation."""
        return map_coordinates(self.values, ((points - self.origin) / self.step_m).T, order=1, mode="nearest")

    def gradient(self, points: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point 3"]:
        """Outward slope of the distance by central differences."""
        reach = 0.003
        sides = [(self.distance(points + d) - self.distance(points - d)) / (2 * reach) for d in np.eye(3) * reach]
        return np.stack(sides, 1)

    def project(self, points: Float[np.ndarray, "point 3"], steps: int) -> Float[np.ndarray, "point 3"]:
        """Move points onto the surface by Newton's method."""
        for _ in range(steps):
            slope = self.gradient(points)
            points = points - (self.distance(points) / np.maximum((slope * slope).sum(1), 0.2))[:, None] * slope
        return points
