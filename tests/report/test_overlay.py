from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from share_dist.losses import Truth, project_to_crop, translation_m
from share_dist.report import full_perspective, overlay, weak_perspective

GREY = np.full((32, 32, 3), 128, np.uint8)
SQUARE = np.array([[8.0, 8], [24, 8], [24, 24], [8, 24]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def test_a_square_covers_its_pixels_and_no_others():
    seen = overlay(GREY, SQUARE, np.zeros(4), FACES, size_px=64, opacity=1.0)
    touched = (seen != 128).any(-1)
    assert touched.shape == (64, 64)
    assert touched[17:47, 17:47].all()
    assert not touched[:16].any()
    assert not touched[:, 49:].any()


def test_what_is_nearer_hides_what_is_behind():
    both = np.concatenate([SQUARE, SQUARE])
    faces = np.concatenate([FACES, FACES + 4])
    # The back square is tilted, so that it would be shaded differently.
    back = np.array([10.0, 30, 30, 10])
    front_last = overlay(GREY, both, np.concatenate([back, np.zeros(4)]), faces, size_px=64)
    front_alone = overlay(GREY, SQUARE, np.zeros(4), FACES, size_px=64)
    np.testing.assert_array_equal(front_last[20:44, 20:44], front_alone[20:44, 20:44])


def test_winding_does_not_matter():
    one = overlay(GREY, SQUARE, np.zeros(4), FACES)
    other = overlay(GREY, SQUARE, np.zeros(4), FACES[:, ::-1])
    np.testing.assert_array_equal(one, other)


def test_a_mesh_outside_the_picture_or_not_finite_leaves_it_alone():
    beside = overlay(GREY, SQUARE + 500, np.zeros(4), FACES, size_px=32)
    lost = overlay(GREY, np.full((4, 2), np.nan), np.zeros(4), FACES, size_px=32)
    np.testing.assert_array_equal(beside, GREY)
    np.testing.assert_array_equal(lost, GREY)


def test_a_picture_is_never_made_smaller():
    assert overlay(np.zeros((300, 300, 3), np.uint8), SQUARE, np.zeros(4), FACES, size_px=96).shape == (300, 300, 3)


def test_weak_perspective_is_spins():
    """S/2 · (1 + s · (X + tx)): the origin with no shift is the middle; one metre is s half sides."""
    pixels, depth = weak_perspective(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 2]]), np.array([0.5, 0.1, -0.2]), 224)
    np.testing.assert_allclose(pixels, [[117.6, 100.8], [173.6, 100.8], [117.6, 156.8]])
    np.testing.assert_allclose(depth, [0, 0, 112])


@pytest.mark.parametrize("scale", [0.9, 0.3, -0.5])
def test_full_perspective_is_what_the_losses_train(scale):
    rng = np.random.default_rng(1)
    vertices = rng.uniform(-0.8, 0.8, (50, 3)).astype(np.float32)
    camera = np.array([scale, 0.07, -0.04], np.float32)
    records = SimpleNamespace(
        focal_px=np.array([1.0, 640.0], np.float32), principal_px=np.array([[0, 0], [320, 240]], np.float32),
        bbox_px=np.array([[0, 0, 1], [410, 200, 150]], np.float32),
        crop_from_frame=np.array([np.zeros((2, 3)), [[0.64, 0, -214.4], [0, 0.64, -80]]], np.float32),
    )  # fmt: skip
    pixels, depth = full_perspective(vertices, camera, records, 1)
    rows = {name: torch.as_tensor(value[1:]) for name, value in vars(records).items()}
    empty = dict.fromkeys(("pose", "betas", "joints_cam_m", "joints_px", "everyday"), torch.zeros(1))
    truth = Truth(**rows, **empty, crop_side_px=96)
    moved = torch.as_tensor(vertices)[None] + translation_m(torch.as_tensor(camera)[None], truth)[:, None]
    wanted = project_to_crop(moved, truth)[0].numpy()
    np.testing.assert_allclose(pixels, wanted, atol=2e-3)
    assert np.argmin(depth) == np.argmin(vertices[:, 2])


def test_what_is_behind_the_lens_is_left_out():
    records = SimpleNamespace(
        focal_px=np.array([500.0]), principal_px=np.array([[320.0, 240.0]]), bbox_px=np.array([[320.0, 240.0, 400.0]]),
        crop_from_frame=np.array([[[0.24, 0, -28.8], [0, 0.24, -9.6]]]),
    )  # fmt: skip
    pixels, depth = full_perspective(np.array([[0.0, 0, 0], [0, 0, -9]]), np.array([1.0, 0, 0]), records, 0)
    assert np.isfinite(pixels[0]).all()
    assert np.isnan(depth[1])
