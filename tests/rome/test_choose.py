"""RoME and its rivals: the same call, the same budget, the cameras they promise."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from share_dist.camera import (
    AllCameras,
    Everyday,
    FullSphere,
    Mixture,
    Points,
    distribution_from_json,
    low_discrepancy_pool,
    to_json,
)
from share_dist.errors import BadSetting
from share_dist.geometry import direction_from_angles
from share_dist.landscape import LandscapeConfig, fit_landscape
from share_dist.rome import RomeConfig, choose_cameras, find_regions, greedy_weights, region_shares, rome_weights
from share_dist.seeds import stream

pytestmark = pytest.mark.slow

PEAKS_DEG = {"above": (0.0, 90.0), "behind": (180.0, -10.0), "left": (70.0, 10.0)}
BUDGET = 400


def drawn(distribution, space, seed=0):
    """The same number of cameras for every method."""
    return [distribution.sample(stream(seed, "cameras", i), space) for i in range(BUDGET)]


def share_near(cameras, name, within_deg=30.0):
    u = direction_from_angles(np.array([c.azimuth_rad for c in cameras]), np.array([c.elevation_rad for c in cameras]))
    towards = direction_from_angles(*np.radians(PEAKS_DEG[name]))
    return float(np.mean(u @ towards > math.cos(math.radians(within_deg))))


@pytest.fixture(scope="module")
def chosen(landscape, sphere_pool, standing):
    """Cameras by method, equal budgets."""
    methods = ("rome", "greedy", "uniform", "everyday")
    return {
        method: drawn(choose_cameras(landscape, sphere_pool, FullSphere(), RomeConfig(method=method)), standing)
        for method in methods
    }


def test_rome_shows_harder_views_than_uniform_and_everyday(chosen, landscape):
    error = {method: float(landscape.mean(cameras).mean()) for method, cameras in chosen.items()}
    assert error["greedy"] > error["rome"] > error["uniform"] + 10
    assert error["rome"] > error["everyday"] + 10
    assert {len(cameras) for cameras in chosen.values()} == {BUDGET}


def test_rome_covers_every_peak_and_greedy_only_one(chosen):
    assert all(share_near(chosen["rome"], name) > 0.08 for name in PEAKS_DEG)
    assert share_near(chosen["greedy"], "above") > 0.95
    assert share_near(chosen["greedy"], "behind") + share_near(chosen["greedy"], "left") < 0.02


@pytest.mark.parametrize("method", ["rome", "greedy"])
def test_chosen_cameras_may_stand_wherever_the_target_lets_them(method, standing):
    """The only peak is straight below, where a floor would be; the full sphere has none."""
    target = FullSphere()
    pool = low_discrepancy_pool(target, [standing], 3000, 0)
    columns = np.degrees([(camera.azimuth_rad, camera.elevation_rad) for camera in pool]).T
    table = {
        "azimuth_deg": columns[0],
        "elevation_deg": columns[1],
        "distance_m": np.array([c.distance_m for c in pool]),
    }
    table["mpjpe_mm"] = 100.0 - table["elevation_deg"] + np.random.default_rng(1).normal(size=3000)
    config = RomeConfig(method=method, explore_share=0.0)
    chosen = choose_cameras(fit_landscape(table, LandscapeConfig(uneven_noise=False)), pool, target, config)
    heights_m = [camera.distance_m * math.sin(camera.elevation_rad) for camera in drawn(chosen, standing)]
    assert np.mean(np.array(heights_m) < standing.floor_m) > 0.8


def test_the_rivals_are_what_their_names_say(landscape, sphere_pool):
    target = FullSphere()
    assert choose_cameras(landscape, sphere_pool, target, RomeConfig(method="uniform")) is target
    assert choose_cameras(landscape, sphere_pool, target, RomeConfig(method="everyday")) == Everyday()
    weights = greedy_weights(landscape, sphere_pool, RomeConfig(kappa=0.0))
    top = np.argsort(-landscape.mean(sphere_pool))[: math.ceil(0.01 * len(sphere_pool))]
    assert set(np.flatnonzero(weights)) == set(top)
    assert weights.sum() == pytest.approx(1.0)


def test_probabilities_sum_to_one_and_go_with_the_excess(landscape, sphere_pool):
    regions = find_regions(landscape, sphere_pool, RomeConfig(quantile=0.7))
    weights = rome_weights(regions, temperature=1.0)
    assert weights.sum() == pytest.approx(1.0)
    members = np.concatenate([region.members for region in regions])
    excess = np.concatenate([region.excess for region in regions])
    # At temperature 1 regions do not matter: plain excess-proportional sampling above the level.
    np.testing.assert_allclose(weights[members], excess / excess.sum())
    assert np.count_nonzero(weights) == len(members)


def test_temperature_runs_from_the_worst_region_alone_to_all_alike():
    masses = np.array([8.0, 2.0, 1.0])
    np.testing.assert_allclose(region_shares(masses, 1.0), masses / 11)
    np.testing.assert_allclose(region_shares(masses, 0.0), [1, 0, 0])
    np.testing.assert_allclose(region_shares(masses, math.inf), [1 / 3] * 3)
    np.testing.assert_allclose(region_shares(masses, 1e-3), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(region_shares(masses, 1e6), [1 / 3] * 3, atol=1e-5)
    np.testing.assert_allclose(region_shares(masses * 1e-300, 1e-3), [1, 0, 0], atol=1e-12)


def test_exploration_draws_from_the_target_itself(landscape, sphere_pool):
    target = FullSphere()
    mixed = choose_cameras(landscape, sphere_pool, target, RomeConfig(explore_share=0.3))
    assert isinstance(mixed, Mixture)
    assert mixed.parts[1] == target
    assert mixed.weights == pytest.approx((0.7, 0.3))
    assert isinstance(choose_cameras(landscape, sphere_pool, target, RomeConfig(explore_share=0.0)), Points)
    assert choose_cameras(landscape, sphere_pool, target, RomeConfig(explore_share=1.0)) is target


@pytest.mark.parametrize("method", ["rome", "greedy", "uniform", "everyday"])
def test_a_choice_is_stored_by_name_and_numbers(landscape, floor_pool, standing, method):
    distribution = choose_cameras(landscape, floor_pool, AllCameras(), RomeConfig(method=method))
    text = json.dumps(to_json(distribution))
    again = distribution_from_json(json.loads(text))
    assert json.dumps(to_json(again)) == text
    for i in range(20):
        first, second = (d.sample(stream(1, "cameras", i), standing) for d in (distribution, again))
        assert first == second


def test_the_same_survey_gives_the_same_cameras(landscape, floor_pool):
    one, other = (to_json(choose_cameras(landscape, floor_pool, AllCameras())) for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


def test_cameras_keep_above_the_floor_and_within_the_targets_distances(landscape, floor_pool, standing):
    cameras = drawn(choose_cameras(landscape, floor_pool, AllCameras()), standing)
    heights = np.array([camera.distance_m * math.sin(camera.elevation_rad) for camera in cameras])
    assert heights.min() >= standing.floor_m + 0.1 - 1e-9
    assert min(camera.distance_m for camera in cameras) >= 1.2 - 1e-9
    assert max(camera.distance_m for camera in cameras) <= 6.0 + 1e-9


def test_on_a_flat_landscape_rome_is_uniform(sphere_pool):
    columns = {"azimuth_deg": np.linspace(-180, 180, 64), "elevation_deg": np.linspace(-80, 80, 64)}
    flat = fit_landscape(columns | {"distance_m": np.full(64, 3.0), "mpjpe_mm": np.full(64, 50.0)})
    target = FullSphere()
    chosen = choose_cameras(flat, sphere_pool[:500], target, RomeConfig(kappa=0.0))
    assert chosen is target


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("explore_share", 20.0),
        ("quantile", -0.1),
        ("quantile", 1.0),
        ("temperature", -1.0),
        ("temperature", math.nan),
        ("kappa", math.inf),
        ("merge_depth", 2.0),
        ("neighbours", 1),
        ("pool_size", 5),
        ("kernel_deg", -1.0),
        ("greedy_share", 0.0),
    ],
)
def test_a_setting_out_of_range_names_itself(setting, value):
    with pytest.raises(BadSetting, match=f"rome.{setting} is"):
        RomeConfig(**{setting: value})
