"""How smooth, how high, how noisy: the prior's few numbers, chosen by maximising the evidence.

The coefficients have independent normal priors of variance s²·v, v ∝ (1 + Σ λℓ²/2ν)^−(ν + D/2) over the factors:
λ is the Laplacian's eigenvalue of a term in one factor, ℓ that factor's length, ν the smoothness and D the dimension.
On the sphere this is the Matérn field (1 + l(l + 1)/κ²)^−(ν + 1) with κ² = 2ν/ℓ². The constant is left free (flat
prior). Everything is computed from the sufficient statistics; the noise scale has a closed form.

Source: Rasmussen & Williams, Gaussian Processes, section 5.4; Matérn fields on manifolds: Borovitskiy et al.,
arXiv 2006.10160.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import cholesky, get_lapack_funcs, solve_triangular
from scipy.optimize import minimize

from share_dist.landscape.statistics import Statistics

LOG_RATIO_BOUNDS = (-12.0, 16.0)
"""Signal to noise variance ratio, natural log: from no signal at all to no noise at all."""

LOG_LENGTH_BOUNDS = (math.log(0.02), math.log(10.0))
LOG_LENGTH_GUESS = math.log(0.7)
"""A length of 0.7 (40° on the sphere) to begin with and to shrink to, weakly: one e-fold costs half a nat."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The numbers the evidence chose.

    Attributes:
        smoothness: Matérn ν.
        lengths: one per factor: radians, or half the range of an interval factor.
        ratio: variance of the signal over that of the noise.
        noise_sd: noise of one view; with weights, of a view of weight 1.
        log_evidence: up to a constant that depends on the survey only, so fits of one survey compare.
    """

    smoothness: float
    lengths: tuple[float, ...]
    ratio: float
    noise_sd: float
    log_evidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Coefficients and a square root of their covariance (covariance = root @ rootᵀ)."""

    coefficients: Float[np.ndarray, " terms"]
    root: Float[np.ndarray, "terms terms"]


def prior_variances(
    eigenvalues: Float[np.ndarray, "terms factors"],
    dimension: int,
    smoothness: float,
    lengths: Float[np.ndarray, " factors"],
) -> Float[np.ndarray, " terms"]:
    """Relative prior variances of the terms, summing to 1; the constant's (the first) is 0, it is left free."""
    penalty = 1.0 + eigenvalues @ (np.asarray(lengths) ** 2 / (2 * smoothness))
    raw = penalty ** -(smoothness + dimension / 2)
    raw[0] = 0.0
    return raw / raw.sum() if len(raw) > 1 else raw


def _variance_slopes(
    eigenvalues: np.ndarray, dimension: int, smoothness: float, lengths: np.ndarray, variances: np.ndarray
) -> np.ndarray:
    """Derivatives of the log prior variances by the log lengths, [terms, factors]."""
    pull = eigenvalues * (lengths**2 / (2 * smoothness))
    slopes = -(2 * smoothness + dimension) * pull / (1.0 + pull.sum(axis=1, keepdims=True))
    return slopes - variances @ slopes


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """The regression solved at given prior variances relative to the noise."""

    scale: np.ndarray
    inverse_factor: np.ndarray
    whitened: np.ndarray
    log_determinant: float
    noise_variance: float


def _solve(statistics: Statistics, relative_variances: np.ndarray) -> _Solved:
    """Solve in coordinates scaled by the prior, where the matrix is I + D·G·D and cannot be ill-conditioned."""
    scale = np.sqrt(relative_variances)
    scale[0] = 1.0  # the free constant: no prior term
    matrix = statistics.gram * scale[:, None] * scale[None, :]
    matrix[np.arange(1, len(scale)), np.arange(1, len(scale))] += 1.0
    factor = cholesky(matrix, lower=True, check_finite=False)
    (invert,) = get_lapack_funcs(("trtri",), (factor,))
    inverse_factor, _ = invert(factor, lower=1)
    forward = solve_triangular(factor, statistics.moment * scale, lower=True, check_finite=False)
    left = max(statistics.square - float(forward @ forward), 1e-12 * statistics.square, 1e-300)
    return _Solved(
        scale,
        inverse_factor,
        inverse_factor.T @ forward,
        2.0 * float(np.log(np.diag(factor)).sum()),
        left / max(statistics.count - 1, 1),
    )


