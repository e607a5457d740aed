"""The step and the plain loop: the same bits every time, and networks that do learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from blobs import blob_records

from share_dist import errors
from share_dist.learning import Learner, LearningConfig, make_optimizer, total_steps, train_plain
from share_dist.losses import LossConfig, truth_from_records
from share_dist.metrics import error_columns
from share_dist.models import ModelConfig, freeze_batch_norm, make_model, model_hash, predict

FEW = LearningConfig(fresh_views=32, reuse=3, batch_size=16, checkpoint_every=2)


@pytest.fixture(scope="module")
def pictures(figure):
    return blob_records(figure, range(32), size_px=32)


def trained(tiny, layer, pictures, config=FEW, seed=0, **more) -> str:
    model = make_model(tiny)
    train_plain(Learner(model, layer, LossConfig(), config), pictures.take, seed, **more)
    return model_hash(model)


@pytest.mark.slow
def test_a_training_is_decided_by_its_seed(tiny, layer, pictures):
    assert trained(tiny, layer, pictures) == trained(tiny, layer, pictures)
    assert trained(tiny, layer, pictures) != trained(tiny, layer, pictures, seed=1)


@pytest.mark.slow
def test_a_training_with_dropout_goes_on_exactly_where_it_stopped(layer, pictures):
    config = ModelConfig(width=8, hidden=64, input_px=32, dropout=0.3)
    whole = trained(config, layer, pictures)

    model = make_model(config)
    optimizer = train_plain(Learner(model, layer, LossConfig(), FEW), pictures.take, 0, steps=range(4))
    other = make_model(config)
    other.load_state_dict(model.state_dict())
    state = optimizer.state_dict()
    again = make_optimizer(other, FEW)
    again.load_state_dict(state)
    torch.rand(7)  # the global generator plays no part
    learner = Learner(other, layer, LossConfig(), FEW)
    train_plain(learner, pictures.take, 0, optimizer=again, steps=range(4, total_steps(FEW)))
    assert model_hash(other) == whole


def test_every_step_reports_itself(tiny, layer, pictures):
    reports = []
    trained(tiny, layer, pictures, on_step=reports.append)
    assert [report.step for report in reports] == list(range(6))
    assert all(0 <= report.waited_seconds < report.seconds for report in reports)
    assert set(reports[0].terms) == {"pose", "betas", "joints_3d", "joints_2d", "scale"}


def test_an_anchor_keeps_answers_and_learns_nothing(tiny, layer, pictures):
    """With every answer held on to, a training moves less far from where it began."""
    base = make_model(tiny)
    before, where_it_stood = model_hash(base), predict(base, pictures.image).pose
    moved = []
    for weight in (0.0, 30.0):
        model = make_model(tiny)
        losses = LossConfig(anchor=weight)
        train_plain(Learner(model, layer, losses, FEW, anchor=base), pictures.take, 0)
        moved.append(float((predict(model, pictures.image).pose - where_it_stood).square().mean()))
    assert model_hash(base) == before
    assert moved[1] < 0.5 * moved[0]


def test_the_loss_does_not_depend_on_the_order_of_the_batch(tiny, layer, pictures):
    """In float32 and with frozen statistics, so that only rounding is left."""
    config = LearningConfig(fresh_views=32, batch_size=16, precision="fp32", frozen_batch_norm=True)
    learner = Learner(make_model(tiny), layer, LossConfig(), config)
    forward, _ = learner.loss(pictures.take(np.arange(16)), step=3)
    backward, _ = learner.loss(pictures.take(np.arange(16)[::-1]), step=3)
    assert forward.item() == pytest.approx(backward.item(), rel=1e-5)


@pytest.mark.filterwarnings("error")
def test_records_out_of_shared_memory_are_read_only_and_do(tiny, layer, pictures):
    batch = pictures.take(np.arange(16))
    learner = Learner(make_model(tiny), layer, LossConfig(), FEW)
    writable = learner.loss(batch, 0)[0].item()
    for array in batch.arrays().values():
        array.setflags(write=False)
    assert learner.loss(batch, 0)[0].item() == writable


def test_the_model_may_be_wrapped(tiny, layer, pictures):
    learner = Learner(make_model(tiny), layer, LossConfig(), FEW)
    plain, _ = learner.loss(pictures.take(np.arange(16)), step=0)
    learner.model = torch.nn.DataParallel(learner.model)
    wrapped, _ = learner.loss(pictures.take(np.arange(16)), step=0)
    assert wrapped.item() == plain.item()


def test_freezing_is_the_settings_choice(tiny, layer):
    model = make_model(tiny)
    Learner(model, layer, config=LearningConfig(frozen_batch_norm=True))
    assert not model.backbone.bn1.training
    Learner(model, layer, config=LearningConfig())
    assert model.backbone.bn1.training
    freeze_batch_norm(model)


def test_gains_and_biases_do_not_decay(tiny):
    groups = make_optimizer(make_model(tiny), FEW).param_groups
    assert {parameter.ndim for parameter in groups[1]["params"]} == {1}
    assert groups[1]["weight_decay"] == 0
    assert groups[0]["weight_decay"] == FEW.weight_decay


def test_a_diverged_training_stops(tiny, layer, pictures):
    model = make_model(tiny)
    with torch.no_grad():
        model.head.decpose.weight.fill_(float("nan"))
    with pytest.raises(errors.TrainingDiverged, match="step 0"):
        train_plain(Learner(model, layer, LossConfig(), FEW), pictures.take, 0)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["hmr-6d", pytest.param("hmr-axis-angle", marks=pytest.mark.proof)])
def test_a_small_network_learns_a_small_set_by_heart(figure, layer, head):
    pictures = blob_records(figure, range(32), size_px=64)
    model = make_model(ModelConfig(width=16, hidden=256, input_px=64, head=head))
    config = LearningConfig(
        fresh_views=32, reuse=300, batch_size=32, learning_rate=2e-3, colour_jitter=0.0, mirror_share=0.0
    )
    truth = truth_from_records(pictures)
    before = error_columns(predict(model, pictures.image), truth, layer)
    train_plain(Learner(model, layer, LossConfig(), config), pictures.take, 0)
    after = error_columns(predict(model, pictures.image), truth, layer)
    assert after["mpjpe_mm"].mean() < 0.5 * before["mpjpe_mm"].mean()
    assert after["root_error_deg"].mean() < 0.5 * before["root_error_deg"].mean()
