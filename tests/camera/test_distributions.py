"""The distributions' measured marginals against their definitions, and the rules of where a camera can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from share_dist.camera import (
    FRAME_SIZE_PX,
    AllCameras,
    Camera,
    CameraConfig,
    Clearance,
    CloseUp,
    Everyday,
    FullSphere,
    Lens,
    Space,
    aimed_at,
    camera_columns,
    camera_position,
    focal_px,
    points_in_camera,
    project,
)
from share_dist.errors import BadSetting

N = 2000


def person(floor_m: float = -0.95) -> Space:
    """A column of spheres as tall as a person, head and chest at SMPL's places."""
    points = np.zeros((24, 3), np.float32)
    points[:, 1] = np.linspace(floor_m + 0.1, 0.6, 24)
    points[15], points[9] = (0, 0.6, 0.02), (0, 0.3, 0)
    return Space(floor_m, points, np.full(24, 0.1, np.float32))


def drawn(distribution, space=None, count=N) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    cameras = [distribution.sample(rng, space or person()) for _ in range(count)]
    azimuth, elevation, distance, roll, right, up, fov, scale, shift, down = camera_columns(cameras).T
    return {
        "azimuth": np.degrees(azimuth), "elevation": np.degrees(elevation), "distance": distance,
        "roll": np.degrees(roll), "right": right, "up": up, "fov": np.degrees(fov), "scale": scale,
        "shift": shift, "down": down, "height": distance * np.sin(elevation),
    }  # fmt: skip


def fits(values: np.ndarray, cdf) -> bool:
    """Kolmogorov–Smirnov, fixed seed: false alarms cannot flicker."""
    return stats.kstest(values, cdf).pvalue > 0.01


@pytest.fixture(scope="module")
def everyday():
    return drawn(Everyday())


@pytest.fixture(scope="module")
def sphere():
    return drawn(FullSphere())


def test_everyday_azimuths_are_four_parts_front_and_one_part_any(everyday):
    normal = stats.norm(0, 60)

    def cdf(x):
        wrapped = sum(normal.cdf(x + 360 * k) - normal.cdf(-180 + 360 * k) for k in range(-3, 4))
        return 0.8 * wrapped + 0.2 * (x + 180) / 360

    assert fits(everyday["azimuth"], cdf)


def test_everyday_elevations_are_a_cut_off_normal(everyday):
    assert fits(everyday["elevation"], stats.truncnorm(-25 / 8, 25 / 8, 5, 8).cdf)
    assert everyday["elevation"].min() > -20
    assert everyday["elevation"].max() < 30


def test_everyday_distances_rolls_and_crops(everyday):
    assert fits(everyday["distance"], stats.uniform(3, 3).cdf)
    assert fits(everyday["roll"], stats.norm(0, 3).cdf)
    assert fits(everyday["scale"], stats.uniform(0.9, 0.25).cdf)
    assert fits(everyday["shift"], stats.norm(0, 0.03).cdf)
    assert fits(everyday["down"], stats.norm(0, 0.03).cdf)


def test_the_full_sphere_is_uniform_by_area(sphere):
    """Far from the person nothing is refused, so the definition holds exactly there."""
    far = drawn(FullSphere(distance_low_m=3.0))
    assert fits(far["azimuth"], stats.uniform(-180, 360).cdf)
    assert fits(np.sin(np.radians(far["elevation"])), stats.uniform(-1, 2).cdf)
    assert fits(np.log(far["distance"]), stats.uniform(math.log(3), math.log(2)).cdf)
    assert fits(far["roll"], stats.norm(0, 10).cdf)
    assert sphere["elevation"].min() < -70


def test_all_cameras_is_the_full_sphere_cut_off_at_the_floor():
    """Against brute force: uniform directions, log-uniform distances, those under the floor thrown away."""
    rng = np.random.default_rng(8)
    distance = 1.2 * (6 / 1.2) ** rng.random(20 * N)
    sine = rng.uniform(-1, 1, 20 * N)
    kept = distance * sine >= -0.95 + 0.1
    space = person()
    cameras = drawn(AllCameras(clearance=Clearance(body_m=None)), space)
    assert stats.ks_2samp(np.sin(np.radians(cameras["elevation"])), sine[kept]).pvalue > 0.01
    assert stats.ks_2samp(cameras["distance"], distance[kept]).pvalue > 0.01


