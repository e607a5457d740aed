"""Factors as axes of a landscape: each kind with its orthonormal functions, slopes, moves and neighbours.

| kind | columns | functions, orthonormal under the uniform measure |
|---|---|---|
| sphere | azimuth, elevation | spherical harmonics |
| rotation | azimuth, elevation, roll | Wigner D-functions |
| periodic | the factor's own | Fourier |
| interval | the factor's own | Legendre polynomials, of the logarithm where the factor is a distance |
| category | the factor's own | contrasts between the categories |

The first function of every axis is 1, so terms of several factors are products, and each factor's main effect is found
by leaving the others constant. Points are radians and metres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from share_dist.camera import Factor
from share_dist.errors import BadSetting
from share_dist.geometry import angles_from_direction, direction_from_angles
from share_dist.landscape.config import LandscapeConfig, require_column
from share_dist.landscape.harmonics import harmonic_degrees, harmonics, harmonics_gradient
from share_dist.landscape.scales import CategoryAxis, IntervalAxis, PeriodicAxis, require_angles
from share_dist.landscape.wigner import (
    angles_from_spinor,
    spinor,
    turned,
    wigner,
    wigner_gradient,
    wigner_terms,
)


@runtime_checkable
class Axis(Protocol):
    """One factor of a landscape."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Survey columns the factor is read from, one per coordinate."""
        ...

    @property
    def dimension(self) -> int:
        """Dimension of the factor's space; 0 for categories."""
        ...

    @property
    def shells(self) -> Float[np.ndarray, "functions 2"]:
        """By function: its degree as a share of the axis's highest, and the Laplacian's eigenvalue."""
        ...

    def uniform(self, unit: Float[np.ndarray, "n coordinates"]) -> Float[np.ndarray, "n coordinates"]:
        """Numbers of [0, 1) as points of the uniform measure, under which the functions are orthonormal."""
        ...

    def values(self, points: Float[np.ndarray, "n coordinates"]) -> Float[np.ndarray, "n functions"]:
        """All functions at the points."""
        ...

    def slopes(self, points: Float[np.ndarray, "n coordinates"]) -> Float[np.ndarray, "n functions step"]:
        """Rates of all functions for a small step; a step on the sphere has three components."""
        ...

    def moved(
        self, points: Float[np.ndarray, "n coordinates"], step: Float[np.ndarray, "n step"]
    ) -> Float[np.ndarray, "n coordinates"]:
        """The points after a step, kept inside the factor's range."""
        ...

    def embedded(self, points: Float[np.ndarray, "n coordinates"]) -> Float[np.ndarray, "n embedding"]:
        """Points of a Euclidean space in which near means near: radians nearby, log distance as it is."""
        ...

    def require_known(self, points: Float[np.ndarray, "n coordinates"]) -> None:
        """Raise BadSetting for a point outside the factor's range, of which a landscape knows nothing."""
        ...


DIRECTION_COLUMNS = ("azimuth_rad", "elevation_rad")
ROTATION_COLUMNS = (*DIRECTION_COLUMNS, "roll_rad")


def make_axis(factor: Factor, config: LandscapeConfig) -> Axis:
    """The axis of a factor.

    Raises:
        BadSetting: the kind is unknown, the columns are not one a coordinate, or an interval's range is empty.
    """
    defaults = {"sphere": DIRECTION_COLUMNS, "rotation": ROTATION_COLUMNS}
    columns = factor.columns or defaults.get(factor.kind, (factor.name,))
    if len(columns) != len(defaults.get(factor.kind, ("one",))):
        raise BadSetting(
            f"Factor '{factor.name}' of kind '{factor.kind}' has {len(columns)} columns ({', '.join(columns)}); "
            "a sphere needs azimuth and elevation, a rotation also roll, any other kind one."
        )
    if factor.kind == "sphere":
        return SphereAxis(config.direction_degree, columns)
    if factor.kind == "rotation":
        return RotationAxis(config.direction_degree, config.roll_degree, columns)
    if factor.kind == "periodic":
        return PeriodicAxis(columns, config.periodic_degree)
    if factor.kind == "interval":
        unit = math.pi / 180 if columns[0].endswith("_deg") else 1.0
        return IntervalAxis(columns, factor.low * unit, factor.high * unit, config.interval_degree)
    if factor.kind == "category":
        return CategoryAxis(columns, int(factor.low), int(factor.high) - int(factor.low) + 1)
    raise BadSetting(
        f"Factor '{factor.name}' has the kind '{factor.kind}', but a landscape knows sphere, rotation, periodic, "
        "interval and category; give it one of these."
    )


def read_points(axis: Axis, columns: Mapping[str, Any]) -> Float[np.ndarray, "n coordinates"]:
    """Coordinates, radians and metres, of the rows of a table that may write angles as `_rad` or `_deg`.

    Raises:
        BadSetting: a column is missing, or a number is outside its factor's range.
    """
    points = np.stack([_read_column(columns, name) for name in axis.columns], axis=1)
    axis.require_known(points)
    return points


