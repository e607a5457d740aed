"""Crops and the cameras inside them, against published numbers and round trips."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from share_dist.camera import (
    BOX_MARGIN,
    PRINCIPAL_PX,
    Camera,
    apply_affine,
    crop_box,
    crop_from_frame,
    focal_px,
    full_from_weak,
    inverse_affine,
    points_in_camera,
    project,
    translation_from_weak,
    weak_from_full,
)

PLAIN = Camera(0.0, 0.0, 3.0)


def test_the_crop_puts_the_boxs_centre_in_the_middle_and_its_corners_in_the_corners():
    affine = crop_from_frame((300.0, 200.0, 150.0), 96)
    corners = apply_affine(affine, np.array([[300.0, 200.0], [225.0, 125.0], [375.0, 275.0]]))
    np.testing.assert_allclose(corners, [[48, 48], [0, 0], [96, 96]], atol=1e-12)


def test_the_affine_maps_are_inverse():
    affine = crop_from_frame((311.0, 207.0, 133.0), 224)
    points = np.random.default_rng(0).uniform(0, 640, (20, 2))
    np.testing.assert_allclose(apply_affine(inverse_affine(affine), apply_affine(affine, points)), points, atol=1e-9)


def test_the_box_is_square_round_the_person_with_a_margin():
    cx, cy, side = crop_box(np.array([[300.0, 100.0], [340.0, 300.0]]), PLAIN)
    assert (cx, cy) == (320, 200)
    assert side == pytest.approx(200 * BOX_MARGIN)


def test_the_cameras_own_scale_and_shift_move_the_box():
    points = np.array([[300.0, 100.0], [340.0, 300.0]])
    cx, cy, side = crop_box(points, Camera(0, 0, 3, crop_scale=0.5, crop_right=0.1, crop_down=-0.2))
    assert side == pytest.approx(100 * BOX_MARGIN)
    assert (cx, cy) == pytest.approx((320 + 0.1 * side, 200 - 0.2 * side))


def test_what_the_frame_cuts_off_is_not_boxed():
    cx, cy, side = crop_box(np.array([[100.0, 240.0], [300.0, 4000.0]]), PLAIN)
    assert side == pytest.approx(240 * BOX_MARGIN)
    assert cy == pytest.approx(360)
    assert cx == pytest.approx(200)


def test_a_person_outside_the_frame_still_has_a_finite_crop():
    assert all(map(math.isfinite, crop_box(np.full((3, 2), -1e6), PLAIN)))


def test_spins_translation():
    tx, ty, tz = translation_from_weak(np.array([0.9, 0.1, -0.2]))
    assert (tx, ty) == (0.1, -0.2)
    assert tz == pytest.approx(49.60317, abs=1e-5)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_cliffs_full_camera(kind):
    """1920 × 1080, box (600, 700) of side 500, s = 0.9, t = (0.1, −0.05): a number from the released code."""
    focal = math.hypot(1920, 1080)
    full = full_from_weak(kind([0.9, 0.1, -0.05]), kind([600.0, 700.0, 500.0]), kind(focal), kind([960.0, 540.0]))
    assert np.asarray(full) == pytest.approx([-1.5, 0.661111, 9.790699], abs=2e-6)


def test_weak_and_full_are_inverse_in_batches():
    rng = np.random.default_rng(1)
    weak = np.stack([rng.uniform(0.3, 1.5, 40), *rng.normal(0, 0.2, (2, 40))], axis=1)
    boxes = np.stack([*rng.uniform(100, 500, (2, 40)), rng.uniform(50, 400, 40)], axis=1)
    focal, principal = rng.uniform(400, 1200, 40), np.tile(np.array(PRINCIPAL_PX), (40, 1))
    np.testing.assert_allclose(
        weak_from_full(full_from_weak(weak, boxes, focal, principal), boxes, focal, principal), weak, atol=1e-8
    )


def test_the_weak_camera_of_a_pelvis_projects_it_into_the_crop():
    """In the crop's own units, pelvis at s·(x + t) with x = 0, exactly as true perspective has it."""
    camera = Camera(0.4, 0.5, 2.5, 0.1, 0.15, -0.1, crop_scale=1.1)
    pelvis = points_in_camera(np.zeros((1, 3)), camera)
    pixel = project(pelvis, focal_px(camera))
    box = (350.0, 260.0, 210.0)
    weak = weak_from_full(pelvis[0], np.array(box), np.array(focal_px(camera)), np.array(PRINCIPAL_PX))
    in_crop = apply_affine(crop_from_frame(box, 224), pixel)[0]
    np.testing.assert_allclose(weak[0] * weak[1:] * 112 + 112, in_crop, atol=1e-6)


def test_weak_perspective_is_the_limit_of_far_cameras():
    """Doubling the distance halves the difference between the two."""
    cloud = np.random.default_rng(2).normal(0, 0.3, (50, 3))
    gaps = []
    for distance in (20.0, 40.0, 80.0):
        camera = Camera(0.0, 0.0, distance)
        points = points_in_camera(cloud, camera)
        weak = points[:, :2] / distance * focal_px(camera) + np.array(PRINCIPAL_PX)
        gaps.append(np.abs(project(points, focal_px(camera)) - weak).max() * distance / focal_px(camera))
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.05)
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.05)
