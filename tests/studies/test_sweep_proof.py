"""The proof of the sweep sets the best settings beside the default ones, seed by seed, and says whether they pay."""

from __future__ import annotations

import pytest

from share_dist.studies.sweep_proof import difference, pays, report_text


def run(worst_mm, everyday_mm=202.0):
    """A run's summary as far as the table reads it, from 200 mm in every figure."""
    names = ("mpjpe_mm", "pa_mpjpe_mm", "worst_tenth_fixed_mpjpe_mm", "worst_tenth_own_mpjpe_mm")
    before = dict.fromkeys(names, 200.0)
    after = {"all_cameras": dict.fromkeys(names, worst_mm), "everyday": dict.fromkeys(names, everyday_mm)}
    both = {"before": {"all_cameras": before, "everyday": before}, "after": after}
    return {**both, "seconds": {"base survey": 60.0, "round 1": 30.0}}


def study(best):
    return {
        "command": "share-dist sweep all demo",
        "trials": 3,
        "trial_minutes": [3.0, 4.0, 9.0],
        "default": {"10": run(180.0), "11": run(170.0)},
        "best": best,
    }


def test_the_table_sets_the_best_beside_the_default_seed_by_seed():
    found = study(best={"10": run(160.0), "11": run(140.0)})
    assert difference(found, "all_cameras", "mpjpe_mm") == pytest.approx([-0.10, -0.15])
    text = report_text(found)
    assert "3 trials of 4.0 minutes in the median" in text
    assert "| best, seed 11 | 200.0 → 140.0 (-30.0 %)" in text
    # Two seeds, 5 points apart: Student's t for one degree of freedom, 12.706, times 2.5.
    assert "| best minus default | -12.5 ± 31.8 %" in text


@pytest.mark.parametrize(
    ("best", "does"),
    [
        ({"10": run(160.0), "11": run(140.0)}, True),
        # One seed may lose what the other wins.
        ({"10": run(190.0), "11": run(140.0)}, True),
        ({"10": run(190.0), "11": run(170.0)}, False),
        ({"10": run(160.0), "11": run(140.0, everyday_mm=202.1)}, False),
    ],
)
def test_it_pays_with_more_gained_in_the_worst_tenths_and_no_more_lost_on_everyday_views(best, does):
    assert pays(study(best)) == does
    assert report_text(study(best)).rstrip().endswith("they do." if does else "they do not.")
