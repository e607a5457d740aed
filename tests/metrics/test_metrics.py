"""The figures of evaluation, against known moves and edge values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from share_dist.body import BodyLayer
from share_dist.errors import WrongJoints
from share_dist.geometry import rotmat_from_rotvec
from share_dist.losses import Truth
from share_dist.metrics import (
    PROTOCOLS,
    auc,
    centred,
    distances_mm,
    error_columns,
    is_flip,
    pck,
    procrustes,
    root_aligned,
    root_error_deg,
)
from share_dist.models import Estimate

PELVIS = PROTOCOLS["smpl24-pelvis"]


@pytest.fixture
def clouds():
    return np.random.default_rng(0).normal(0, 0.4, (20, 24, 3))


def turned(clouds, seed=1):
    rng = np.random.default_rng(seed)
    rotations = rotmat_from_rotvec(rng.normal(0, 2, (len(clouds), 3)))
    scales, moves = rng.uniform(0.3, 3, (len(clouds), 1, 1)), rng.normal(0, 5, (len(clouds), 1, 3))
    return scales * (clouds @ rotations.swapaxes(1, 2)) + moves


def test_procrustes_undoes_a_similarity_exactly(clouds):
    assert np.abs(procrustes(turned(clouds), clouds) - clouds).max() < 1e-9


def test_procrustes_never_mirrors(clouds):
    mirrored = clouds * np.array([-1.0, 1.0, 1.0])
    assert distances_mm(procrustes(mirrored, clouds), clouds).mean(axis=1).min() > 50


def test_pa_mpjpe_ignores_similarities_of_the_estimate_and_is_least_squares(clouds):
    estimate = clouds + np.random.default_rng(2).normal(0, 0.05, clouds.shape)
    aligned = procrustes(estimate, clouds)
    np.testing.assert_allclose(procrustes(turned(estimate), clouds), aligned, atol=1e-9)
    before = np.square(centred(estimate, PELVIS) - centred(clouds, PELVIS)).sum(axis=(1, 2))
    after = np.square(aligned - clouds).sum(axis=(1, 2))
    assert (after < before).all()


@pytest.mark.parametrize("shape", ["point", "line", "plane", "target point"])
def test_procrustes_survives_degenerate_clouds(clouds, shape):
    source, target = clouds.copy(), clouds.copy()
    if shape == "point":
        source[:] = source[:, :1]
    elif shape == "line":
        source[..., 1:] = 0
    elif shape == "plane":
        source[..., 2] = 0
    else:
        target[:] = target[:, :1]
    aligned = procrustes(source, target)
    assert np.isfinite(aligned).all()
    np.testing.assert_allclose(aligned.mean(axis=1), target.mean(axis=1), atol=1e-9)
    if shape == "plane":
        np.testing.assert_allclose(procrustes(source, turned(source)), turned(source), atol=1e-9)


def test_procrustes_gives_a_picture_the_same_bits_in_any_batch(clouds):
    moved = turned(clouds)
    parts = [procrustes(moved[i : i + 3], clouds[i : i + 3]) for i in range(0, 20, 3)]
    assert np.array_equal(np.concatenate(parts), procrustes(moved, clouds))


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 1e-3, 89.999, 90.001, 179.999999, 180.0])
def test_root_error_is_accurate_at_both_ends(degrees):
    axis = np.array([0.6, 0.0, 0.8])
    start = rotmat_from_rotvec(np.array([[0.3, -0.2, 0.5]]))
    end = start @ rotmat_from_rotvec(np.radians(degrees) * axis[None])
    assert root_error_deg(end, start)[0] == pytest.approx(degrees, abs=2e-7)
    assert bool(is_flip(root_error_deg(end, start))[0]) == (degrees > 90)


def test_aligning_the_root_leaves_the_poses_own_error(clouds):
    joints = centred(clouds, PELVIS)
    roots = rotmat_from_rotvec(np.random.default_rng(3).normal(0, 1, (20, 3)))
    seen = joints @ roots.swapaxes(1, 2)
    identity = np.broadcast_to(np.eye(3), roots.shape)
    np.testing.assert_allclose(root_aligned(seen, roots, identity), joints, atol=1e-9)


def test_pck_and_auc_at_their_edges():
    assert auc(np.zeros((1, 24)))[0] == pytest.approx(30 / 31)
    assert auc(np.full((1, 24), 75.0))[0] == pytest.approx(15 / 31)
    assert auc(np.full((1, 24), 150.0))[0] == 0
    assert pck(np.full((1, 24), 150.0))[0] == 0
    assert pck(np.full((1, 24), 149.999))[0] == 1
    assert pck(np.array([[100.0, 200.0, 149.0, 151.0]]))[0] == 0.5


def test_order_of_joints_does_not_matter_but_the_centre_does(clouds):
    estimate, order = turned(clouds), np.r_[0, np.random.default_rng(0).permutation(np.arange(1, 24))]
    plain = distances_mm(centred(estimate, PELVIS), centred(clouds, PELVIS)).mean(axis=1)
    shuffled = distances_mm(centred(estimate[:, order], PELVIS), centred(clouds[:, order], PELVIS)).mean(axis=1)
    np.testing.assert_allclose(plain, shuffled)
    hips = PROTOCOLS["smpl24-midhip"]
    assert np.abs(plain - distances_mm(centred(estimate, hips), centred(clouds, hips)).mean(axis=1)).max() > 1


def test_other_joint_sets_are_refused(clouds):
    with pytest.raises(WrongJoints, match="needs the 24 joints of SMPL24, but got 17"):
        centred(clouds[:, :17], PELVIS)


def people(layer, count=8):
    """A truth in the camera frame, some metres away, as a batch."""
    rng = np.random.default_rng(4)
    pose = torch.from_numpy(rotmat_from_rotvec(rng.normal(0, 0.5, (count, 24, 3)).astype(np.float32)))
    betas = torch.from_numpy(rng.normal(0, 1, (count, 10)).astype(np.float32))
    joints = layer.joints(pose, betas) + torch.tensor([0.3, -0.1, 4.0])
    unused = torch.zeros(count)
    return Truth(pose, betas, joints, unused, unused, unused, unused, unused, unused, 96)


def test_the_columns_of_a_perfect_estimate(figure):
    layer = BodyLayer(figure)
    truth = people(layer)
    columns = error_columns(Estimate(truth.pose, truth.betas, torch.zeros(8, 3)), truth, layer)
    # Joints at 4 m in float32 are good to a thousandth of a millimetre.
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "mpjpe_root_aligned_mm", "root_error_deg"):
        assert columns[name].shape == (8,)
        assert columns[name].dtype == np.float64
        assert columns[name].max() < 0.05, name
    assert not columns["flip"].any()
    assert columns["pck150"].min() == 1


def test_a_body_turned_round_is_a_flip_whose_pose_is_right(figure):
    layer = BodyLayer(figure)
    truth = people(layer)
    turn = torch.from_numpy(rotmat_from_rotvec(np.array([0, np.radians(170.0), 0], dtype=np.float32)))
    pose = truth.pose.clone()
    pose[:, 0] = turn @ pose[:, 0]
    columns = error_columns(Estimate(pose, truth.betas, torch.zeros(8, 3)), truth, layer)
    np.testing.assert_allclose(columns["root_error_deg"], 170.0, atol=1e-3)
    assert columns["flip"].all()
    assert columns["mpjpe_mm"].min() > 100
    assert columns["mpjpe_root_aligned_mm"].max() < 0.05
    assert columns["pa_mpjpe_mm"].max() < 0.05


def test_each_alignment_takes_its_part_of_the_error_away(figure):
    layer = BodyLayer(figure)
    truth = people(layer, 40)
    noise = rotmat_from_rotvec(np.random.default_rng(5).normal(0, 0.3, (40, 24, 3)).astype(np.float32))
    wrong = Estimate(truth.pose @ torch.from_numpy(noise), truth.betas, torch.zeros(40, 3))
    columns = error_columns(wrong, truth, layer)
    assert columns["pa_mpjpe_mm"].mean() < 0.8 * columns["mpjpe_mm"].mean()
    assert columns["mpjpe_root_aligned_mm"].mean() < columns["mpjpe_mm"].mean()
    assert (columns["auc"] < columns["pck150"]).all()


def test_an_answer_that_is_no_number_costs_its_own_row_and_no_other(figure):
    layer = BodyLayer(figure)
    truth = people(layer)
    noise = rotmat_from_rotvec(np.random.default_rng(5).normal(0, 0.3, (8, 24, 3)).astype(np.float32))
    pose = truth.pose @ torch.from_numpy(noise)
    whole = error_columns(Estimate(pose, truth.betas, torch.zeros(8, 3)), truth, layer)
    broken = pose.clone()
    broken[2] = torch.nan
    columns = error_columns(Estimate(broken, truth.betas, torch.zeros(8, 3)), truth, layer)
    others = np.arange(8) != 2
    for name, values in columns.items():
        np.testing.assert_array_equal(values[others], whole[name][others])
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "mpjpe_root_aligned_mm", "root_error_deg"):
        assert np.isnan(columns[name][2]), name
