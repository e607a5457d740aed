"""A small real survey: 300 views, an untrained network."""

from __future__ import annotations

import pytest

from share_dist.body import BodyLayer, PeopleDistribution
from share_dist.camera import AllCameras
from share_dist.models import ModelConfig, make_model
from share_dist.render import RenderConfig, make_renderer
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.survey import plain_survey


@pytest.fixture(scope="session")
def plan():
    return ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution.from_config(SceneConfig()), "steer", 7)


@pytest.fixture(scope="session")
def renderer(figure):
    return make_renderer(figure, RenderConfig(size_px=32))


@pytest.fixture(scope="session")
def layer(figure):
    return BodyLayer(figure)


@pytest.fixture(scope="session")
def model():
    return make_model(ModelConfig(input_px=32), seed=1).eval()


@pytest.fixture(scope="session")
def survey(model, plan, renderer, layer):
    return plain_survey(model, plan, 300, renderer, layer)
