"""The landscape's terms: products of factor functions, lowest total order first."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from share_dist.camera import Factor
from share_dist.errors import BadSetting
from share_dist.landscape.axes import Axis, make_axis, read_points, write_points
from share_dist.landscape.config import LandscapeConfig

Coordinates = Float[np.ndarray, "n coordinates"]


@dataclass(frozen=True)
class Basis:
    """Functions on camera space, orthonormal under the product of the factors' uniform measures; the first is 1.

    Attributes:
        factors: what the landscape varies over.
        axes: one per factor.
        terms: by term and factor, which of the axis's functions; 0 is the constant.
    """

    factors: tuple[Factor, ...]
    axes: tuple[Axis, ...]
    terms: Int[np.ndarray, "terms factors"]

    @cached_property
    def eigenvalues(self) -> Float[np.ndarray, "terms factors"]:
        """The Laplacian's eigenvalue of each term in each factor."""
        return np.stack([axis.shells[self.terms[:, i], 1] for i, axis in enumerate(self.axes)], axis=1)

    @property
    def dimension(self) -> int:
        """Dimension of camera space."""
        return sum(axis.dimension for axis in self.axes)

    @cached_property
    def _slices(self) -> list[slice]:
        ends = np.cumsum([0] + [len(axis.columns) for axis in self.axes])
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    def points(self, columns: Mapping[str, Any]) -> Coordinates:
        """Coordinates (radians, metres) of a table's rows, factor by factor, float64."""
        return np.concatenate([read_points(axis, columns) for axis in self.axes], axis=1)

    def table(self, points: Coordinates) -> dict[str, np.ndarray]:
        """Columns of coordinates: the inverse of `points`."""
        tables = [write_points(axis, points[:, part]) for axis, part in self._parts()]
        return {name: values for table in tables for name, values in table.items()}

    def uniform(self, count: int) -> Coordinates:
        """Coordinates spread evenly over the product of the factors' uniform measures (Sobol); count a power of two."""
        # Here, because scipy.stats takes half a second to import, and few processes that import this room need it.
        from scipy.stats import qmc

        unit = qmc.Sobol(sum(len(axis.columns) for axis in self.axes), scramble=False).random(count)
        unit = (unit + 0.5 / count) % 1.0  # off the corner, where a sphere has its pole
        return np.concatenate([axis.uniform(unit[:, part]) for axis, part in self._parts()], axis=1)

    def _parts(self) -> list[tuple[Axis, slice]]:
        return list(zip(self.axes, self._slices, strict=True))

    def _factor_values(self, points: Coordinates) -> list[np.ndarray]:
        return [axis.values(points[:, part]) for axis, part in self._parts()]

    def design(self, points: Coordinates) -> Float[np.ndarray, "n terms"]:
        """Every term at every point."""
        return self._products(self._factor_values(points), skip=None)

    def _products(self, values: list[np.ndarray], skip: int | None) -> np.ndarray:
        out: np.ndarray | None = None
        for i, table in enumerate(values):
            if i != skip:
                columns = table[:, self.terms[:, i]]
                out = columns if out is None else np.multiply(out, columns, out=out)
        return np.ones((len(values[0]), len(self.terms))) if out is None else out

    def slopes(self, points: Coordinates, coefficients: Float[np.ndarray, "n terms"]) -> dict[str, np.ndarray]:
        """Gradient of Σ coefficient·term, by factor: [n, step] arrays in the axis's unit of step."""
        values = self._factor_values(points)
        out = {}
        for i, (axis, part) in enumerate(self._parts()):
            own = np.zeros((values[i].shape[1], len(self.terms)))
            own[self.terms[:, i], np.arange(len(self.terms))] = 1.0
            rest = (self._products(values, skip=i) * coefficients) @ own.T
            out[self.factors[i].name] = np.einsum("nf,nfs->ns", rest, axis.slopes(points[:, part]))
        return out

    def moved(self, points: Coordinates, steps: Mapping[str, np.ndarray]) -> Coordinates:
        """The points after a step in every factor, inside the factors' ranges."""
        parts = [
            axis.moved(points[:, part], steps[factor.name])
            for factor, (axis, part) in zip(self.factors, self._parts(), strict=True)
        ]
        return np.concatenate(parts, axis=1)

    def embedded(self, points: Coordinates) -> Float[np.ndarray, "n embedding"]:
        """A Euclidean picture of camera space in which near means near."""
        return np.concatenate([axis.embedded(points[:, part]) for axis, part in self._parts()], axis=1)

    @cached_property
    def groups(self) -> dict[str, Int[np.ndarray, " members"]]:
        """Terms by the factors they join, such as "direction" and "direction × distance_m"; not the constant."""
        groups: dict[str, list[int]] = {}
        for position, term in enumerate(self.terms):
            name = " × ".join(f.name for f, function in zip(self.factors, term, strict=True) if function)
            if name:
                groups.setdefault(name, []).append(position)
        return {name: np.array(members) for name, members in groups.items()}


def make_basis(factors: Sequence[Factor], config: LandscapeConfig, max_terms: int) -> Basis:
    """Choose terms by total order: the sum over factors of degree over the factor's highest degree.

    Whole shells are taken (all orders m of a degree together), so the basis has no preferred azimuth. At equal order
    fewer factors go first. At most `config.interaction_order` factors are joined.

    Raises:
        BadSetting: no factors, or one twice.
    """
    names = [factor.name for factor in factors]
    if not names or len(set(names)) < len(names):
        raise BadSetting(f"A landscape needs factors, each once; these were given: {', '.join(names) or 'none'}.")
    axes = tuple(make_axis(factor, config) for factor in factors)
    degrees = [np.unique(axis.shells[:, 0]) for axis in axes]
    shells = []
    for joined in range(config.interaction_order + 1):
        for members in itertools.combinations(range(len(axes)), joined):
            for choice in itertools.product(*(degrees[i][1:] for i in members)):
                shells.append((round(sum(choice), 9), joined, members, choice))
    terms: list[tuple[int, ...]] = []
    for _, _, members, choice in sorted(shells):
        wanted = dict(zip(members, choice, strict=True))
        options = [np.flatnonzero(axis.shells[:, 0] == wanted.get(i, 0.0)) for i, axis in enumerate(axes)]
        shell = [tuple(int(f) for f in functions) for functions in itertools.product(*options)]
        if len(terms) + len(shell) > max_terms:
            break
        terms += shell
    return Basis(tuple(factors), axes, np.array(terms))
