"""The networks: torchvision's layers, HMR's and SPIN's heads, and answers that start at the mean person."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from share_dist.errors import BadSetting
from share_dist.geometry import sixd_columns_from_rotmat, sixd_rows_from_rotmat
from share_dist.models import (
    PAPER_HMR,
    PUBLISHED_SPIN,
    Estimate,
    ModelConfig,
    freeze_batch_norm,
    make_model,
    normalise_images,
    predict,
    settled_precision,
)
from share_dist.models.heads import rotmat_from_rotvec_smooth
from share_dist.models.resnet import make_backbone

TINY = ModelConfig(width=8, hidden=32, input_px=32)
FACING = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "with_fc", "features", "entries"),
    [("resnet18", 11_689_512, 512, 122), ("resnet50", 25_557_032, 2048, 320)],
)
def test_a_backbone_has_torchvisions_parameters_but_for_the_classifier(name, with_fc, features, entries):
    backbone = make_backbone(name)
    assert count(backbone) == with_fc - (features * 1000 + 1000)
    assert len(backbone.state_dict()) == entries - 2


def test_key_names_and_shapes_are_torchvisions():
    shapes = {name: tuple(value.shape) for name, value in make_backbone("resnet50").state_dict().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["bn1.running_var"] == (64,)
    assert shapes["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes["layer3.5.conv2.weight"] == (256, 256, 3, 3)
    assert shapes["layer4.2.bn3.num_batches_tracked"] == ()
    basic = make_backbone("resnet18").state_dict()
    assert "layer2.0.downsample.1.running_mean" in basic
    assert "layer1.0.downsample.0.weight" not in basic


@pytest.mark.parametrize(("side", "cells"), [(96, 9), (33, 4), (32, 1)])
def test_the_compact_backbone_hands_on_every_cell_where_the_others_take_a_mean(side, cells):
    picture = torch.zeros(2, 3, side, side)
    assert make_backbone("compact", width=8, input_px=side)(picture).shape == (2, 16 * cells)
    assert make_backbone("resnet18")(picture).shape == (2, 512)


def test_heads_have_the_published_sizes():
    spin = make_model(PUBLISHED_SPIN).head
    assert spin.fc1.in_features == 2205
    assert (spin.decpose.out_features, spin.decshape.out_features, spin.deccam.out_features) == (144, 10, 3)
    assert not spin.activated
    paper = make_model(PAPER_HMR).head
    assert paper.fc1.in_features == 2048 + 85
    assert paper.activated


@pytest.mark.parametrize("head", ["hmr-6d", "hmr-axis-angle"])
def test_with_zero_read_outs_every_iteration_returns_the_mean(head):
    model = make_model(ModelConfig(width=8, hidden=32, input_px=32, head=head)).eval()
    for layer in (model.head.decpose, model.head.decshape, model.head.deccam):
        torch.nn.init.zeros_(layer.weight)
    estimate = model(torch.randn(3, 3, 32, 32))
    expected = torch.eye(3).expand(3, 24, 3, 3).clone()
    expected[:, 0] = FACING
    # The rotation vector (π, 0, 0) has π to float32 only.
    torch.testing.assert_close(estimate.pose, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(estimate.betas, torch.zeros(3, 10))
    torch.testing.assert_close(estimate.camera, torch.tensor([[0.9, 0.0, 0.0]]).expand(3, 3))


@pytest.mark.parametrize("head", ["hmr-6d", "hmr-axis-angle"])
def test_an_untrained_network_answers_close_to_the_mean(head):
    model = make_model(ModelConfig(head=head)).eval()
    picture = np.random.default_rng(0).integers(0, 255, (2, 96, 96, 3), dtype=np.uint8)
    estimate = predict(model, picture)
    assert float((estimate.pose[:, 0] - FACING).abs().max()) < 0.1
    assert float(estimate.betas.abs().max()) < 0.1


def test_rotations_agree_with_the_worked_example_in_both_layouts():
    rotmat = rotmat_from_rotvec_smooth(torch.tensor([0.3, -0.2, 0.5]))
    expected = [[0.859534, -0.497992, -0.114917], [0.439868, 0.835316, -0.329794], [0.260227, 0.232921, 0.937032]]
    torch.testing.assert_close(rotmat, torch.tensor(expected), atol=1e-6, rtol=0)
    rows, columns = sixd_rows_from_rotmat(rotmat), sixd_columns_from_rotmat(rotmat)
    assert rows.tolist() == pytest.approx([0.859534, -0.497992, 0.439868, 0.835316, 0.260227, 0.232921], abs=1e-6)
    assert columns.tolist() == pytest.approx([0.859534, 0.439868, 0.260227, -0.497992, 0.835316, 0.232921], abs=1e-6)
    assert make_model(TINY).head.init_pose[0, :12].tolist() == [1, 0, 0, -1, 0, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-3, math.pi])
def test_rotation_vectors_have_finite_gradients_and_give_rotations_everywhere(angle):
    vector = torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64) * angle
    vector.requires_grad_()
    rotmat = rotmat_from_rotvec_smooth(vector)
    rotmat.sum().backward()
    assert torch.isfinite(vector.grad).all()
    torch.testing.assert_close(rotmat @ rotmat.T, torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=0)


def test_frozen_batch_norms_keep_their_statistics_while_gains_learn():
    model = make_model(TINY)
    freeze_batch_norm(model)
    model.train()
    before = model.backbone.bn1.running_mean.clone()
    model(torch.randn(4, 3, 32, 32)).pose.square().sum().backward()
    assert torch.equal(model.backbone.bn1.running_mean, before)
    assert model.backbone.bn1.weight.grad is not None
    freeze_batch_norm(model, frozen=False)
    model(torch.randn(4, 3, 32, 32))
    assert not torch.equal(model.backbone.bn1.running_mean, before)


class HouseNorm(nn.Module):
    """A batch norm of somebody's own, of no class of torch's."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.gain, None, self.training)


