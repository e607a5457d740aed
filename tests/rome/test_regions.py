"""Regions of maximal error are where the analytic peaks are, at a pole and across the seam too."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from share_dist.camera import camera_columns
from share_dist.errors import BadSetting, DamagedFile
from share_dist.geometry import direction_from_angles
from share_dist.landscape import fit_landscape
from share_dist.rome import Regions, RomeConfig, find_regions
from share_dist.rome.graph import basins, neighbour_lists
from share_dist.rome.polish import heights_at, polished

PEAKS_DEG = {"above": (0.0, 90.0), "behind": (180.0, -10.0), "left": (70.0, 10.0)}
WORST_FIFTH = RomeConfig(quantile=0.8)


def angle_to_deg(region, name):
    """Degrees between a region's polished peak and a true one."""
    found = direction_from_angles(*np.radians([region.peak["azimuth_deg"], region.peak["elevation_deg"]]))
    true = direction_from_angles(*np.radians(PEAKS_DEG[name]))
    return np.degrees(np.arccos(np.clip(found @ true, -1, 1)))


def member_directions(region):
    columns = region.member_columns
    return direction_from_angles(np.radians(columns["azimuth_deg"]), np.radians(columns["elevation_deg"]))


@pytest.fixture(scope="module")
def regions(landscape, sphere_pool):
    return find_regions(landscape, sphere_pool, WORST_FIFTH)


def test_every_peak_is_one_region_and_nothing_else_is(regions):
    assert len(regions) == 3
    for region, name in zip(regions, ("above", "behind", "left"), strict=True):
        assert angle_to_deg(region, name) < 5.0
    assert [region.mass for region in regions] == sorted((region.mass for region in regions), reverse=True)
    assert sum(region.mass_share for region in regions) == pytest.approx(1.0)


def test_the_region_at_the_pole_holds_every_azimuth(regions):
    azimuths = regions[0].member_columns["azimuth_deg"]
    assert np.histogram(azimuths, bins=8, range=(-180, 180))[0].min() > 5
    assert regions[0].member_columns["elevation_deg"].min() > 30


def test_the_region_behind_lies_on_both_sides_of_the_seam(regions):
    azimuths = regions[1].member_columns["azimuth_deg"]
    assert (azimuths > 150).sum() > 20
    assert (azimuths < -150).sum() > 20


def test_regions_are_disjoint_and_hold_exactly_what_stands_above_the_level(regions, landscape, sphere_pool):
    heights = heights_at(landscape, landscape.points(sphere_pool), WORST_FIFTH.kappa)
    members = np.concatenate([region.members for region in regions])
    assert len(np.unique(members)) == len(members)
    assert heights[members].min() > regions.level
    above = np.flatnonzero(heights > regions.level)
    ripples = np.setdiff1d(above, members)
    assert len(ripples) <= 0.02 * len(above)
    for region in regions:
        np.testing.assert_allclose(region.excess, heights[region.members] - regions.level)
        assert region.mass == pytest.approx(region.excess.sum() / len(sphere_pool))


def test_a_polished_peak_is_no_lower_than_any_camera_of_its_region(regions, landscape):
    for region in regions:
        members = region.member_columns
        heights = landscape.mean(members) - WORST_FIFTH.kappa * landscape.deviation(members)
        assert region.peak_mm - WORST_FIFTH.kappa * region.peak_deviation_mm >= heights.max() - 1e-9


@pytest.mark.slow
def test_shallow_saddles_join_peaks_and_deep_ones_part_them(landscape, sphere_pool):
    low = RomeConfig(quantile=0.2)
    apart = find_regions(landscape, sphere_pool, low)
    assert len(apart) == 3
    joined = find_regions(landscape, sphere_pool, RomeConfig(quantile=0.2, merge_depth=1.0))
    assert len(joined) == 1
    assert angle_to_deg(joined[0], "above") < 5.0


@pytest.mark.slow
def test_nothing_leaves_the_valid_domain(landscape, floor_pool, standing):
    """Peaks below the floor are not climbed to, though the landscape would go on rising there."""
    regions = find_regions(landscape, floor_pool, WORST_FIFTH)
    points = landscape.points(floor_pool)
    uphill_all_the_way = polished(landscape, points[:200], points, kappa=-3.0)
    distance = uphill_all_the_way[:, 2]
    height_m = distance * np.sin(uphill_all_the_way[:, 1])
    assert distance.min() >= 1.2
    assert distance.max() <= 6.0
    # One spacing of the pool (about 10°) beyond the lowest camera is what "near a camera of the pool" allows.
    assert (height_m / distance).min() > (points[:, 2] * np.sin(points[:, 1]) / points[:, 2]).min() - 0.2
    for region in regions:
        assert region.peak["distance_m"] >= 1.2
        assert region.peak["distance_m"] * np.sin(np.radians(region.peak["elevation_deg"])) > standing.floor_m - 0.5


