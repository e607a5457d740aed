"""Learning from rendered views: the rooms agree on every convention, and a network learns from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras, Everyday, weak_from_full
from share_dist.learning import Learner, LearningConfig, train_plain
from share_dist.learning.augment import mirror_truth
from share_dist.losses import LossConfig, project_to_crop, total_loss, truth_from_records
from share_dist.metrics import error_columns
from share_dist.models import Estimate, ModelConfig, make_model, predict
from share_dist.render import RenderConfig, make_renderer
from share_dist.scene import SceneDistribution, ViewPlan

pytestmark = pytest.mark.slow


def records_of(figure, cameras, count, split="train", size_px=48):
    plan = ViewPlan(PeopleDistribution(), cameras, SceneDistribution(), split, seed=1)
    renderer = make_renderer(figure, RenderConfig(size_px=size_px, samples=1))
    return renderer.records(plan.views(range(count), figure))


def exact(truth, layer) -> Estimate:
    """The estimate that knows everything, its weak camera included."""
    moved = truth.joints_cam_m[:, 0] - layer.joints(truth.pose, truth.betas)[:, 0]
    camera = weak_from_full(moved, truth.bbox_px, truth.focal_px, truth.principal_px)
    return Estimate(truth.pose, truth.betas, camera)


@pytest.fixture(scope="module")
def views(figure):
    return records_of(figure, AllCameras(), 48)


def test_the_truth_of_rendered_views_costs_nothing(views, layer):
    truth = truth_from_records(views)
    gap_px = project_to_crop(truth.joints_cam_m, truth) - truth.joints_px
    assert float(gap_px.abs().max()) < 0.05
    terms = total_loss(exact(truth, layer), truth, layer, LossConfig(vertices=1.0))[1]
    assert {name for name, term in terms.items() if float(term) > 1e-4} == set()
    columns = error_columns(exact(truth, layer), truth, layer)
    assert columns["mpjpe_mm"].max() < 0.05


def test_in_the_mirror_the_mirrored_truth_costs_next_to_nothing(views, layer):
    truth = mirror_truth(truth_from_records(views), torch.ones(len(views), dtype=torch.bool))
    terms = total_loss(exact(truth, layer), truth, layer, LossConfig())[1]
    # The body's halves differ by millimetres, so its mirror image is not quite a body.
    assert float(terms["joints_3d"]) < 0.003
    assert float(terms["joints_2d"]) < 0.003


def test_a_network_learns_views_it_has_not_seen(figure, layer):
    """Some hundred steps of a small network on everyday views: far from good, and clearly better than the mean."""
    train = records_of(figure, Everyday(), 768)
    held_out = records_of(figure, Everyday(), 128, split="steer")
    truth = truth_from_records(held_out)
    model = make_model(ModelConfig(width=16, hidden=128, input_px=48))
    before = error_columns(predict(model, held_out.image), truth, layer)
    config = LearningConfig(fresh_views=768, reuse=12, batch_size=64, learning_rate=2e-3)
    train_plain(Learner(model, layer, LossConfig(), config), train.take, 0)
    after = error_columns(predict(model, held_out.image), truth, layer)
    assert np.mean(after["mpjpe_mm"]) < 0.8 * np.mean(before["mpjpe_mm"])
    assert np.mean(after["pa_mpjpe_mm"]) < 0.95 * np.mean(before["pa_mpjpe_mm"])
