"""From a survey to its landscape: three sums over blocks, each followed by a small regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from share_dist.camera import CAMERA_FACTORS, Factor
from share_dist.errors import BadSetting
from share_dist.landscape.basis import Basis, make_basis
from share_dist.landscape.config import LandscapeConfig
from share_dist.landscape.evidence import Posterior, Prior, best_prior, posterior
from share_dist.landscape.rows import Rows, survey_rows
from share_dist.landscape.statistics import Statistics, block_statistics, total
from share_dist.landscape.surface import Landscape, Noise
from share_dist.landscape.threads import one_blas_thread

DEFAULT_FACTORS = CAMERA_FACTORS[:2]
"""What a landscape varies over unless told otherwise: direction and distance, where the camera stands."""

ROTATION = Factor("rotation", "rotation", -math.pi, math.pi)
"""The camera's whole rotation, roll included: take it instead of the direction where cameras roll widely."""

FEWEST_VIEWS = 32
"""Below this a dozen coefficients and their noise cannot be told apart."""

LOG_SQUARE_BIAS = 1.2703628454614782
"""Minus the mean of log χ²₁ (Euler's constant plus log 2): log squared residuals lie that much too low."""


def fit_landscape(
    survey: Any,
    config: LandscapeConfig | None = None,
    factors: Sequence[Factor] = DEFAULT_FACTORS,
    column: str = "mpjpe_mm",
) -> Landscape:
    """Fit the expected error as a function of the camera.

    Args:
        survey: a `Survey` or a table of columns; needs the factors' columns and the fitted one.
        config: how finely the error may vary.
        factors: what it varies over.
        column: the figure fitted.

    Raises:
        BadSetting: too few views, a missing column or an unknown kind of factor.
        DamagedFile: numbers that are none.
    """
    config = config or LandscapeConfig()
    basis = make_basis(factors, config, config.max_terms)
    needed = [name.replace("_rad", "_deg") for axis in basis.axes for name in axis.columns]
    return fit_rows(survey_rows(survey, column, needed), basis, config, column, _provenance(survey))


@one_blas_thread
def fit_rows(
    rows: Rows, basis: Basis, config: LandscapeConfig, column: str, meta: dict[str, Any] | None = None
) -> Landscape:
    """`fit_landscape` on rows already read and terms already chosen."""
    if len(rows) < FEWEST_VIEWS:
        raise BadSetting(
            f"The survey has {len(rows)} views, but a landscape needs at least {FEWEST_VIEWS}, better 1,500; "
            "raise survey.steer_views."
        )
    offset = float(np.mean(rows.heights))
    statistics = survey_statistics(rows, basis, lambda part: rows.heights[part] - offset)
    prior, coefficients = _regress(statistics, basis, config)
    plain = Landscape(basis, _lifted(coefficients, offset), prior, None, config, len(rows), column, meta or {})
    if not config.uneven_noise:
        return plain
    noise = _fit_noise(rows, plain)
    weights = np.exp(-noise.log_ratio(basis.points(rows.columns)))
    statistics = survey_statistics(rows, basis, lambda part: rows.heights[part] - offset, weights)
    prior, coefficients = _regress(statistics, basis, config, near=plain.prior)
    if prior.log_evidence - plain.prior.log_evidence < len(noise.coefficients) / 2:
        return plain  # not even half a nat per noise term: the scatter is even as far as the survey can tell
    return Landscape(basis, _lifted(coefficients, offset), prior, noise, config, len(rows), column, meta or {})


@one_blas_thread
def survey_statistics(
    rows: Rows,
    basis: Basis,
    heights: Callable[[slice], Float[np.ndarray, " n"]],
    weights: Float[np.ndarray, " n"] | None = None,
) -> Statistics:
    """Sum over blocks; each block could be computed by another worker and the sum would have the same bits."""
    points = basis.points(rows.columns)
    return total(
        block_statistics(number, basis.design(points[part]), heights(part), None if weights is None else weights[part])
        for number, part in rows.ranges()
    )


def _regress(
    statistics: Statistics, basis: Basis, config: LandscapeConfig, near: Prior | None = None
) -> tuple[Prior, Posterior]:
    prior = best_prior(statistics, basis.eigenvalues, basis.dimension, config.smoothness, near)
    return prior, posterior(statistics, basis.eigenvalues, basis.dimension, prior)


def _lifted(found: Posterior, offset: float) -> Posterior:
    """Put back the mean that was taken off so that squares of large errors do not eat the digits."""
    coefficients = found.coefficients.copy()
    coefficients[0] += offset
    return Posterior(coefficients, found.root)


def _fit_noise(rows: Rows, plain: Landscape) -> Noise:
    """Fit the log of the squared residuals in the same spectral form.

    Logarithms because errors have heavy upper tails: a few lost views must not raise the noise of a whole region. The
    level does not matter (a common factor goes into noise_sd), only the shape.
    """
    basis = make_basis(plain.factors, plain.config, plain.config.noise_terms)
    points = plain.basis.points(rows.columns)
    spread = np.square(plain.deviation_at(points) / plain.prior.noise_sd)
    squares = np.square(rows.heights - plain.mean_at(points)) / np.maximum(1.0 - spread, 0.05)
    floor = 1e-6 * plain.prior.noise_sd**2
    logs = np.log(squares + floor) + LOG_SQUARE_BIAS - 2 * math.log(plain.prior.noise_sd)
    statistics = survey_statistics(rows, basis, lambda part: logs[part])
    _, coefficients = _regress(statistics, basis, plain.config)
    ratio = basis.design(points) @ coefficients.coefficients
    return Noise(basis, coefficients.coefficients, float(ratio.min()), float(ratio.max()))


def _provenance(survey: Any) -> dict[str, Any]:
    meta = getattr(survey, "meta", {})
    wanted = ("model_hash", "body_hash", "plan_hash")
    return {name: meta[name] for name in wanted if isinstance(meta, Mapping) and name in meta}
