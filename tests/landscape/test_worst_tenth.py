"""The two worst tenths of camera space."""

from __future__ import annotations

import numpy as np
import pytest

from share_dist.errors import BadSetting
from share_dist.landscape import fit_landscape, worst_tenth_fixed, worst_tenth_mask, worst_tenth_own


def steep(table):
    """High around the north pole: the tenth of the sphere above 53° of elevation is the worst."""
    return 100 + 80 * np.sin(np.radians(table["elevation_deg"])) ** 3


WORST_MM = 100 + 80 * (1 - 0.8**4) / (4 * 0.2)
"""The mean of the function over the tenth of the sphere where sin ε > 0.8."""


def test_the_fixed_region_is_a_tenth_of_the_cameras_and_the_right_one(invent):
    base, survey = fit_landscape(invent(2500, truth=steep)), invent(3000, seed=1, truth=steep)
    mask, _ = worst_tenth_mask(base, survey)
    assert mask.sum() == 300
    assert np.percentile(survey["elevation_deg"][mask], 10) > 50
    worst = worst_tenth_fixed(base, survey)
    assert float(worst) == pytest.approx(WORST_MM, abs=4 * worst.standard_error + 1)
    assert worst.views == 300


@pytest.mark.slow
def test_the_fixed_region_does_not_move_with_the_model(invent):
    base = fit_landscape(invent(2500, truth=steep))
    before = invent(3000, seed=1, truth=steep)
    after = invent(3000, seed=1, truth=lambda table: steep(table | {"elevation_deg": -table["elevation_deg"]}))
    assert float(worst_tenth_fixed(base, after)) < 100 < float(worst_tenth_fixed(base, before))
    assert float(worst_tenth_own(after)) == pytest.approx(WORST_MM, abs=5)


@pytest.mark.slow
def test_a_pool_of_the_distribution_sets_nearly_the_same_threshold(invent):
    base, survey = fit_landscape(invent(2500, truth=steep)), invent(3000, seed=1, truth=steep)
    pooled = worst_tenth_fixed(base, survey, pool=invent(8000, seed=8))
    assert float(pooled) == pytest.approx(float(worst_tenth_fixed(base, survey)), rel=0.02)


def test_ones_own_region_does_not_choose_by_the_errors_it_averages(invent):
    """On pure noise a tenth chosen by its own errors would stand 1.75 deviations above the mean; this one does not."""
    noise = invent(3000, noise_mm=30.0, truth=lambda table: np.full(len(table["azimuth_deg"]), 100.0))
    own = worst_tenth_own(noise)
    assert float(own) == pytest.approx(100.0, abs=4 * own.standard_error)


def test_ones_own_region_needs_an_even_and_an_odd_block(invent):
    with pytest.raises(BadSetting, match="survey at least 512 views"):
        worst_tenth_own(invent(256))
