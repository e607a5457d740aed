"""Wigner D-functions: the harmonics of a whole camera rotation, of which those of the direction are the k = 0 part.

A camera's rotation is written as two complex numbers, a = cos(β/2)·e^{i(φ−ρ)/2} and b = sin(β/2)·e^{i(φ+ρ)/2}, with
azimuth φ, roll ρ and β the angle from straight above. At the poles one of them is zero and azimuth and roll act as
one, as they do for a real camera: polynomials in a and b are continuous there. Each function is
P(|a|² − |b|²)·Re or Im of a^(m+k)·b^(m−k) with P a Jacobi polynomial (a negative power means the conjugate).
Normalised so that the mean of each square over all rotations is 1.

Source: Varshalovich et al., Quantum Theory of Angular Momentum, section 4.3.4.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float


class WignerTerm(NamedTuple):
    """One real function: its degree l, the two orders, and whether it is the imaginary part."""

    degree: int
    m: int
    k: int
    imaginary: bool


@functools.cache
def wigner_terms(degree: int, roll_degree: int) -> tuple[WignerTerm, ...]:
    """All real functions with l ≤ degree and |k| ≤ roll_degree; k = 0 is the set of spherical harmonics."""
    terms = []
    for n in range(degree + 1):
        top = min(n, roll_degree)
        for m in range(n + 1):
            for k in range(-top, top + 1):
                if m == 0 and k < 0:
                    continue  # the mirror image of (0, |k|): the same real function
                terms.append(WignerTerm(n, m, k, False))
                if (m, k) != (0, 0):
                    terms.append(WignerTerm(n, m, k, True))
    return tuple(terms)


def spinor(
    azimuth_rad: Float[np.ndarray, " n"], elevation_rad: Float[np.ndarray, " n"], roll_rad: Float[np.ndarray, " n"]
) -> tuple[Complex[np.ndarray, " n"], Complex[np.ndarray, " n"]]:
    """The two complex numbers (a, b) of a camera rotation; (−a, −b) is the same camera."""
    half = (math.pi / 2 - elevation_rad) / 2
    a = np.cos(half) * np.exp(0.5j * (azimuth_rad - roll_rad))
    b = np.sin(half) * np.exp(0.5j * (azimuth_rad + roll_rad))
    return a, b


def angles_from_spinor(
    a: Complex[np.ndarray, " n"], b: Complex[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth, elevation and roll of (a, b), azimuth and roll in (−π, π]."""
    elevation = math.pi / 2 - 2 * np.arctan2(np.abs(b), np.abs(a))
    azimuth, roll = np.angle(a) + np.angle(b), np.angle(b) - np.angle(a)
    return np.angle(np.exp(1j * azimuth)), elevation, np.angle(np.exp(1j * roll))