def test_all_cameras_stand_above_the_floor_and_clear_of_the_body():
    space, rng = person(-0.3), np.random.default_rng(0)
    for _ in range(500):
        camera = AllCameras().sample(rng, space)
        place = camera_position(camera)
        assert place[1] >= -0.3 + 0.1 - 1e-9
        assert (np.linalg.norm(space.points_m - place, axis=1) - space.radii_m).min() >= 0.3
        assert 1.2 <= camera.distance_m <= 6


def test_full_sphere_goes_below_the_floor_but_not_into_the_body(sphere):
    assert (sphere["height"] < -0.95).mean() > 0.15
    assert sphere["distance"].min() >= 1.2


def test_a_close_up_looks_at_head_or_chest_from_an_arms_length():
    space, rng = person(), np.random.default_rng(0)
    at_head = 0
    for _ in range(300):
        camera = CloseUp().sample(rng, space)
        on_axis = [np.abs(points_in_camera(space.points_m[j : j + 1], camera)[0, :2]).max() < 1e-6 for j in (15, 9)]
        assert any(on_axis)
        target = space.points_m[15 if on_axis[0] else 9]
        assert 0.5 <= np.linalg.norm(camera_position(camera) - target) <= 1.2
        at_head += on_axis[0]
    assert 110 < at_head < 190


def test_aiming_at_a_point_keeps_place_and_target():
    target = np.array([0.1, 0.6, -0.05])
    (azimuth, elevation), distance, (right, up) = aimed_at(target, 0.5, 0.4, 0.9)
    camera = Camera(azimuth, elevation, distance, 0.2, right, up)
    np.testing.assert_allclose(points_in_camera(target[None], camera), [[0, 0, 0.9]], atol=1e-12)


def test_the_lens_holds_the_person_unless_it_would_be_too_wide():
    space, rng = person(), np.random.default_rng(1)
    widened = 0
    for _ in range(300):
        camera = AllCameras().sample(rng, space)
        degrees = math.degrees(camera.fov_rad)
        assert 40 <= degrees <= 120 + 1e-9
        widened += degrees > 70
        if degrees < 120 - 1e-9:
            pixels = project(points_in_camera(space.points_m, camera), focal_px(camera))
            assert (pixels >= 0).all()
            assert (pixels <= np.array(FRAME_SIZE_PX)).all()
    assert 20 < widened < 280


def test_a_lens_that_is_never_widened_keeps_its_range():
    fov = drawn(CloseUp(), count=300)["fov"]
    assert fov.min() >= 65
    assert fov.max() <= 90


def test_settings_narrow_the_search():
    config = CameraConfig(elevation_low_deg=20.0, elevation_high_deg=40.0, distance_low_m=2.0)
    cameras = drawn(config.target_distribution(), count=300)
    assert cameras["elevation"].min() >= 20
    assert cameras["elevation"].max() <= 40
    assert cameras["distance"].min() >= 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CameraConfig(elevation_high_deg=95.0), r"elevation_deg is -90.0…95.0.*-90…90"),
        (lambda: AllCameras(elevation_low_deg=-100.0), "all_cameras.elevation_deg"),
        (lambda: AllCameras(elevation_low_deg=10.0, elevation_high_deg=-10.0), "must rise"),
        (lambda: FullSphere(distance_low_m=-1.0), "full_sphere.distance_m"),
        (lambda: Everyday(any_share=20.0), r"everyday.any_share is 20.0.*0.2, not 20"),
        (lambda: CloseUp(head_share=-0.1), "close_up.head_share"),
        (lambda: Everyday(roll_sd_deg=-1.0), "never negative"),
        (lambda: Lens(low_deg=90.0, high_deg=60.0), "must rise"),
        (lambda: Lens(low_deg=1e-308), "lens.low_deg is 1e-308"),
        (lambda: Clearance(body_m=-0.1), "clearance.body_m"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(BadSetting, match=words):
        make()


def test_everyday_cameras_of_one_elevation_have_that_one():
    one = Everyday(elevation_mean_deg=40.0, elevation_sd_deg=0.0)
    assert math.degrees(one.sample(np.random.default_rng(0), person()).elevation_rad) == pytest.approx(30.0)


def test_a_person_who_leaves_no_room_is_an_error_after_a_bounded_number_of_tries():
    below = AllCameras(elevation_low_deg=-90.0, elevation_high_deg=-60.0)
    with pytest.raises(BadSetting, match=r"No camera of 'all_cameras-v1'.*after 1000 tries"):
        below.sample(np.random.default_rng(0), person())
