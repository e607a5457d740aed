"""Grids, points and mixtures; pools; JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from share_dist.camera import (
    CAMERA_COLUMNS,
    CAMERA_FACTORS,
    AllCameras,
    Camera,
    Clearance,
    CloseUp,
    Everyday,
    FullSphere,
    Grid,
    Kernel,
    Mixture,
    Points,
    Space,
    camera_columns,
    cameras_from_columns,
    distribution_from_json,
    low_discrepancy_pool,
    table_columns,
    to_json,
)
from share_dist.errors import BadSetting
from share_dist.geometry import direction_from_angles
from tests.camera.test_distributions import person

TWO = Points([Camera(0.0, 0.3, 2.0), Camera(2.0, 1.0, 4.0, 0.2)], [3.0, 1.0])
EVERY_KIND = (
    Everyday(),
    AllCameras(distance_high_m=4.0),
    FullSphere(),
    CloseUp(head_share=1.0),
    Grid(elevations_deg=(0.0, 45.0)),
    TWO,
    Mixture((TWO, Mixture((Everyday(), FullSphere()), (0.25, 0.75))), (0.7, 0.3)),
)


def some(distribution, count: int, space: Space | None = None, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return camera_columns([distribution.sample(rng, space or person()) for _ in range(count)])


@pytest.mark.parametrize("distribution", EVERY_KIND, ids=lambda d: d.NAME)
def test_json_round_trip_draws_the_same_cameras(distribution):
    again = distribution_from_json(json.loads(json.dumps(to_json(distribution))))
    assert again == distribution
    assert to_json(again) == to_json(distribution)
    np.testing.assert_array_equal(some(again, 20), some(distribution, 20))


def test_names_carry_versions():
    assert [d.NAME for d in EVERY_KIND] == [
        "everyday-v1", "all_cameras-v1", "full_sphere-v1", "close_up-v1", "grid-v1", "points-v1", "mixture-v1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"name": "everday-v1"}, "did you mean 'everyday-v1'"),
        ({"name": "all_cameras-v9"}, "all_cameras-v1"),
        ({"name": "everyday-v1", "front_sd": 3}, "did you mean 'front_sd_deg'"),
        ({"name": "mixture-v1"}, "lacks a number"),
        ({"name": "all_cameras-v1", "elevation_high_deg": 99}, "elevation_deg"),
    ],
)
def test_json_of_another_release_is_refused_by_name(content, words):
    with pytest.raises(BadSetting, match=words):
        distribution_from_json(content)


def test_points_keep_their_weights_and_their_kernel():
    angles = some(Points(np.asarray(TWO.cameras), TWO.weights, Kernel(direction_deg=4.0)), 2500)
    directions = direction_from_angles(angles[:, 0], angles[:, 1])
    first = direction_from_angles(np.float64(0.0), np.float64(0.3))
    near = np.degrees(np.arccos(np.clip(directions @ first, -1, 1)))
    mine = near < 40
    assert mine.mean() == pytest.approx(0.75, abs=0.02)
    assert stats.kstest(near[mine], stats.rayleigh(scale=4.0).cdf).pvalue > 0.01
    assert np.log(angles[mine, 2] / 2.0).std() == pytest.approx(0.05, rel=0.1)


def test_a_kernel_at_a_pole_covers_all_azimuths():
    pole = Points([Camera(0.0, math.pi / 2, 3.0)], [1.0], clearance=Clearance(floor_m=None))
    columns = some(pole, 1000)
    assert stats.kstest(columns[:, 0], stats.uniform(-math.pi, math.tau).cdf).pvalue > 0.01
    assert columns[:, 1].min() > math.radians(65)


def test_points_never_leave_the_distances_of_all_cameras():
    edge = Points([Camera(0.0, 0.0, 6.0), Camera(0.0, 0.5, 1.2)], [1.0, 1.0], Kernel(log_distance=0.5))
    columns = some(edge, 500)
    assert columns[:, 2].min() >= 1.2
    assert columns[:, 2].max() <= 6.0


def test_points_below_a_lying_persons_floor_are_raised_not_fatal():
    low = Points([Camera(1.0, math.radians(-15), 3.0)], [1.0])
    standing, lying = some(low, 50), some(low, 50, person(-0.15))
    assert (standing[:, 1] < 0).all()
    assert (lying[:, 2] * np.sin(lying[:, 1]) >= -0.05 - 1e-9).all()
    # Raised by steps of two or three degrees, no higher than needed.
    assert (lying[:, 1] < math.radians(5)).all()


def test_points_that_nothing_raises_into_room_are_an_error_with_the_true_count_of_tries():
    everywhere_near = Points([Camera(0.0, 0.0, 3.0)], [1.0], clearance=Clearance(body_m=10.0))
    with pytest.raises(BadSetting, match=r"No camera of 'points-v1'.*after 100 tries"):
        everywhere_near.sample(np.random.default_rng(0), person())


def test_mixtures_keep_their_shares_for_every_person():
    """Also where a part is often refused: half the person's cameras are level, whatever the floor."""
    level = Grid(elevations_deg=(0.0,), distances_m=(5.0,))
    mixed = Mixture((AllCameras(distance_low_m=1.3, distance_high_m=4.9), level), (1.0, 1.0))
    columns = some(mixed, 1500, person(-0.15))
    assert (columns[:, 2] == 5.0).mean() == pytest.approx(0.5, abs=0.03)


