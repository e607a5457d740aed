"""Figures are plain means; bands of elevation cover the sphere and count every view once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from share_dist.config import finite
from share_dist.errors import BadSetting
from share_dist.survey import Survey, figures, measured
from share_dist.survey.figures import by_elevation


def test_figures_are_means_of_columns(survey):
    found = figures(survey)
    assert found["mpjpe_mm"] == pytest.approx(np.mean(survey["mpjpe_mm"]))
    assert found["flip_share"] == pytest.approx(np.mean(survey["root_error_deg"] > 90))
    assert found["views"] == 300
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("band_deg", [15, 30])
def test_bands_cover_every_view_once(survey, band_deg):
    bands = figures(survey, band_deg)["by_elevation"]
    assert [bands[0]["from_deg"], bands[-1]["to_deg"]] == [-90, 90]
    assert sum(band["views"] for band in bands) == 300
    total = sum(band["views"] * band["mpjpe_mm"] for band in bands if band["views"])
    assert total / 300 == pytest.approx(np.mean(survey["mpjpe_mm"]))


def test_a_band_has_its_mean_and_standard_error():
    elevation_deg = np.array([-90.0, 10, 10, 10, 10, 90])
    bands = by_elevation(elevation_deg, np.array([1.0, 2, 4, 2, 4, 9]), 30)
    assert bands[3] == {
        "from_deg": 0, "to_deg": 30, "views": 4, "mpjpe_mm": 3.0,
        "standard_error_mm": pytest.approx(np.std([2, 4, 2, 4], ddof=1) / 2),
    }  # fmt: skip
    assert bands[0]["mpjpe_mm"] == 1.0
    assert bands[0]["standard_error_mm"] is None
    assert bands[1]["mpjpe_mm"] is None
    assert bands[5]["views"] == 1


@pytest.mark.parametrize("band_deg", [0, -30, 50, 7])
def test_bands_that_do_not_fit_are_refused(band_deg):
    with pytest.raises(BadSetting, match="must divide 180"):
        by_elevation(np.zeros(2), np.zeros(2), band_deg)


def with_holes(survey, rows, columns=None):
    """The survey with no finite answer on some rows, in all errors or in some."""
    broken = {name: values.copy() for name, values in survey.columns.items()}
    columns = columns or ["mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "root_error_deg", "mpjpe_root_aligned_mm"]
    for name in columns:
        broken[name][rows] = np.nan
    if columns != ["pve_mm"]:
        # What a comparison with a number that is none gives.
        broken["flip"][rows], broken["pck150"][rows], broken["auc"][rows] = False, 0.0, 0.0
    return Survey(broken, survey.meta)


def test_views_without_a_value_are_left_out_of_means_and_counted(survey):
    rest = figures(survey.take(slice(40, None)))
    found = figures(with_holes(survey, slice(0, 40)))
    counts = found.pop("without_value")
    assert set(counts.values()) == {40}
    assert found == {**rest, "views": 300}
    assert "without_value" not in rest


def test_a_metric_without_any_value_is_none_and_the_others_are_as_they_were(survey):
    whole, found = figures(survey), figures(with_holes(survey, slice(None), ["pve_mm"]))
    assert found.pop("without_value")["pve_mm"] == 300
    assert found == {**whole, "pve_mm": None}


def test_figures_are_json_to_any_reader_even_where_no_view_has_a_value(survey):
    found = figures(with_holes(survey, slice(None)))
    assert {name for name, value in found.items() if value is None} >= {"mpjpe_mm", "flip_share", "pck150", "auc"}
    given = {**found, "worst": float("inf"), "pair": (1.5, float("nan"))}
    assert json.loads(json.dumps(finite(given), allow_nan=False)) == {**found, "worst": None, "pair": [1.5, None]}
    assert finite(figures(survey)) == figures(survey)


def test_a_whole_survey_is_taken_as_it_is_and_too_few_views_are_refused(survey):
    assert measured(survey, fewest=32) is survey
    assert len(measured(with_holes(survey, slice(0, 40)), fewest=32)) == 260
    with pytest.raises(BadSetting, match="only 10 of 300 views have an error, and 32 are needed"):
        measured(with_holes(survey, slice(10, None)), fewest=32)
