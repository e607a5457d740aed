"""Every kind of factor is an axis with the same manners; terms are chosen by total order."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from share_dist.camera import Factor
from share_dist.errors import BadSetting
from share_dist.landscape import ROTATION, LandscapeConfig, make_basis
from share_dist.landscape.axes import make_axis, read_points

CONFIG = LandscapeConfig(direction_degree=3, roll_degree=2, periodic_degree=3, interval_degree=3)
FACTORS = [
    Factor("direction", "sphere", -90, 90),
    ROTATION,
    Factor("light", "periodic", -math.pi, math.pi, ("light_azimuth_rad",)),
    Factor("distance", "interval", 1.2, 6.0, ("distance_m",)),
    Factor("occlusion", "interval", 0.0, 0.5),
    Factor("family", "category", 2, 6),
]


def even_points(factor, count=4096):
    return make_basis([factor], CONFIG, 400).uniform(count)


@pytest.mark.parametrize("factor", FACTORS, ids=lambda factor: factor.name)
def test_functions_are_orthonormal_under_the_uniform_measure(factor):
    values = make_axis(factor, CONFIG).values(even_points(factor))
    # 4,096 low-discrepancy points integrate these low degrees to a per cent.
    np.testing.assert_allclose(values.T @ values / len(values), np.eye(values.shape[1]), atol=0.03)
    np.testing.assert_array_equal(values[:, 0], 1.0)


@pytest.mark.parametrize("factor", FACTORS, ids=lambda factor: factor.name)
def test_slopes_are_what_a_small_move_changes(factor):
    axis = make_axis(factor, CONFIG)
    points = even_points(factor, 64)
    slopes = axis.slopes(points)
    rng = np.random.default_rng(0)
    step = rng.normal(size=(64, slopes.shape[2])) * 1e-5
    if factor.kind == "sphere":
        u = axis.embedded(points)
        step -= (step * u).sum(axis=1, keepdims=True) * u
    change = axis.values(axis.moved(points, step)) - axis.values(axis.moved(points, -step))
    np.testing.assert_allclose(change / 2, np.einsum("nfs,ns->nf", slopes, step), atol=1e-8)


@pytest.mark.parametrize("factor", FACTORS[3:5], ids=lambda factor: factor.name)
def test_no_step_leaves_a_range(factor):
    axis = make_axis(factor, CONFIG)
    moved = axis.moved(even_points(factor, 64), np.full((64, 1), 100.0))
    np.testing.assert_allclose(moved, factor.high)
    assert np.all(axis.slopes(moved)[:, :, 0] == 0.0)


def test_beyond_its_range_a_factor_keeps_the_value_of_its_end():
    axis = make_axis(FACTORS[3], CONFIG)
    np.testing.assert_allclose(axis.values(np.array([[0.5]])), axis.values(np.array([[1.2]])))


def test_angles_are_read_in_degrees_or_radians():
    axis = make_axis(FACTORS[2], CONFIG)
    np.testing.assert_allclose(read_points(axis, {"light_azimuth_deg": [90.0]}), [[math.pi / 2]])
    np.testing.assert_allclose(read_points(axis, {"light_azimuth_rad": [1.0]}), [[1.0]])


def test_near_in_the_embedding_is_near_in_angle_and_log_distance():
    basis = make_basis([FACTORS[0], FACTORS[3]], CONFIG, 50)
    table = {"azimuth_deg": np.array([179.0, -179.0, 0, 0]), "elevation_deg": np.zeros(4), "distance_m": [2, 2, 2, 2.2]}
    points = basis.embedded(basis.points(table))
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(math.radians(2), rel=1e-3)
    assert np.linalg.norm(points[2] - points[3]) == pytest.approx(math.log(1.1), rel=1e-9)


def test_cameras_a_small_turn_apart_are_near_in_the_rotations_embedding():
    axis = make_axis(ROTATION, CONFIG)
    points = even_points(ROTATION, 64)
    turn = np.random.default_rng(1).normal(size=(64, 3)) * 1e-3
    distance = np.linalg.norm(axis.embedded(axis.moved(points, turn)) - axis.embedded(points), axis=1)
    np.testing.assert_allclose(distance, np.linalg.norm(turn, axis=1), rtol=1e-4)


def test_terms_are_whole_shells_of_lowest_order_and_never_exceed_their_number():
    basis = make_basis([FACTORS[0], FACTORS[3]], LandscapeConfig(), 400)
    assert 350 <= len(basis.terms) <= 400
    assert not basis.terms[0].any()
    assert set(basis.groups) == {"direction", "distance", "direction × distance"}
    assert len(basis.groups["direction"]) == 120
    assert len(basis.groups["distance"]) == 3
    few = make_basis([FACTORS[0]], LandscapeConfig(), 15)
    assert len(few.terms) == 9  # degrees 0, 1, 2; degree 3 would make 16


def test_three_factors_join_in_pairs_only():
    basis = make_basis([FACTORS[0], FACTORS[2], FACTORS[3]], CONFIG, 1000)
    assert max((term != 0).sum() for term in basis.terms) == 2


def test_bad_factors_are_named():
    ring = dataclasses.replace(FACTORS[0])
    object.__setattr__(ring, "kind", "ring")  # as a stored file may say it, past the checked signature
    with pytest.raises(BadSetting, match="kind 'ring'"):
        make_axis(ring, CONFIG)
    with pytest.raises(BadSetting, match="each once"):
        make_basis([FACTORS[0], FACTORS[0]], CONFIG, 10)
    with pytest.raises(BadSetting, match="lower end must be below"):
        make_axis(Factor("x", "interval", 2.0, 1.0), CONFIG)
    with pytest.raises(BadSetting, match="its categories are 2…6"):
        read_points(make_axis(FACTORS[5], CONFIG), {"family": np.array([2.0, 7.0])})
    with pytest.raises(BadSetting, match="number its categories"):
        read_points(make_axis(FACTORS[5], CONFIG), {"family": np.array(["standing"])})
    with pytest.raises(BadSetting, match="has 1 columns"):
        make_axis(dataclasses.replace(FACTORS[0], columns=("azimuth_rad",)), CONFIG)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("direction_degree", 0), ("max_terms", 5000), ("smoothness", ()), ("smoothness", (-1.0,)), ("noise_terms", 500)],
)
def test_a_setting_out_of_range_names_itself(setting, value):
    with pytest.raises(BadSetting, match=f"landscape.{setting} is"):
        LandscapeConfig(**{setting: value})
