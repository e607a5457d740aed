"""Settings by their dotted names: changed, or refused with what would have been right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from share_dist.config import RunConfig, setting_of, setting_types, with_settings
from share_dist.errors import BadSetting
from share_dist.recipes import RECIPES


def test_changing_settings_changes_them_and_nothing_else():
    config = RunConfig()
    changed = with_settings(config, {"rome.quantile": 0.7, "share.rounds": 1, "learning.frozen_batch_norm": True})
    assert changed == replace(
        config,
        rome=replace(config.rome, quantile=0.7),
        share=replace(config.share, rounds=1),
        learning=replace(config.learning, frozen_batch_norm=True),
    )


def test_a_setting_three_rooms_deep_has_its_name_too():
    changed = with_settings(RunConfig(), {"training.deepspeed.gradient_accumulation": 2})
    assert setting_of(changed, "training.deepspeed.gradient_accumulation") == 2


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_recipe_can_be_given_back_to_it(name):
    config = RECIPES[name]()
    assert with_settings(config, {setting: setting_of(config, setting) for setting in setting_types()}) == config


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("rome.quantle", 0.5, "did you mean 'rome.quantile'"),
        ("quantile", 0.5, "rome.quantile"),
        ("rome.quantile", "0.5", "takes a number"),
        ("rome.quantile", True, "takes a number"),
        ("share.rounds", 1.5, "takes a whole number"),
        ("learning.frozen_batch_norm", 1, "takes true or false"),
        ("rome.method", "greed", "takes one of 'rome', 'greedy', 'uniform', 'everyday'"),
        ("rome.quantile", 3.0, "is a share"),
    ],
)
def test_what_cannot_be_set_is_refused_with_what_could(name, value, answer):
    with pytest.raises(BadSetting, match=answer):
        with_settings(RunConfig(), {name: value})
