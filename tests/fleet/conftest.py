"""A real Ray on this machine, with two cores and a fleet, shared by the tests that need one."""

from __future__ import annotations

import os
import signal

import pytest

from share_dist.body import BodyLayer, PeopleDistribution
from share_dist.camera import AllCameras
from share_dist.models import ModelConfig, make_model
from share_dist.render import RenderConfig, make_renderer
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.survey import plain_survey

SIZE_PX = 48
COUNT = 1100


@pytest.fixture(scope="session")
def plan():
    return ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution.from_config(SceneConfig()), "steer", 11)


@pytest.fixture(scope="session")
def model():
    return make_model(ModelConfig(input_px=SIZE_PX), seed=2).eval()


@pytest.fixture(scope="session")
def renderer(figure):
    return make_renderer(figure, RenderConfig(size_px=SIZE_PX))


@pytest.fixture(scope="session")
def plain(model, plan, renderer, figure):
    """What every survey here must equal: the plain loop's rows."""
    return plain_survey(model, plan, COUNT, renderer, BodyLayer(figure))


@pytest.fixture(scope="module")
def fleet():
    """Two renderers and an evaluator; gone before other rooms' tests want the cores."""
    from share_dist.fleet import Fleet, FleetConfig

    config = FleetConfig(cpus=2, render_actors=2, evaluators=1, object_store_mb=200)
    with Fleet(config, render=RenderConfig(size_px=SIZE_PX)) as fleet:
        yield fleet


@pytest.fixture
def kill():
    """Kill the process of an actor, as a lost machine would."""
    import ray

    def kill(actor):
        process = ray.get(actor.ready.remote(), timeout=60).process
        os.kill(process, signal.SIGKILL)
        return process

    return kill
