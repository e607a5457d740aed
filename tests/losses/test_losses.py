"""What training punishes, against worked numbers and the truth itself."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from share_dist.body import BodyLayer
from share_dist.camera import weak_from_full
from share_dist.errors import BadSetting
from share_dist.geometry import rotmat_from_rotvec
from share_dist.losses import (
    LossConfig,
    Truth,
    project_to_crop,
    total_loss,
    translation_m,
    truth_from_records,
)
from share_dist.models import Estimate

SIDE_PX, FOCAL_PX, FRAME_PX = 96, 800.0, np.array([640.0, 480.0], np.float32)


@pytest.fixture(scope="module")
def layer(figure):
    return BodyLayer(figure)


def scene(layer, count=4, moved_m=(0.1, -0.2, 4.0)) -> tuple[Truth, Estimate]:
    """People seen through a known lens, and the estimate that is exactly right about all of it."""
    rng = np.random.default_rng(0)
    pose = torch.from_numpy(rotmat_from_rotvec(rng.normal(0, 0.4, (count, 24, 3)).astype(np.float32)))
    betas = torch.from_numpy(rng.normal(0, 1, (count, 10)).astype(np.float32))
    joints = layer.joints(pose, betas) + torch.tensor(moved_m)
    bbox = np.tile(np.array([350.0, 230.0, 420.0], np.float32), (count, 1))
    crop = np.zeros((count, 2, 3), np.float32)
    crop[:, [0, 1], [0, 1]] = SIDE_PX / 420.0
    crop[:, :, 2] = SIDE_PX / 2 - bbox[:, :2] * SIDE_PX / 420.0
    records = SimpleNamespace(
        image=np.zeros((count, SIDE_PX, SIDE_PX, 3), np.uint8),
        pose=pose.numpy(),
        betas=betas.numpy(),
        joints_cam_m=joints.numpy(),
        joints_px=np.zeros((count, 24, 2), np.float32),
        focal_px=np.full(count, FOCAL_PX, np.float32),
        principal_px=np.tile(FRAME_PX / 2, (count, 1)),
        bbox_px=bbox,
        crop_from_frame=crop,
        everyday=np.ones(count, bool),
    )
    truth = truth_from_records(records)
    truth = truth._replace(joints_px=project_to_crop(joints, truth))
    moved = torch.tensor(moved_m).expand(count, 3)
    camera = weak_from_full(moved, truth.bbox_px, truth.focal_px, truth.principal_px)
    return truth, Estimate(pose, betas, camera)


def test_a_scale_below_zero_is_far_away_but_in_front(layer):
    truth, perfect = scene(layer)
    camera = perfect.camera * torch.tensor([-1.0, 1.0, 1.0])
    depth = translation_m(camera, truth)[:, 2]
    assert torch.equal(depth, torch.full((4,), 2 * FOCAL_PX))


def test_the_truth_itself_costs_nothing(layer):
    truth, perfect = scene(layer)
    loss, terms = total_loss(perfect, truth, layer, LossConfig(vertices=1.0))
    assert {name for name, term in terms.items() if float(term) > 1e-5} == set()
    assert float(loss) < 1e-4


def test_pixels_agree_with_a_projection_by_hand(layer):
    truth, _ = scene(layer)
    x, y, z = truth.joints_cam_m[1, 20].tolist()
    u, v = FOCAL_PX * x / z + 320, FOCAL_PX * y / z + 240
    by_hand = [(u - 350) * SIDE_PX / 420 + SIDE_PX / 2, (v - 230) * SIDE_PX / 420 + SIDE_PX / 2]
    assert truth.joints_px[1, 20].tolist() == pytest.approx(by_hand, abs=1e-3)


def test_each_term_sees_its_own_error(layer):
    truth, perfect = scene(layer)
    terms = total_loss(perfect._replace(betas=perfect.betas + 1), truth, layer, LossConfig())[1]
    assert float(terms["betas"]) == pytest.approx(1.0, abs=1e-5)
    assert float(terms["pose"]) == 0
    terms = total_loss(perfect._replace(pose=-perfect.pose), truth, layer, LossConfig())[1]
    assert float(terms["pose"]) == pytest.approx(4 / 3, abs=1e-4)
    beside = perfect.camera + torch.tensor([0.0, 0.5, 0.0])
    terms = total_loss(perfect._replace(camera=beside), truth, layer, LossConfig())[1]
    assert float(terms["joints_2d"]) > 0.05
    assert float(terms["joints_3d"]) < 1e-5


def test_the_vertices_term_is_the_mean_distance_per_axis_seen_from_the_pelvis(layer, figure):
    """At rest a mesh is linear in the betas, so two shapes differ by the shape directions, less the pelvis's own."""
    truth, perfect = scene(layer)
    rest, change = torch.eye(3).repeat(4, 24, 1, 1), torch.linspace(-1, 2, 10)
    truth, wrong = truth._replace(pose=rest), perfect._replace(pose=rest, betas=perfect.betas + change)
    shift_m = (figure.shapedirs - figure.joint_shapedirs[0]) @ change.numpy()
    terms = total_loss(wrong, truth, layer, LossConfig(vertices=1.0))[1]
    assert float(terms["vertices"]) == pytest.approx(float(np.abs(shift_m).mean()), rel=1e-3)