@pytest.mark.slow
def test_caution_takes_off_what_is_only_guessed(landscape, sphere_pool):
    bold = find_regions(landscape, sphere_pool, RomeConfig(quantile=0.8, kappa=0.0))
    wary = find_regions(landscape, sphere_pool, RomeConfig(quantile=0.8, kappa=2.0))
    assert wary.level < bold.level


def test_a_flat_landscape_has_no_regions(sphere_pool):
    count = 64
    rng = np.random.default_rng(0)
    table = {
        "azimuth_deg": rng.uniform(-180, 180, count),
        "elevation_deg": rng.uniform(-80, 80, count),
        "distance_m": rng.uniform(2, 4, count),
        "mpjpe_mm": np.full(count, 50.0),
    }
    flat = fit_landscape(table)
    assert len(find_regions(flat, sphere_pool, RomeConfig(kappa=0.0))) == 0


def test_json_gives_the_same_regions_back(regions):
    text = json.dumps(regions.to_json())
    assert json.dumps(Regions.from_json(json.loads(text)).to_json()) == text
    with pytest.raises(DamagedFile, match="repeat the command"):
        Regions.from_json({"format": "regions-v1"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"level": math.nan}, "'level'"),
        ({"pool_size": 0}, "'members' of a pool of 0"),
        ({"regions": 5}, "missing or wrong"),
        ({"regions": [5]}, "missing or wrong"),
        ({"excess": [math.inf]}, "'excess'"),
        ({"excess": []}, "'excess'"),
        ({"members": []}, "'members'"),
        ({"members": [10**30]}, "missing or wrong"),
        ({"peak_mm": math.nan}, "'peak or mass'"),
        ({"mass": "heavy"}, "missing or wrong"),
        ({"member_columns": {"azimuth_deg": [math.nan]}}, "'azimuth_deg'"),
    ],
)
def test_regions_whose_numbers_are_none_are_damaged(regions, change, words):
    whole = regions.to_json()
    one = whole["regions"][0] | {"members": [0], "excess": [1.0], "member_columns": {}}
    inner = change if change.keys() <= one.keys() else {}
    with pytest.raises(DamagedFile, match=words):
        Regions.from_json(whole | {"regions": [one | inner]} | ({} if inner else change))


def test_a_table_of_columns_is_as_good_a_pool_as_cameras(landscape, sphere_pool, regions):
    again = find_regions(landscape, camera_columns(sphere_pool), WORST_FIFTH)
    assert json.dumps(again.to_json()) == json.dumps(regions.to_json())


def test_a_pool_too_small_for_its_graph_is_refused(landscape, sphere_pool):
    with pytest.raises(BadSetting, match="raise rome.pool_size"):
        find_regions(landscape, sphere_pool[:10])


def test_the_graph_is_symmetric_and_knows_the_nearest():
    points = np.random.default_rng(0).normal(size=(200, 3))
    lists = neighbour_lists(points, 5)
    assert all(point in lists[other] for point in range(200) for other in lists[point])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(200)
    assert all(set(np.argsort(distances[point])[:5]) <= set(lists[point]) for point in range(200))
    assert all(point not in lists[point] for point in range(200))


def test_basins_on_a_line_split_at_saddles_deeper_than_asked():
    heights = np.array([1.0, 5.0, 3.0, 4.0, 0.5, 2.0, 1.8, 2.1])
    line = [np.array([n for n in (i - 1, i + 1) if 0 <= n < 8]) for i in range(8)]
    every = heights > 0.0
    assert set(basins(heights, every, line, 0.1)) == {1, 3, 5, 7}
    assert set(basins(heights, every, line, 0.3)) == {1, 3, 7}
    assert set(basins(heights, every, line, 1.0)) == {1, 7}
    assert set(basins(heights, every, line, 2.0)) == {1}
    level = basins(heights, heights > 1.0, line, 2.0)
    np.testing.assert_array_equal(level, [-1, 1, 1, 1, -1, 7, 7, 7])
