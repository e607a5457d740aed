"""The proof of the sweep runs what it says it runs, whatever the demo has become since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from share_dist.cli.options import RunOptions, read_options
from share_dist.config import setting_of
from share_dist.recipes import find_space
from share_dist.studies.earlier import demo_before_its_sweep
from share_dist.studies.sweep_proof import difference, report_text, share_words, sweep_words
from share_dist.sweep.search import default_point

DEFAULT = default_point(demo_before_its_sweep(), find_space("all"))


def config_of(words):
    return read_options(RunOptions, words[0], words[1:]).config


def test_the_default_is_the_demo_as_it_was_when_it_was_swept():
    assert config_of(share_words(DEFAULT, 10)) == replace(demo_before_its_sweep(), seed=10)
    (command, space, *words) = sweep_words()
    assert (command, space) == ("sweep", "all")
    assert config_of(["share", *words]) == replace(demo_before_its_sweep(), seed=2000)


def test_fewer_rounds_have_the_views_of_all():
    config = config_of(share_words(DEFAULT | {"share.rounds": 1, "rome.quantile": 0.35}, 11))
    assert (config.share.rounds, config.learning.fresh_views, config.rome.quantile) == (1, 22_000, 0.35)
    assert setting_of(config, "losses.anchor") == 3.0


def run(after_mm):
    names = ("mpjpe_mm", "pa_mpjpe_mm", "worst_tenth_fixed_mpjpe_mm", "worst_tenth_own_mpjpe_mm")
    figures = {when: dict.fromkeys(names, value) for when, value in (("before", 200.0), ("after", after_mm))}
    both = {when: {"all_cameras": found, "everyday": found} for when, found in figures.items()}
    return {**both, "seconds": {"base survey": 60.0, "round 1": 30.0}}


def test_the_table_sets_the_best_beside_the_default_seed_by_seed():
    summary = {
        "command": "share-dist sweep all demo",
        "trials": 3,
        "trial_minutes": [3.0, 4.0, 9.0],
        "default": {"10": run(180.0), "11": run(170.0)},
        "best": {"10": run(160.0), "11": run(140.0)},
    }
    gained = difference(summary, "all_cameras", "mpjpe_mm")
    assert gained == pytest.approx([-0.10, -0.15])
    text = report_text(summary)
    assert "3 trials of 4.0 minutes in the median" in text
    assert "| best, seed 11 | 200.0 → 140.0 (-30.0 %)" in text
    # Two seeds, 5 points apart: Student's t for one degree of freedom, 12.706, times 2.5.
    assert "| best minus default | -12.5 ± 31.8 %" in text