def test_the_scale_term_is_spins(layer):
    truth, perfect = scene(layer)
    camera = perfect.camera.clone()
    camera[:, 0] = 0.05
    terms = total_loss(perfect._replace(camera=camera), truth, layer, LossConfig())[1]
    assert float(terms["scale"]) == pytest.approx(math.exp(-1.0), rel=1e-5)


def test_the_scale_term_pushes_upwards_from_wherever_the_scale_has_fallen(layer):
    truth, perfect = scene(layer)
    before = math.inf
    for value in (-1000.0, -5.0, -1.0, -1e-3, 0.0, 0.5, 0.9, 2.0):
        camera = torch.cat([torch.full((4, 1), value), perfect.camera[:, 1:]], 1).requires_grad_()
        total_loss(perfect._replace(camera=camera), truth, layer, LossConfig(joints_2d=0.0))[0].backward()
        assert (camera.grad[:, 0] < 0).all()
        assert torch.isfinite(camera.grad).all()
        assert total_loss(perfect._replace(camera=camera), truth, layer, LossConfig())[1]["scale"] < before
        before = float(total_loss(perfect._replace(camera=camera), truth, layer, LossConfig())[1]["scale"])


def test_from_minus_one_upwards_the_scale_term_has_the_bits_it_always_had(layer):
    truth, perfect = scene(layer, count=64)
    scales = torch.linspace(-1.0, 2.0, 64)
    camera = torch.cat([scales[:, None], perfect.camera[:, 1:]], 1).requires_grad_()
    loss, terms = total_loss(perfect._replace(camera=camera), truth, layer, LossConfig(joints_2d=0.0))
    loss.backward()
    plain = scales.clone().requires_grad_()
    term = torch.exp(-10 * plain.clamp(min=-1)).square().mean()
    term.backward()
    assert torch.equal(terms["scale"], term.detach())
    assert torch.equal(camera.grad[:, 0], plain.grad)


def test_gradients_are_finite_when_the_body_is_all_round_the_camera(layer):
    truth, perfect = scene(layer, moved_m=(0.0, 0.0, 0.3))
    leaves = Estimate(*(part.clone().requires_grad_() for part in perfect))
    turned = leaves._replace(pose=leaves.pose.flip(0), camera=leaves.camera * torch.tensor([-1.0, 1.0, 1.0]))
    loss, _ = total_loss(turned, truth, layer, LossConfig())
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert all(bool(torch.isfinite(leaf.grad).all()) for leaf in leaves)


def test_the_camera_learns_only_from_the_picture(layer):
    truth, perfect = scene(layer)
    camera = (perfect.camera + 0.1).requires_grad_()
    total_loss(perfect._replace(camera=camera), truth, layer, LossConfig())[0].backward()
    assert float(camera.grad.abs().min()) > 0
    camera.grad = None
    total_loss(perfect._replace(camera=camera), truth, layer, LossConfig(joints_2d=0.0, scale=0.0))[0].backward()
    assert camera.grad is None or float(camera.grad.abs().max()) == 0


def test_a_weight_scales_its_term(layer):
    truth, perfect = scene(layer)
    wrong = perfect._replace(betas=perfect.betas + 1)
    single, double = (total_loss(wrong, truth, layer, LossConfig(betas=weight))[0] for weight in (1.0, 2.0))
    shift = total_loss(wrong, truth, layer, LossConfig(betas=0.0))[0]
    assert float(double - shift) == pytest.approx(2 * float(single - shift), rel=1e-4)


def test_weights_that_cannot_work_are_refused():
    with pytest.raises(BadSetting, match="0 or more"):
        LossConfig(pose=-1.0)
    with pytest.raises(BadSetting, match="0 or more"):
        LossConfig(betas=float("nan"))
    with pytest.raises(BadSetting, match="nothing would teach"):
        LossConfig(pose=0.0, joints_3d=0.0)


def test_the_anchor_holds_everyday_views_and_no_others(layer):
    truth, perfect = scene(layer)
    turned = torch.from_numpy(rotmat_from_rotvec(np.array([[0.0, 0.3, 0.0]], np.float32)))[0]
    other = perfect._replace(pose=torch.cat([perfect.pose[:, :20], perfect.pose[:, 20:] @ turned], 1))
    count = len(truth.betas)

    def term(anchor, everyday):
        seen = truth._replace(everyday=torch.tensor(everyday).float())
        return float(total_loss(perfect, seen, layer, LossConfig(), anchor)[1]["anchor"])

    assert term(perfect, [True] * count) == pytest.approx(0, abs=1e-5)
    assert term(other, [False] * count) == 0
    assert term(other, [True] * count) > 0.001
    first, rest = term(other, [True] + [False] * (count - 1)), term(other, [False] + [True] * (count - 1))
    assert first + rest == pytest.approx(term(other, [True] * count))
    assert "anchor" not in total_loss(perfect, truth, layer, LossConfig(anchor=0.0), other)[1]
