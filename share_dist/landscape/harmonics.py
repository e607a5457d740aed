"""Real spherical harmonics of the view direction, and their gradient, without a singular point at the poles.

The pole axis is y (up); azimuth runs from +z towards +x, as in `geometry.direction_from_angles`. Every harmonic is a
polynomial in (x, y, z), written Q(y)·Re or Im (z + ix)^m, so the poles are ordinary points and the gradient is again a
polynomial. Normalised so that the mean of each square over the sphere is 1; index l² + l + m, m < 0 the sine.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float


def harmonic_degrees(degree: int) -> np.ndarray:
    """Degree l of each of the (degree + 1)² harmonics, in their order."""
    return np.repeat(np.arange(degree + 1), 2 * np.arange(degree + 1) + 1)


def _legendre(y: np.ndarray, degree: int) -> dict[tuple[int, int], np.ndarray]:
    """Normalised derivatives of Legendre polynomials, Q[l, m](y) ∝ dᵐPₗ/dyᵐ, by the stable recurrence upwards in l.

    Source: Limpanuparb & Milthorpe, arXiv 1410.1748, with sin^m(θ) divided out.
    """
    table: dict[tuple[int, int], np.ndarray] = {}
    diagonal = 1.0
    for m in range(degree + 1):
        if m > 0:
            diagonal *= math.sqrt(3.0) if m == 1 else math.sqrt((2 * m + 1) / (2 * m))
        table[m, m] = np.full_like(y, diagonal)
        if m < degree:
            table[m + 1, m] = math.sqrt(2 * m + 3) * diagonal * y
        for n in range(m + 2, degree + 1):
            a = math.sqrt((4 * n * n - 1) / (n * n - m * m))
            b = math.sqrt(((n - 1) ** 2 - m * m) / (4 * (n - 1) ** 2 - 1))
            table[n, m] = a * (y * table[n - 1, m] - b * table[n - 2, m])
    return table


def _powers(direction: np.ndarray, degree: int) -> list[np.ndarray]:
    """(z + ix)^m for m = 0…degree: cos^m ε·e^{imφ}."""
    w = direction[:, 2] + 1j * direction[:, 0]
    powers = [np.ones_like(w)]
    for _ in range(degree):
        powers.append(powers[-1] * w)
    return powers


def harmonics(direction: Float[np.ndarray, "n 3"], degree: int) -> Float[np.ndarray, "n terms"]:
    """All real harmonics up to `degree` at unit vectors.

    Returns:
        [n, (degree + 1)²] float64; the first is 1 everywhere.

    Checked against `scipy.special.sph_harm_y` in tests/landscape/test_harmonics.py.
    """
    legendre, powers = _legendre(direction[:, 1], degree), _powers(direction, degree)
    out = np.empty(((degree + 1) ** 2, len(direction)))
    for (n, m), q in legendre.items():
        centre = n * n + n
        out[centre + m] = q * np.real(powers[m])
        if m > 0:
            out[centre - m] = q * np.imag(powers[m])
    return out.T


def harmonics_gradient(direction: Float[np.ndarray, "n 3"], degree: int) -> Float[np.ndarray, "n terms 3"]:
    """Gradient of every harmonic along the sphere: tangent vectors in the person's frame, per radian of movement."""
    legendre, powers = _legendre(direction[:, 1], degree), _powers(direction, degree)
    out = np.zeros(((degree + 1) ** 2, 3, len(direction)))
    for (n, m), q in legendre.items():
        centre = n * n + n
        # dQ[l, m]/dy is Q[l, m + 1] up to the ratio of their norms; the m = 0 norm lacks the √2 of the others.
        ratio = math.sqrt((n - m) * (n + m + 1) / (2 if m == 0 else 1))
        slope = ratio * legendre[n, m + 1] if m < n else np.zeros_like(q)
        lower = m * q * powers[m - 1] if m > 0 else np.zeros_like(powers[0])
        out[centre + m] = np.stack([-np.imag(lower), slope * np.real(powers[m]), np.real(lower)])
        if m > 0:
            out[centre - m] = np.stack([np.real(lower), slope * np.imag(powers[m]), np.imag(lower)])
    outward = np.einsum("tdn,nd->tn", out, direction)
    out -= outward[:, None, :] * direction.T[None]
    return np.moveaxis(out, 2, 0)