def turned(
    a: Complex[np.ndarray, " n"], b: Complex[np.ndarray, " n"], turn_rad: Float[np.ndarray, "n 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """Carry cameras round the person by rotation vectors in the person's frame (x right, y up, z ahead)."""
    angle = np.linalg.norm(turn_rad, axis=1)
    sine = 0.5 * np.sinc(angle / (2 * math.pi))  # sin(θ/2)/θ, smooth at zero
    da, db = _turning(a, b)
    return (
        np.cos(angle / 2) * a + 2 * sine * np.einsum("dn,nd->n", da, turn_rad),
        np.cos(angle / 2) * b + 2 * sine * np.einsum("dn,nd->n", db, turn_rad),
    )


def _turning(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates of (a, b) for a turn about x, y and z: the generators of SU(2) acting on the pair (a, conjugate of b)."""
    da = np.stack([-0.5 * b.conj(), 0.5j * a, 0.5j * b.conj()])
    db = np.stack([0.5 * a.conj(), 0.5j * b, -0.5j * a.conj()])
    return da, db


def _jacobi(x: np.ndarray, count: int, p: int, q: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Jacobi polynomials P_n^(p,q)(x), n < count, and their derivatives, by the three-term recurrence (DLMF 18.9)."""
    pairs = [(np.ones_like(x), np.zeros_like(x))]
    if count > 1:
        slope = (p + q + 2) / 2
        pairs.append((slope * x + (p - q) / 2, np.full_like(x, slope)))
    for n in range(1, count - 1):
        c = 2 * n + p + q
        scale = 2 * (n + 1) * (n + p + q + 1)
        first = (c + 1) * (c + 2) / scale
        shift = (c + 1) * (p * p - q * q) / (scale * c)
        last = 2 * (n + p) * (n + q) * (c + 2) / (scale * c)
        (v1, d1), (v0, d0) = pairs[n], pairs[n - 1]
        line = first * x + shift
        pairs.append((line * v1 - last * v0, first * v1 + line * d1 - last * d0))
    return pairs


def _powers(base: np.ndarray, highest: int) -> list[np.ndarray]:
    powers = [np.ones_like(base)]
    for _ in range(highest):
        powers.append(powers[-1] * base)
    return powers


def _signed(powers: list[np.ndarray], exponent: int) -> np.ndarray:
    return powers[exponent] if exponent >= 0 else powers[-exponent].conj()


def _groups(degree: int, roll_degree: int) -> dict[tuple[int, int], list[tuple[int, WignerTerm]]]:
    """Positions of the terms by (m, k): those share their monomial and one run of Jacobi polynomials."""
    groups: dict[tuple[int, int], list[tuple[int, WignerTerm]]] = {}
    for position, term in enumerate(wigner_terms(degree, roll_degree)):
        groups.setdefault((term.m, term.k), []).append((position, term))
    return groups


def _norm(term: WignerTerm) -> float:
    n = term.degree - max(abs(term.m), abs(term.k))
    p, q = abs(term.m - term.k), abs(term.m + term.k)
    root = math.factorial(n) * math.factorial(n + p + q) / (math.factorial(n + p) * math.factorial(n + q))
    return math.sqrt((2 * term.degree + 1) * root * (1 if term.m == term.k == 0 else 2))


def wigner(
    a: Complex[np.ndarray, " n"], b: Complex[np.ndarray, " n"], degree: int, roll_degree: int
) -> Float[np.ndarray, "n terms"]:
    """All real Wigner functions at camera rotations given as spinors, in the order of `wigner_terms`."""
    x = np.abs(a) ** 2 - np.abs(b) ** 2
    powers_a, powers_b = _powers(a, degree + roll_degree), _powers(b, degree + roll_degree)
    out = np.empty((len(wigner_terms(degree, roll_degree)), len(a)))
    for (m, k), members in _groups(degree, roll_degree).items():
        monomial = _signed(powers_a, m + k) * _signed(powers_b, m - k)
        low = max(abs(m), abs(k))
        jacobi = _jacobi(x, degree - low + 1, abs(m - k), abs(m + k))
        for position, term in members:
            part = np.imag(monomial) if term.imaginary else np.real(monomial)
            out[position] = _norm(term) * jacobi[term.degree - low][0] * part
    return out.T


def wigner_gradient(
    a: Complex[np.ndarray, " n"], b: Complex[np.ndarray, " n"], degree: int, roll_degree: int
) -> Float[np.ndarray, "n terms 3"]:
    """Rates of every function for a turn of the camera about the person's x, y and z axes, per radian.

    For a function of the direction u alone this is u × its gradient on the sphere.
    """
    x = np.abs(a) ** 2 - np.abs(b) ** 2
    powers_a, powers_b = _powers(a, degree + roll_degree), _powers(b, degree + roll_degree)
    da, db = _turning(a, b)
    dx = 2 * np.real(a.conj() * da - b.conj() * db)
    out = np.empty((len(wigner_terms(degree, roll_degree)), 3, len(a)))
    for (m, k), members in _groups(degree, roll_degree).items():
        factor_a, factor_b = _signed(powers_a, m + k), _signed(powers_b, m - k)
        rate = _power_rate(powers_a, da, m + k) * factor_b + factor_a * _power_rate(powers_b, db, m - k)
        monomial = factor_a * factor_b
        low = max(abs(m), abs(k))
        jacobi = _jacobi(x, degree - low + 1, abs(m - k), abs(m + k))
        for position, term in members:
            value, slope = jacobi[term.degree - low]
            whole = slope * dx * monomial + value * rate
            out[position] = _norm(term) * (np.imag(whole) if term.imaginary else np.real(whole))
    return np.moveaxis(out, 2, 0)


def _power_rate(powers: list[np.ndarray], rates: np.ndarray, exponent: int) -> np.ndarray:
    """Rate of a signed power: j·A^(j−1)·dA, on the conjugate for a negative exponent."""
    if exponent == 0:
        return np.zeros_like(rates)
    rate = abs(exponent) * powers[abs(exponent) - 1] * rates
    return rate if exponent > 0 else rate.conj()
