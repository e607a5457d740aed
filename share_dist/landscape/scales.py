"""Axes of one number: an angle, an interval (distances by their logarithm), a category.

Each has the shape of `axes.Axis`: functions orthonormal under the uniform measure, the first of them 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from share_dist.errors import BadSetting

_ROUNDING = 1e-6
"""Degrees that were radians, and the ends of a drawn range, may round to a hair beyond."""


def require_inside(column: str, numbers: np.ndarray, low: float, high: float) -> None:
    """Raise BadSetting, naming a column as tables write it, unless all numbers are finite and from low to high.

    Args:
        column: ends in _rad where the numbers are angles in radians.
        numbers: one for each row.
        low: the least that is known.
        high: the most.
    """
    hair = _ROUNDING * max(abs(low), abs(high))
    strange = np.flatnonzero(~((numbers >= low - hair) & (numbers <= high + hair)))
    if len(strange):
        radians = column.endswith(("_rad", "_deg"))
        given, first, last = (
            math.degrees(number) if radians else number for number in (numbers[strange[0]], low, high)
        )
        name, unit = column.replace("_rad", "_deg"), "°" if radians else " m" if column.endswith("_m") else ""
        raise BadSetting(
            f"{name} is {given:g}{unit} in row {strange[0]}, but the landscape knows {first:g} to {last:g}{unit} "
            "and says nothing beyond.\n  Ask within, or fit it over a factor whose range holds all of your cameras."
        )


def require_angles(points: np.ndarray, columns: tuple[str, ...]) -> None:
    """Raise BadSetting unless elevations, by their column's name, lie within the poles and all else within a turn."""
    for position, column in enumerate(columns):
        most = math.pi / 2 if column.startswith("elevation") else math.tau
        require_inside(column, points[:, position], -most, most)