def _objective(
    theta: np.ndarray, statistics: Statistics, eigenvalues: np.ndarray, dimension: int, smoothness: float
) -> tuple[float, np.ndarray]:
    """Minus the log evidence with its weak prior on the lengths, and its gradient, at (log ratio, log lengths…)."""
    lengths = np.exp(theta[1:])
    variances = prior_variances(eigenvalues, dimension, smoothness, lengths)
    solved = _solve(statistics, np.exp(theta[0]) * variances)
    slopes = _variance_slopes(eigenvalues, dimension, smoothness, lengths, variances)[1:]
    # How far each coefficient's squared size plus its variance exceeds its prior variance, in units of the latter.
    excess = solved.whitened[1:] ** 2 / solved.noise_variance + (solved.inverse_factor[:, 1:] ** 2).sum(axis=0) - 1.0
    gradient = -0.5 * np.concatenate([[excess.sum()], excess @ slopes])
    away = theta[1:] - LOG_LENGTH_GUESS
    gradient[1:] += away
    value = 0.5 * ((statistics.count - 1) * math.log(solved.noise_variance) + solved.log_determinant)
    return value - 0.5 * statistics.log_weight + 0.5 * float(away @ away), gradient


def best_prior(
    statistics: Statistics,
    eigenvalues: Float[np.ndarray, "terms factors"],
    dimension: int,
    smoothness: tuple[float, ...],
    near: Prior | None = None,
) -> Prior:
    """Choose smoothness, lengths, signal and noise.

    Args:
        statistics: of the whole survey.
        eigenvalues: the Laplacian's, by term and factor; the first term is the constant.
        dimension: of camera space: 2 for the sphere, plus 1 for each interval or angle, 3 for rotations.
        smoothness: values of ν to choose from.
        near: a prior to begin with, of a fit that can be little different.
    """
    best: Prior | None = None
    guess = np.array([0.0] + [LOG_LENGTH_GUESS] * eigenvalues.shape[1])
    start = guess if near is None else np.log([near.ratio, *near.lengths])
    bounds = [LOG_RATIO_BOUNDS] + [LOG_LENGTH_BOUNDS] * eigenvalues.shape[1]
    for nu in smoothness:
        found = minimize(
            _objective,
            start,
            args=(statistics, eigenvalues, dimension, nu),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 60, "ftol": 1e-9},
        )
        start = found.x  # the next smoothness begins where this one ended
        if best is None or -found.fun > best.log_evidence:
            lengths = np.exp(found.x[1:])
            ratio = math.exp(found.x[0])
            solved = _solve(statistics, ratio * prior_variances(eigenvalues, dimension, nu, lengths))
            noise_sd = math.sqrt(solved.noise_variance)
            best = Prior(nu, tuple(map(float, lengths)), ratio, noise_sd, float(-found.fun))
    if best is None:
        raise ValueError("no smoothness to choose from")
    return best


def posterior(
    statistics: Statistics, eigenvalues: Float[np.ndarray, "terms factors"], dimension: int, prior: Prior
) -> Posterior:
    """Coefficients and their uncertainty, given the prior."""
    variances = prior_variances(eigenvalues, dimension, prior.smoothness, np.asarray(prior.lengths))
    solved = _solve(statistics, prior.ratio * variances)
    root = prior.noise_sd * solved.scale[:, None] * solved.inverse_factor.T
    return Posterior(solved.scale * solved.whitened, root)
