"""The landscape itself: mean, uncertainty, noise and slope at any camera, in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from share_dist.camera import Factor
from share_dist.landscape.basis import Basis, Coordinates
from share_dist.landscape.config import LandscapeConfig
from share_dist.landscape.evidence import Posterior, Prior
from share_dist.landscape.rows import columns_of
from share_dist.landscape.threads import one_blas_thread

CHUNK = 4096
"""Coordinates evaluated at a time: a design matrix of some megabytes stays in the cache's neighbourhood."""


@dataclass(frozen=True, eq=False)
class Noise:
    """How the scatter of one view varies over the camera: a landscape of its logarithmic variance.

    Attributes:
        basis: its terms, a few.
        coefficients: of the log variance relative to `Prior.noise_sd`.
        low: smallest log ratio met in the survey; beyond, the noise stays there.
        high: largest.
    """

    basis: Basis
    coefficients: Float[np.ndarray, " terms"]
    low: float
    high: float

    def log_ratio(self, points: Coordinates) -> Float[np.ndarray, " n"]:
        """Log of the noise variance over that of a view of weight 1."""
        return np.clip(self.basis.design(points) @ self.coefficients, self.low, self.high)


@dataclass(frozen=True, eq=False)
class Landscape:
    """Expected error as a continuous function of the camera, with its uncertainty.

    Cameras may be given as a survey, a table of columns (azimuth_deg, elevation_deg, distance_m, …) or cameras. All
    results are in the unit of the fitted column, mm by default. `mean` and `deviation` speak of the expected error at
    a camera; one view scatters about it by `noise_sd`.

    Attributes:
        basis: the functions on camera space.
        posterior: their coefficients and uncertainty.
        prior: what the evidence chose.
        noise: how the scatter varies; None where it is even.
        config: the settings of the fit.
        views: how many views were fitted.
        column: what was fitted.
        meta: model_hash, body_hash and plan_hash of the survey, where it had them.
    """

    basis: Basis
    posterior: Posterior
    prior: Prior
    noise: Noise | None
    config: LandscapeConfig
    views: int
    column: str = "mpjpe_mm"
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """What the landscape varies over."""
        return self.basis.factors

    def points(self, cameras: object) -> Coordinates:
        """Cameras as coordinates of this landscape's factors."""
        return self.basis.points(columns_of(cameras))

    def _by_chunk(self, points: Coordinates, make: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        starts = range(0, max(len(points), 1), CHUNK)
        return np.concatenate([make(self.basis.design(points[start : start + CHUNK])) for start in starts])

    def mean(self, cameras: object) -> Float[np.ndarray, " n"]:
        """Expected error at each camera."""
        return self.mean_at(self.points(cameras))

    def deviation(self, cameras: object) -> Float[np.ndarray, " n"]:
        """Standard deviation of the expected error: how well the survey pins it down."""
        return self.deviation_at(self.points(cameras))

    def noise_sd(self, cameras: object) -> Float[np.ndarray, " n"]:
        """Scatter of a single view about the expected error: people, poses and scenes."""
        return self.noise_sd_at(self.points(cameras))

    def gradient(self, cameras: object, kappa: float = 0.0) -> dict[str, np.ndarray]:
        """Slope of mean − kappa·deviation, by factor.

        Returns:
            Per factor [n, step]: on the sphere a tangent vector of the person's frame, per radian; for a rotation
            the rate of turns about the person's x, y, z, per radian; for a distance per unit of log distance; for an
            angle per radian; for a category nothing ([n, 0]).
        """
        return self.gradient_at(self.points(cameras), kappa)

    @one_blas_thread
    def mean_at(self, points: Coordinates) -> Float[np.ndarray, " n"]:
        """`mean` at coordinates."""
        return self._by_chunk(points, lambda design: design @ self.posterior.coefficients)

    @one_blas_thread
    def deviation_at(self, points: Coordinates) -> Float[np.ndarray, " n"]:
        """`deviation` at coordinates."""
        root = self.posterior.root
        return self._by_chunk(points, lambda design: np.sqrt(np.square(design @ root).sum(axis=1)))

    @one_blas_thread
    def noise_sd_at(self, points: Coordinates) -> Float[np.ndarray, " n"]:
        """`noise_sd` at coordinates."""
        if self.noise is None:
            return np.full(len(points), self.prior.noise_sd)
        return self.prior.noise_sd * np.exp(0.5 * self.noise.log_ratio(points))

    @one_blas_thread
    def gradient_at(self, points: Coordinates, kappa: float = 0.0) -> dict[str, np.ndarray]:
        """`gradient` at coordinates."""
        coefficients = np.broadcast_to(self.posterior.coefficients, (len(points), len(self.basis.terms)))
        if kappa:
            seen = self.basis.design(points) @ self.posterior.root
            deviation = np.sqrt(np.square(seen).sum(axis=1, keepdims=True))
            coefficients = coefficients - kappa * (seen @ self.posterior.root.T) / np.maximum(deviation, 1e-300)
        return self.basis.slopes(points, coefficients)

    def shares(self, cameras: object | None = None) -> dict[str, float]:
        """Where the variance of single views' errors comes from: factors, pairs, and "not the camera".

        Args:
            cameras: the measure, as a pool of cameras drawn from it; None for the uniform one over the factors'
                ranges, under which the parts are orthogonal and every share is at least 0.

        Returns:
            Shares by group of factors ("direction", "direction × distance", …), then "not the camera"; they sum to 1.
            Under another measure parts may be correlated: a share is then the covariance of that part with the whole.

        Source: Li et al., J. Phys. Chem. A 2010, 114, 6022 (ANOVA under correlated inputs). Expectations over the
        posterior, so that what shrinkage takes from the coefficients is given back by their variance.
        """
        from share_dist.landscape.anova import shares

        return shares(self, None if cameras is None else self.points(cameras))

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values; `from_json` gives the same bits back."""
        from share_dist.landscape.stored import landscape_to_json

        return landscape_to_json(self)

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Landscape:
        """Read what `to_json` wrote.

        Raises:
            DamagedFile: fields are missing or arrays have the wrong size.
        """
        from share_dist.landscape.stored import landscape_from_json

        return landscape_from_json(stored)
