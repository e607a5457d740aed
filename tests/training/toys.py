"""A training small enough for tests, made of the real parts: people drawn at 32 pixels, a narrow network."""

from __future__ import annotations

import functools

from share_dist.body import BodyConfig, PeopleDistribution, load_body
from share_dist.camera import Everyday
from share_dist.learning import LearningConfig
from share_dist.models import ModelConfig
from share_dist.render import Records, RenderConfig, make_renderer
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.training import TrainingJob

RENDER = RenderConfig(size_px=32)
MODEL = ModelConfig(width=8, hidden=32, input_px=32)
LEARNING = LearningConfig(
    fresh_views=48, reuse=8, batch_size=16, checkpoint_every=8, frozen_batch_norm=True, precision="fp32"
)
PLAN = ViewPlan(
    people=PeopleDistribution(),
    cameras=Everyday(),
    scenes=SceneDistribution.from_config(SceneConfig()),
    split="train",
    seed=7,
)
JOB = TrainingJob(name="toy", start=MODEL, seed=11, learning=LEARNING, data=PLAN.hash)


@functools.cache
def records() -> Records:
    """Views 0…47 of the plan."""
    body = load_body(BodyConfig())
    return make_renderer(body, RENDER).records(PLAN.views(range(LEARNING.fresh_views), body))
