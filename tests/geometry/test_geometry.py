"""Every convention of frames and rotations, checked against closed forms and another library."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from share_dist import geometry

RNG = np.random.default_rng(0)
ROTVECS = np.concatenate([RNG.normal(size=(200, 3)), RNG.normal(size=(50, 3)) * 1e-5, np.zeros((1, 3))])


def test_rodrigues_agrees_with_scipy_also_near_zero():
    expected = Rotation.from_rotvec(ROTVECS).as_matrix()
    np.testing.assert_allclose(geometry.rotmat_from_rotvec(ROTVECS), expected, atol=1e-12)


def test_each_matrix_has_the_same_bits_alone_and_in_a_batch():
    vectors = ROTVECS.astype(np.float32)
    together = geometry.rotmat_from_rotvec(vectors)
    alone = np.stack([geometry.rotmat_from_rotvec(vector) for vector in vectors])
    assert together.tobytes() == alone.tobytes()


def test_a_frontal_camera_flips_y_and_z_and_nothing_else():
    np.testing.assert_allclose(geometry.cam_from_person_rotation(0, 0), np.diag([1.0, -1.0, -1.0]), atol=1e-15)


def test_from_the_persons_left_the_camera_sees_minus_z_on_its_right():
    right = geometry.cam_from_person_rotation(math.pi / 2, 0)[0]
    np.testing.assert_allclose(right, [0, 0, -1], atol=1e-15)


@pytest.mark.parametrize("elevation", [-math.pi / 2, -1.0, 0.3, math.pi / 2])
def test_the_camera_frame_is_a_rotation_that_looks_at_the_pelvis(elevation):
    for azimuth in np.linspace(-4, 4, 9):
        rotation = geometry.cam_from_person_rotation(azimuth, elevation, 0.2)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
        assert np.linalg.det(rotation) == pytest.approx(1)
        position = geometry.direction_from_angles(np.float64(azimuth), np.float64(elevation))
        np.testing.assert_allclose(rotation @ -position, [0, 0, 1], atol=1e-14)


def test_the_frame_is_continuous_at_the_pole():
    below = geometry.cam_from_person_rotation(1.0, math.pi / 2 - 1e-7)
    np.testing.assert_allclose(below, geometry.cam_from_person_rotation(1.0, math.pi / 2), atol=2e-7)


def test_directions_and_angles_are_inverse():
    azimuth, elevation = RNG.uniform(-np.pi, np.pi, 100), RNG.uniform(-1.5, 1.5, 100)
    back = geometry.angles_from_direction(geometry.direction_from_angles(azimuth, elevation))
    np.testing.assert_allclose(back, [azimuth, elevation], atol=1e-9)


def test_the_fibonacci_sphere_is_even_by_area():
    points = geometry.fibonacci_directions(4000)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-12)
    shares = np.histogram(points[:, 1], bins=8, range=(-1, 1))[0] / 4000
    np.testing.assert_allclose(shares, 1 / 8, atol=1e-3)


def test_rotation_angle_is_exact_at_both_ends():
    angles = np.array([0.0, 1e-6, 1.0, math.pi - 1e-6, math.pi])
    rotations = Rotation.from_rotvec(angles[:, None] * np.array([[0.6, 0.0, 0.8]])).as_matrix()
    measured = geometry.rotation_angle_rad(np.broadcast_to(np.eye(3), rotations.shape), rotations)
    np.testing.assert_allclose(measured, angles, atol=1e-9)


# The two published 6-D layouts of one rotation, axis-angle (.3, −.2, .5).
ROTMAT = [[0.859534, -0.497992, -0.114917], [0.439868, 0.835316, -0.329794], [0.260227, 0.232921, 0.937032]]
ROWS = [0.859534, -0.497992, 0.439868, 0.835316, 0.260227, 0.232921]
COLUMNS = [0.859534, 0.439868, 0.260227, -0.497992, 0.835316, 0.232921]


def test_the_two_sixd_layouts_match_their_published_values():
    rotmat = torch.tensor(ROTMAT)
    torch.testing.assert_close(geometry.sixd_rows_from_rotmat(rotmat), torch.tensor(ROWS))
    torch.testing.assert_close(geometry.sixd_columns_from_rotmat(rotmat), torch.tensor(COLUMNS))
    torch.testing.assert_close(geometry.rotmat_from_sixd_rows(torch.tensor(ROWS)), rotmat, atol=2e-6, rtol=0)
    torch.testing.assert_close(geometry.rotmat_from_sixd_columns(torch.tensor(COLUMNS)), rotmat, atol=2e-6, rtol=0)


def test_any_sixd_becomes_a_rotation_and_scaling_its_columns_changes_nothing():
    sixd = torch.tensor(RNG.normal(size=(64, 6)), dtype=torch.float64)
    rotmat = geometry.rotmat_from_sixd_rows(sixd)
    torch.testing.assert_close(rotmat @ rotmat.mT, torch.eye(3, dtype=torch.float64).expand(64, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotmat), torch.ones(64, dtype=torch.float64))
    scaled = sixd * torch.tensor([2.0, 3.0] * 3, dtype=torch.float64)
    torch.testing.assert_close(geometry.rotmat_from_sixd_rows(scaled), rotmat)
