"""Camera poses and projection against what can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from share_dist.camera import (
    FRAME_SIZE_PX,
    PRINCIPAL_PX,
    Camera,
    cam_from_person,
    camera_position,
    camera_rotation,
    focal_px,
    fov_from_focal_px,
    points_in_camera,
    project,
)
from share_dist.errors import BadSetting
from share_dist.geometry import cam_from_person_rotation

PELVIS = np.zeros((1, 3))


def random_cameras(count: int = 50, **fixed: float) -> list[Camera]:
    rng = np.random.default_rng(0)
    drawn = [
        dict(
            azimuth_rad=rng.uniform(-math.pi, math.pi),
            elevation_rad=math.asin(rng.uniform(-1, 1)),
            distance_m=rng.uniform(0.5, 6),
            roll_rad=rng.normal(0, 0.5),
            offset_right_rad=rng.normal(0, 0.4),
            offset_up_rad=rng.normal(0, 0.4),
        )
        for _ in range(count)
    ]
    return [Camera(**(values | fixed)) for values in drawn]


def seen(point: tuple[float, float, float], camera: Camera) -> np.ndarray:
    return project(points_in_camera(np.array([point], float), camera), focal_px(camera))[0]


def test_every_camera_frame_is_a_rotation():
    for camera in random_cameras():
        rotation = camera_rotation(camera)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-12)


def test_the_frontal_camera_is_the_root_of_spins_mean_pose():
    np.testing.assert_allclose(camera_rotation(Camera(0.0, 0.0, 3.0)), np.diag([1, -1, -1]), atol=1e-15)


def test_from_the_persons_left_the_picture_runs_backwards():
    rotation = camera_rotation(Camera(math.pi / 2, 0.0, 3.0))
    np.testing.assert_allclose(rotation[0], [0, 0, -1], atol=1e-15)


@pytest.mark.parametrize("elevation", [-math.pi / 2, -1.0, 0.0, 0.7, math.pi / 2])
def test_it_agrees_with_the_geometry_room(elevation):
    for azimuth in np.linspace(-3, 3, 7):
        for roll in (-0.3, 0.0, 1.0):
            ours = camera_rotation(Camera(azimuth, elevation, 2.0, roll))
            np.testing.assert_allclose(ours, cam_from_person_rotation(azimuth, elevation, roll), atol=1e-14)


def test_the_pelvis_falls_on_the_principal_point():
    for camera in random_cameras(offset_right_rad=0.0, offset_up_rad=0.0):
        assert seen((0, 0, 0), camera) == pytest.approx(PRINCIPAL_PX, abs=1e-9)


def test_the_move_puts_the_camera_at_the_origin_and_the_pelvis_at_its_distance():
    for camera in random_cameras():
        rotation, translation = cam_from_person(camera)
        np.testing.assert_allclose(rotation @ camera_position(camera) + translation, 0, atol=1e-12)
        assert np.linalg.norm(translation) == pytest.approx(camera.distance_m)


@pytest.mark.parametrize("pole", [math.pi / 2, -math.pi / 2])
def test_the_frame_is_continuous_over_a_pole(pole):
    for azimuth in (-2.0, 0.0, 1.3):
        near, at = (camera_rotation(Camera(azimuth, e, 3.0)) for e in (pole * (1 - 1e-9), pole))
        np.testing.assert_allclose(near, at, atol=1e-8)


def test_a_full_turn_changes_nothing():
    np.testing.assert_allclose(
        camera_rotation(Camera(0.4, 0.3, 3.0)), camera_rotation(Camera(0.4 + math.tau, 0.3, 3.0)), atol=1e-14
    )


def test_a_dot_on_a_known_pixel():
    """3 m in front, 90° lens across the diagonal: f = 400 px; 0.3 m up and 0.6 m to the person's left."""
    camera = Camera(0.0, 0.0, 3.0, fov_rad=math.pi / 2)
    assert focal_px(camera) == pytest.approx(400)
    assert seen((0.6, 0.3, 0.0), camera) == pytest.approx([320 + 400 * 0.6 / 3, 240 - 400 * 0.3 / 3])


def test_from_above_the_head_covers_the_feet_and_is_nearer():
    camera = Camera(0.0, math.pi / 2, 3.0)
    points = points_in_camera(np.array([[0, 0.7, 0], [0, -0.9, 0], [0, 0, 0.5]]), camera)
    pixels = project(points, focal_px(camera))
    np.testing.assert_allclose(pixels[0], pixels[1], atol=1e-9)
    assert points[0, 2] == pytest.approx(2.3)
    assert pixels[2, 1] > pixels[0, 1], "what lies in front of the person is low in a picture from above"


def test_turning_the_axis_right_and_up_moves_the_person_left_and_down():
    camera = Camera(0.7, 0.2, 2.0, offset_right_rad=0.2, offset_up_rad=0.1)
    x, y = seen((0, 0, 0), camera)
    assert x < PRINCIPAL_PX[0]
    assert y > PRINCIPAL_PX[1]
    only_right = seen((0, 0, 0), Camera(0.7, 0.2, 2.0, offset_right_rad=0.2))
    assert only_right[0] == pytest.approx(320 - focal_px(camera) * math.tan(0.2))
    only_up = seen((0, 0, 0), Camera(0.7, 0.2, 2.0, offset_up_rad=0.1))
    assert only_up[1] == pytest.approx(240 + focal_px(camera) * math.tan(0.1))


def test_a_clockwise_roll_turns_the_picture_the_other_way():
    """The head, straight up in a level picture, moves to the left."""
    x, y = seen((0, 0.5, 0), Camera(0.0, 0.0, 3.0, roll_rad=0.3))
    assert x < 320
    assert y < 240


def test_points_behind_the_camera_stay_finite_and_on_their_side():
    camera = Camera(0.0, 0.0, 1.0)
    pixels = project(points_in_camera(np.array([[0.2, 0.0, 1.5]]), camera), focal_px(camera))
    assert np.isfinite(pixels).all()
    assert pixels[0, 0] > FRAME_SIZE_PX[0]


def test_lens_and_focal_length_are_inverse():
    for fov in (0.5, 0.96, 2.0):
        assert fov_from_focal_px(focal_px(Camera(0, 0, 1, fov_rad=fov))) == pytest.approx(fov)


def test_cliffs_default_lens_has_53_degrees():
    assert math.degrees(fov_from_focal_px(math.hypot(*FRAME_SIZE_PX))) == pytest.approx(53.13, abs=0.01)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (dict(elevation_rad=1.6), "elevation"),
        (dict(elevation_rad=float("nan")), "elevation"),
        (dict(distance_m=-1.0), "distance"),
        (dict(distance_m=0.0), "distance"),
        (dict(fov_rad=3.2), "field of view"),
        (dict(crop_scale=0.0), "crop scale"),
    ],
)
def test_a_camera_that_cannot_be_is_refused_by_name(values, word):
    with pytest.raises(BadSetting, match=word):
        Camera(**(dict(azimuth_rad=0.0, elevation_rad=0.0, distance_m=3.0) | values))