def _read_column(columns: Mapping[str, Any], name: str) -> np.ndarray:
    in_radians, in_degrees = name.replace("_deg", "_rad"), name.replace("_rad", "_deg")
    if in_radians not in columns:
        require_column(columns, in_degrees, "The landscape")
    found = in_radians if in_radians in columns else in_degrees
    try:
        values = np.atleast_1d(np.asarray(columns[found], dtype=np.float64))
    except ValueError as error:
        raise BadSetting(f"The column '{found}' holds words; number its categories before fitting them.") from error
    return np.radians(values) if found.endswith("_deg") else values


def write_points(axis: Axis, points: Float[np.ndarray, "n coordinates"]) -> dict[str, np.ndarray]:
    """Columns of coordinates, angles as `_rad`."""
    return {name.replace("_deg", "_rad"): points[:, i] for i, name in enumerate(axis.columns)}


@dataclass(frozen=True, slots=True)
class SphereAxis:
    """The view direction. A step is a tangent vector in the person's frame, radians."""

    degree: int
    columns: tuple[str, ...] = DIRECTION_COLUMNS
    dimension: int = 2

    @property
    def shells(self) -> np.ndarray:
        """Degree l, eigenvalue l(l + 1)."""
        n = harmonic_degrees(self.degree)
        return np.stack([n / self.degree, n * (n + 1.0)], axis=1)

    def uniform(self, unit: np.ndarray) -> np.ndarray:
        """By area."""
        return np.stack([math.tau * unit[:, 0] - math.pi, np.arcsin(2 * unit[:, 1] - 1)], axis=1)

    def values(self, points: np.ndarray) -> np.ndarray:
        """Spherical harmonics."""
        return harmonics(direction_from_angles(points[:, 0], points[:, 1]), self.degree)

    def slopes(self, points: np.ndarray) -> np.ndarray:
        """Tangent gradients, written as vectors of the person's frame."""
        return harmonics_gradient(direction_from_angles(points[:, 0], points[:, 1]), self.degree)

    def moved(self, points: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Along the great circle."""
        u = direction_from_angles(points[:, 0], points[:, 1])
        angle = np.linalg.norm(step, axis=1, keepdims=True)
        return np.stack(angles_from_direction(np.cos(angle) * u + np.sinc(angle / math.pi) * step), axis=1)

    def embedded(self, points: np.ndarray) -> np.ndarray:
        """Unit vectors: nearby, a chord is the angle."""
        return direction_from_angles(points[:, 0], points[:, 1])

    def require_known(self, points: np.ndarray) -> None:
        """Raise BadSetting for an angle that is none of a direction."""
        require_angles(points, self.columns)


@dataclass(frozen=True, slots=True)
class RotationAxis:
    """The camera's whole rotation. A step is a rotation vector in the person's frame, radians."""

    degree: int
    roll_degree: int
    columns: tuple[str, ...] = ROTATION_COLUMNS
    dimension: int = 3

    @property
    def shells(self) -> np.ndarray:
        """Degree l, eigenvalue l(l + 1) of the rotation group's own Laplacian."""
        n = np.array([term.degree for term in wigner_terms(self.degree, self.roll_degree)])
        return np.stack([n / self.degree, n * (n + 1.0)], axis=1)

    def uniform(self, unit: np.ndarray) -> np.ndarray:
        """By the rotation group's own measure."""
        azimuth, roll = math.tau * unit[:, 0] - math.pi, math.tau * unit[:, 2] - math.pi
        return np.stack([azimuth, np.arcsin(2 * unit[:, 1] - 1), roll], axis=1)

    def values(self, points: np.ndarray) -> np.ndarray:
        """Wigner functions."""
        return wigner(*spinor(points[:, 0], points[:, 1], points[:, 2]), self.degree, self.roll_degree)

    def slopes(self, points: np.ndarray) -> np.ndarray:
        """Rates for turns about the person's axes."""
        return wigner_gradient(*spinor(points[:, 0], points[:, 1], points[:, 2]), self.degree, self.roll_degree)

    def moved(self, points: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Carried round the person as one rigid piece."""
        a, b = spinor(points[:, 0], points[:, 1], points[:, 2])
        return np.stack(angles_from_spinor(*turned(a, b, step)), axis=1)

    def embedded(self, points: np.ndarray) -> np.ndarray:
        """Rotation matrices over √2: nearby, their distance is the angle between two cameras."""
        (sin_a, sin_e, sin_r), (cos_a, cos_e, cos_r) = np.sin(points.T), np.cos(points.T)
        right = np.stack([cos_a, np.zeros_like(cos_a), -sin_a], axis=1)
        down = np.stack([sin_e * sin_a, -cos_e, sin_e * cos_a], axis=1)
        rolled_right = cos_r[:, None] * right + sin_r[:, None] * down
        rolled_down = cos_r[:, None] * down - sin_r[:, None] * right
        ahead = direction_from_angles(points[:, 0], points[:, 1])
        return np.concatenate([rolled_right, rolled_down, ahead], axis=1) / math.sqrt(2)

    def require_known(self, points: np.ndarray) -> None:
        """Raise BadSetting for an angle that is none of a camera's."""
        require_angles(points, self.columns)
