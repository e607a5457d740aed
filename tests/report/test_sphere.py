from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from share_dist.geometry import angles_from_direction, fibonacci_directions
from share_dist.report import SphereSample, Story, SurveyRows
from share_dist.report.sphere import (
    COLUMNS,
    ROWS,
    curves,
    error_range,
    grid_directions,
    hardest_direction,
    onto_grid,
    tail,
)

DIRECTIONS = fibonacci_directions(4096)


def rows_at(azimuth, elevation, error) -> SurveyRows:
    n = len(azimuth)
    return SurveyRows(azimuth_deg=np.asarray(azimuth, float), elevation_deg=np.asarray(elevation, float),
                      distance_m=np.linspace(1, 4, n), before_mm=np.asarray(error, float),
                      after_mm=np.asarray(error, float) / 2)  # fmt: skip


def test_the_grid_starts_above_and_goes_from_behind_by_the_right_to_the_front():
    grid = grid_directions()
    assert grid.shape == (ROWS, COLUMNS, 3)
    np.testing.assert_allclose(grid[0, 7], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(grid[ROWS // 2, 0], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(grid[ROWS // 2, COLUMNS // 4], [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(grid[ROWS // 2, COLUMNS // 2], [0, 0, 1], atol=1e-12)


def test_a_smooth_landscape_survives_the_grid():
    """Peaks 20° wide and 200 mm high, one at the pole and one across the azimuth seam, are kept within 2 mm."""

    def hills(x):
        pole, seam = np.array([0, 1.0, 0]), np.array([0.02, 0, -1.0])
        return 80 + 200 * np.exp(8 * (x @ pole - 1)) + 200 * np.exp(8 * (x @ seam - 1))

    np.testing.assert_allclose(onto_grid(DIRECTIONS, hills(DIRECTIONS)), hills(grid_directions()), atol=2.0)


def test_unknown_points_leave_a_hole_and_do_not_spread():
    values = np.where(DIRECTIONS[:, 1] > 0.5, np.nan, 100.0)
    grid = onto_grid(DIRECTIONS, values)
    assert np.isnan(grid[:18]).all()
    np.testing.assert_allclose(grid[24:], 100.0)


def test_the_page_opens_on_the_worst_reachable_place():
    worst = np.argmax(DIRECTIONS @ np.array([0.6, 0.0, -0.8]))
    mean = np.zeros(4096)
    mean[worst] = 200.0
    mean[-1] = 999.0  # straight below, under the floor
    sample = SphereSample(mean_mm=mean, deviation_mm=mean)
    story = Story(summary={}, directions=DIRECTIONS, before=sample, after=sample, reachable=DIRECTIONS[:, 1] > -0.4)
    azimuth, _ = angles_from_direction(DIRECTIONS[worst])
    assert hardest_direction(story)[0] == pytest.approx(np.degrees(azimuth))
    assert error_range(story) == (0.0, 200.0)
    assert error_range(dataclasses.replace(story, before=None, after=None)) == (0.0, 100.0)


def test_a_curve_holds_mean_standard_error_and_quantiles_of_each_bin():
    errors = np.array([10.0, 20, 30, 40, 500, 600])
    curve = curves(rows_at([0] * 6, [31, 32, 33, 34, 51, 52], errors))[0]
    filled = {float(edge): bin for edge, bin in zip(curve["edges"], curve["before"], strict=False)}
    mean, error, low, high = filled[30.0]
    assert mean == 25.0
    assert error == pytest.approx(np.std([10, 20, 30, 40], ddof=1) / 2)
    assert (low, high) == pytest.approx((13.0, 37.0))
    assert filled[50.0] is None  # two views are no curve
    assert curve["views"].sum() == 6


def test_azimuth_is_periodic():
    """180°, −180° and 540° are one place."""
    curve = curves(rows_at([180, -180, 540, 181], [0] * 4, [50.0] * 4))[1]
    assert curve["views"][0] == 4


def test_the_tail_is_the_whole_distribution():
    quantiles = tail(np.append(np.arange(101.0), np.nan))
    np.testing.assert_allclose(quantiles, np.arange(101.0))
    assert tail(np.array([np.nan])) == []