def test_grid_cells_are_equally_likely():
    grid = Grid(azimuths_deg=(0.0, 90.0, 180.0), elevations_deg=(-30.0, 30.0), distances_m=(2.0, 4.0))
    cells, counts = np.unique(some(grid, 1800)[:, :3].round(9), axis=0, return_counts=True)
    assert len(cells) == 12
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Points([], []), "at least one point"),
        (lambda: Points([Camera(0, 0, 2)], [1.0, 2.0]), "shape"),
        (lambda: Points([Camera(0, 0, 2)], [-1.0]), "no weight negative"),
        (lambda: Points(np.full((1, 10), np.nan), [1.0]), "finite"),
        (lambda: Mixture((Everyday(),), (1.0, 2.0)), "one each"),
        (lambda: Mixture((Everyday(),), (0.0,)), "must be above 0"),
        (lambda: Grid(elevations_deg=(120.0,)), "grid.elevation_deg"),
        (lambda: Grid(azimuths_deg=()), "at least one"),
        (lambda: Kernel(direction_deg=-1.0), "negative spread"),
    ],
)
def test_choices_that_cannot_be_are_refused(make, words):
    with pytest.raises(BadSetting, match=words):
        make()


def test_the_pool_has_the_measure_of_the_distribution_but_spreads_more_evenly():
    spaces = [person(floor) for floor in (-1.0, -0.9, -0.2)]
    pool = camera_columns(low_discrepancy_pool(AllCameras(), spaces, 768, seed=0))
    rng = np.random.default_rng(0)
    drawn = camera_columns([AllCameras().sample(rng, spaces[i % 3]) for i in range(2500)])
    for column in (0, 1, 2, 3):
        assert stats.ks_2samp(pool[:, column], drawn[:, column]).pvalue > 0.01
    even = [stats.kstest(some(FullSphere(), 512, seed=s)[:, 0], stats.uniform(-math.pi, math.tau).cdf).statistic
            for s in range(3)]  # fmt: skip
    sobol = camera_columns(low_discrepancy_pool(FullSphere(), [person()], 512, seed=0))[:, 0]
    assert stats.kstest(sobol, stats.uniform(-math.pi, math.tau).cdf).statistic < min(even)


def test_the_pool_is_the_same_for_the_same_seed_and_obeys_each_persons_floor():
    spaces = [person(-0.9), person(-0.2)]
    first, again, other = (low_discrepancy_pool(AllCameras(), spaces, 100, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for i, camera in enumerate(first):
        assert camera.distance_m * math.sin(camera.elevation_rad) >= spaces[i % 2].floor_m + 0.1 - 1e-9


def test_a_pool_without_people_or_room_is_refused():
    with pytest.raises(BadSetting, match="at least one of each"):
        low_discrepancy_pool(AllCameras(), [], 10, 0)
    with pytest.raises(BadSetting, match="No camera"):
        low_discrepancy_pool(AllCameras(elevation_high_deg=-70.0), [person()], 10, 0)


def test_columns_read_cameras_and_tables_alike():
    cameras = low_discrepancy_pool(CloseUp(), [person()], 16, 0)
    columns = camera_columns(cameras)
    assert columns.shape == (16, len(CAMERA_COLUMNS))
    assert cameras_from_columns(columns) == cameras
    np.testing.assert_allclose(camera_columns(table_columns(cameras)), columns, atol=1e-14)
    with pytest.raises(BadSetting, match="azimuth_deg"):
        camera_columns({"elevation_deg": np.zeros(3)})


def test_every_factor_names_columns_that_exist():
    named = [column for factor in CAMERA_FACTORS for column in factor.columns]
    assert sorted(named) == sorted(CAMERA_COLUMNS)
    assert all(factor.low < factor.high for factor in CAMERA_FACTORS)
