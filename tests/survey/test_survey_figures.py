"""Figures are plain means; bands of elevation cover the sphere and count every view once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from share_dist.errors import BadSetting
from share_dist.survey import figures
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