@pytest.mark.parametrize(
    ("norm", "picture"),
    [
        (nn.BatchNorm1d(4), torch.randn(8, 4)),
        (nn.BatchNorm2d(4), torch.randn(8, 4, 2, 2)),
        (nn.BatchNorm3d(4), torch.randn(8, 4, 2, 2, 2)),
        (nn.SyncBatchNorm(4), torch.randn(8, 4, 2, 2)),
        (nn.InstanceNorm2d(4, affine=True, track_running_stats=True), torch.randn(8, 4, 2, 2)),
        (HouseNorm(4), torch.randn(8, 4, 2, 2)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_freezing_holds_in_networks_of_others_whoever_switches_training_on(norm, picture):
    network = nn.Sequential(nn.Identity(), norm)
    freeze_batch_norm(network)
    copied = copy.deepcopy(network).train()
    network.train()
    before = norm.running_mean.clone()
    network(picture).square().sum().backward()
    copied(picture)
    assert torch.equal(norm.running_mean, before)
    assert torch.equal(copied[1].running_mean, before)
    assert all(gain.grad is not None for gain in network.parameters())
    freeze_batch_norm(network, frozen=False)
    assert norm.training


def test_a_network_without_statistics_has_none_to_keep():
    network = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.BatchNorm1d(4, track_running_stats=False))
    freeze_batch_norm(network)
    network.train()(torch.randn(8, 4))
    assert network[2].training


def test_bytes_become_imagenets_scale_without_a_copy_of_the_layout():
    white = np.full((2, 32, 32, 3), 255, np.uint8)
    image = normalise_images(white)
    assert image.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(image[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-4, rtol=0)


def test_predict_leaves_the_model_as_it_was_and_answers_in_float32():
    model = make_model(TINY).train()
    estimate = predict(model, np.zeros((2, 32, 32, 3), np.uint8))
    assert isinstance(estimate, Estimate)
    assert all(part.dtype == torch.float32 for part in estimate)
    assert model.training


@pytest.mark.parametrize(("has_bf16", "settled"), [(True, "bf16"), (False, "fp32")])
def test_auto_means_what_the_hardware_has_and_a_named_precision_means_itself(monkeypatch, has_bf16, settled):
    monkeypatch.setattr("share_dist.models.regressor.has_bf16", lambda device: has_bf16)
    cpu = torch.device("cpu")
    assert settled_precision("auto", cpu) == settled
    assert [settled_precision(name, cpu) for name in ("bf16", "fp32")] == ["bf16", "fp32"]


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = make_model(TINY, seed=1), make_model(TINY, seed=1), make_model(TINY, seed=2)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.head.fc1.weight, second.head.fc1.weight)
    assert not torch.equal(first.head.fc1.weight, other.head.fc1.weight)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 0}, "width is 0"),
        ({"dropout": 1.5}, r"dropout .*\[0, 1\]"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"input_px": 16}, "input-px .*halved five times"),
    ],
)
def test_settings_that_cannot_work_are_refused_as_the_command_line_names_them(settings, words):
    with pytest.raises(BadSetting, match=rf"model\.architecture\.{words}"):
        ModelConfig(**settings)
