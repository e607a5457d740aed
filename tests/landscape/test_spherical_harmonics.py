"""Harmonics of direction and rotation: the right functions, smooth everywhere, with the right slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import sph_harm_y

from share_dist.geometry import (
    angles_from_direction,
    cam_from_person_rotation,
    direction_from_angles,
    rotmat_from_rotvec,
)
from share_dist.landscape.harmonics import harmonics, harmonics_gradient
from share_dist.landscape.wigner import (
    angles_from_spinor,
    spinor,
    turned,
    wigner,
    wigner_gradient,
    wigner_terms,
)

DEGREE = 10


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def directions(rng):
    u = rng.normal(size=(60, 3))
    u[0], u[1], u[2] = (0, 1, 0), (0, -1, 0), (0, 0, -1)  # the poles and the seam of the azimuth
    return u / np.linalg.norm(u, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def angles(directions, rng):
    return *angles_from_direction(directions), rng.uniform(-math.pi, math.pi, len(directions))


def test_harmonics_are_scipys_without_the_alternating_sign(directions):
    azimuth, elevation = angles_from_direction(directions)
    found = harmonics(directions, DEGREE)
    for n in range(DEGREE + 1):
        for m in range(n + 1):
            scale = math.sqrt(4 * math.pi) * (-1) ** m * (math.sqrt(2) if m else 1)
            wanted = scale * sph_harm_y(n, m, math.pi / 2 - elevation, azimuth)
            np.testing.assert_allclose(found[:, n * n + n + m], wanted.real, atol=1e-11)
            if m:
                np.testing.assert_allclose(found[:, n * n + n - m], wanted.imag, atol=1e-11)


def test_squares_of_each_degree_sum_to_a_constant_even_at_degree_60(directions):
    """Unsöld's theorem: an oracle for stability, since a bad recurrence would overflow or drift."""
    squares = harmonics(directions, 60) ** 2
    np.testing.assert_allclose(squares[:, 60 * 60 :].sum(axis=1), 121.0, rtol=1e-10)


def test_the_gradient_on_the_sphere_is_the_difference_quotient(directions, rng):
    tangent = np.cross(rng.normal(size=directions.shape), directions)
    step = 1e-6

    def moved(sign):
        u = directions + sign * step * tangent
        return harmonics(u / np.linalg.norm(u, axis=1, keepdims=True), DEGREE)

    slope = np.einsum("ntd,nd->nt", harmonics_gradient(directions, DEGREE), tangent)
    np.testing.assert_allclose(slope, (moved(1) - moved(-1)) / (2 * step), atol=2e-7)


def test_gradients_are_tangent(directions):
    outward = np.einsum("ntd,nd->nt", harmonics_gradient(directions, DEGREE), directions)
    np.testing.assert_allclose(outward, 0.0, atol=1e-11)


def test_wigner_functions_without_roll_are_the_harmonics_whatever_the_roll(directions, angles):
    found, plain = wigner(*spinor(*angles), DEGREE, 2), harmonics(directions, DEGREE)
    for position, term in enumerate(wigner_terms(DEGREE, 2)):
        if term.k == 0:
            order = -term.m if term.imaginary else term.m
            wanted = plain[:, term.degree**2 + term.degree + order]
            np.testing.assert_allclose(found[:, position], wanted, atol=1e-10)


def test_there_are_as_many_wigner_functions_as_rotations_have_harmonics():
    assert len(wigner_terms(5, 5)) == sum((2 * n + 1) ** 2 for n in range(6))
    assert len(wigner_terms(DEGREE, 0)) == (DEGREE + 1) ** 2


def test_wigner_functions_are_orthonormal_over_rotations():
    """Gauss–Legendre in the elevation's sine and equal steps in both angles integrate these products exactly."""
    nodes, node_weights = np.polynomial.legendre.leggauss(5)
    turns = 2 * math.pi * np.arange(9) / 9
    grid = np.meshgrid(turns, np.arcsin(nodes), turns, indexing="ij")
    weights = np.broadcast_to(node_weights[None, :, None], grid[0].shape).ravel() / (2 * 81)
    values = wigner(*spinor(*(axis.ravel() for axis in grid)), 4, 4)
    np.testing.assert_allclose(values.T @ (values * weights[:, None]), np.eye(values.shape[1]), atol=1e-12)


def test_wigner_functions_see_one_camera_where_azimuth_and_roll_are_one():
    """Straight above, turning round and rolling back is the same camera; straight below, rolling along is."""
    top, bottom = np.full(2, math.pi / 2), np.full(2, -math.pi / 2)
    above = wigner(*spinor(np.array([0.3, 1.2]), top, np.array([0.1, 1.0])), DEGREE, 3)
    below = wigner(*spinor(np.array([0.3, 1.2]), bottom, np.array([0.1, -0.8])), DEGREE, 3)
    np.testing.assert_allclose(above[0], above[1], atol=1e-9)
    np.testing.assert_allclose(below[0], below[1], atol=1e-9)
    for azimuth, elevation, roll in ((0.3, math.pi / 2, 0.1), (0.3, -math.pi / 2, 0.1)):
        sign = math.copysign(1, elevation)
        same = cam_from_person_rotation(azimuth + 0.9, elevation, roll + sign * 0.9)
        np.testing.assert_allclose(cam_from_person_rotation(azimuth, elevation, roll), same, atol=1e-12)


def test_turning_cameras_by_spinors_is_turning_them_by_matrices(angles, rng):
    turns = rng.normal(size=(len(angles[0]), 3))
    after = np.stack(angles_from_spinor(*turned(*spinor(*angles), turns)), axis=1)
    for before, turn, found in zip(np.stack(angles, axis=1), turns, after, strict=True):
        wanted = cam_from_person_rotation(*before) @ rotmat_from_rotvec(turn).T
        np.testing.assert_allclose(cam_from_person_rotation(*found), wanted, atol=1e-9)


def test_the_gradient_over_rotations_is_the_difference_quotient(angles, rng):
    a, b = spinor(*angles)
    turns, step = rng.normal(size=(len(a), 3)), 1e-6
    ahead, back = wigner(*turned(a, b, step * turns), DEGREE, 2), wigner(*turned(a, b, -step * turns), DEGREE, 2)
    slope = np.einsum("ntd,nd->nt", wigner_gradient(a, b, DEGREE, 2), turns)
    np.testing.assert_allclose(slope, (ahead - back) / (2 * step), atol=1e-6)


def test_without_roll_both_gradients_say_the_same(directions, angles):
    flat = harmonics_gradient(directions, 4)
    round_person = wigner_gradient(*spinor(*angles), 4, 0)
    for position, term in enumerate(wigner_terms(4, 0)):
        order = -term.m if term.imaginary else term.m
        wanted = np.cross(directions, flat[:, term.degree**2 + term.degree + order])
        np.testing.assert_allclose(round_person[:, position], wanted, atol=1e-10)


def test_directions_of_spinors_are_those_of_the_camera_room(directions, angles):
    a, b = spinor(*angles)
    azimuth, elevation, _ = angles_from_spinor(a, b)
    np.testing.assert_allclose(direction_from_angles(azimuth, elevation), directions, atol=1e-12)
