"""Which settings make a run another run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from share_dist.config import RunConfig, config_json
from share_dist.fleet import FleetConfig
from share_dist.learning import LearningConfig
from share_dist.training import TrainingConfig


@pytest.mark.parametrize(
    "machinery",
    [
        {"fleet": FleetConfig(render_actors=3)},
        {"training": TrainingConfig(workers=2, zero_stage=2, cpus_per_worker=1.0, start_deadline_s=900.0)},
        {"training": TrainingConfig(snapshot_every=10)},
    ],
)
def test_a_run_may_go_on_with_other_machinery(machinery):
    config = RunConfig()
    assert config_json(replace(config, **machinery), "share") == config_json(config, "share")


def test_what_is_learned_identifies_a_run():
    config = RunConfig()
    settings = json.loads(config_json(config, "share"))
    assert settings.keys().isdisjoint({"fleet", "training"})
    assert config_json(replace(config, learning=LearningConfig(batch_size=32)), "share") != config_json(config, "share")
    assert config_json(config, "survey") != config_json(config, "share")