@dataclass(frozen=True, slots=True)
class PeriodicAxis:
    """An angle such as where the light comes from. A step is an angle, radians."""

    columns: tuple[str, ...]
    degree: int
    dimension: int = 1

    @property
    def shells(self) -> np.ndarray:
        """Order m, eigenvalue m²."""
        m = (np.arange(2 * self.degree + 1) + 1) // 2
        return np.stack([m / self.degree, m * m], axis=1)

    def uniform(self, unit: np.ndarray) -> np.ndarray:
        """Once round."""
        return math.tau * unit - math.pi

    def values(self, points: np.ndarray) -> np.ndarray:
        """1, √2 cos mθ, √2 sin mθ."""
        return self._series(points, derivative=False)

    def slopes(self, points: np.ndarray) -> np.ndarray:
        """Derivatives by the angle."""
        return self._series(points, derivative=True)[:, :, None]

    def _series(self, points: np.ndarray, derivative: bool) -> np.ndarray:
        m = np.arange(1, self.degree + 1)
        cosine, sine = np.cos(points * m), np.sin(points * m)
        if derivative:
            cosine, sine = -m * sine, m * cosine
        out = np.full((len(points), 2 * self.degree + 1), 0.0 if derivative else 1.0)
        out[:, 1::2], out[:, 2::2] = math.sqrt(2) * cosine, math.sqrt(2) * sine
        return out

    def moved(self, points: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Round the circle."""
        return np.angle(np.exp(1j * (points + step)))

    def embedded(self, points: np.ndarray) -> np.ndarray:
        """On the unit circle."""
        return np.concatenate([np.cos(points), np.sin(points)], axis=1)

    def require_known(self, points: np.ndarray) -> None:
        """Raise BadSetting for what is no angle."""
        require_inside(self.columns[0], points[:, 0], -math.tau, math.tau)


@dataclass(frozen=True, slots=True)
class IntervalAxis:
    """A number in a range; a distance (a column ending in _m, range above zero) by its logarithm.

    A step is in the number's or its logarithm's unit. Drawn numbers other than distances have no sharp ends: up to half
    the range beyond, where the functions keep their value at its end, they are taken.
    """

    columns: tuple[str, ...]
    low: float
    high: float
    degree: int
    dimension: int = 1

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if not self.low < self.high:
            raise BadSetting(
                f"The factor of column '{self.columns[0]}' ranges over {self.low}…{self.high}, but the lower end "
                "must be below the upper."
            )

    @property
    def logarithmic(self) -> bool:
        """Whether the axis is the logarithm."""
        return self.columns[0].endswith("_m") and self.low > 0

    @property
    def shells(self) -> np.ndarray:
        """Degree n, eigenvalue n(n + 1) of Legendre's operator, for which half the range is the unit of length."""
        n = np.arange(self.degree + 1)
        return np.stack([n / self.degree, n * (n + 1.0)], axis=1)

    def _scaled(self, points: np.ndarray) -> tuple[np.ndarray, float]:
        """Position in [−1, 1], and what a unit step changes it by."""
        low, high = (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)
        own = np.log(np.maximum(points[:, 0], 1e-9)) if self.logarithmic else points[:, 0]
        return np.clip((2 * own - low - high) / (high - low), -1.0, 1.0), 2 / (high - low)

    def uniform(self, unit: np.ndarray) -> np.ndarray:
        """From end to end; a distance log-uniformly."""
        return (
            self.low * (self.high / self.low) ** unit if self.logarithmic else self.low + unit * (self.high - self.low)
        )

    def values(self, points: np.ndarray) -> np.ndarray:
        """√(2n + 1)·Pₙ."""
        x, _ = self._scaled(points)
        norm = np.sqrt(2 * np.arange(self.degree + 1) + 1)
        return np.polynomial.legendre.legvander(x, self.degree) * norm

    def slopes(self, points: np.ndarray) -> np.ndarray:
        """Derivatives; zero outside the range."""
        x, rate = self._scaled(points)
        out = np.zeros((len(x), self.degree + 1, 1))
        for n in range(1, self.degree + 1):
            unit = np.eye(n + 1)[n] * math.sqrt(2 * n + 1)
            out[:, n, 0] = np.polynomial.legendre.legval(x, np.polynomial.legendre.legder(unit)) * rate
        return out * (np.abs(x) < 1)[:, None, None]

    def moved(self, points: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Along the axis, stopped at the ends."""
        own = points * np.exp(step) if self.logarithmic else points + step
        return np.clip(own, self.low, self.high)

    def embedded(self, points: np.ndarray) -> np.ndarray:
        """The logarithm as it is; another number in units of half its range."""
        return np.log(np.maximum(points, 1e-9)) if self.logarithmic else points / ((self.high - self.low) / 2)

    def require_known(self, points: np.ndarray) -> None:
        """Raise BadSetting for a distance outside the range, or another number far outside."""
        beyond = 0.0 if self.logarithmic else (self.high - self.low) / 2
        require_inside(self.columns[0], points[:, 0], self.low - beyond, self.high + beyond)


@dataclass(frozen=True, slots=True)
class CategoryAxis:
    """One of some kinds, numbered low…high. It has no slope and no steps."""

    columns: tuple[str, ...]
    low: int
    count: int
    dimension: int = 0

    @property
    def shells(self) -> np.ndarray:
        """The constant, and contrasts that all weigh the same."""
        first = np.r_[0.0, np.ones(self.count - 1)]
        return np.stack([first, first], axis=1)

    def uniform(self, unit: np.ndarray) -> np.ndarray:
        """Every category alike."""
        return self.low + np.floor(unit * self.count)

    def values(self, points: np.ndarray) -> np.ndarray:
        """Helmert contrasts, mean square 1 over the categories."""
        table = np.zeros((self.count, self.count))
        table[:, 0] = 1.0
        for j in range(1, self.count):
            table[:j, j], table[j, j] = -1.0, j
            table[:, j] *= math.sqrt(self.count / (j * (j + 1)))
        return table[np.rint(points[:, 0]).astype(int) - self.low]

    def slopes(self, points: np.ndarray) -> np.ndarray:
        """None."""
        return np.zeros((len(points), self.count, 0))

    def require_known(self, points: np.ndarray) -> None:
        """Raise BadSetting for a number that is no category of this factor."""
        numbers = points[:, 0]
        strange = numbers[~((np.rint(numbers) >= self.low) & (np.rint(numbers) < self.low + self.count))]
        if len(strange):
            raise BadSetting(
                f"The column '{self.columns[0]}' holds {strange[0]}, but its categories are {self.low}…"
                f"{self.low + self.count - 1}; widen the factor's range."
            )

    def moved(self, points: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Stays."""
        return points

    def embedded(self, points: np.ndarray) -> np.ndarray:
        """Corners of a simplex, farther apart than any two directions."""
        return 2.0 * np.eye(self.count)[np.rint(points[:, 0]).astype(int) - self.low]
