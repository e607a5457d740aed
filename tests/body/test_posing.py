"""Our forward passes are SMPL's: numba and torch against stock smplx, alone and in any batch."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import smplx
import torch

from share_dist.body import BodyLayer, joints45, pose_body, pose_joints, rotmats_from_rotvecs, smpl_arrays, smplx_model
from share_dist.seeds import stream

TOLERANCE_M = 1e-5


def some_people(count, seed=0):
    rng = stream(seed, "test-posing")
    rotmats = rotmats_from_rotvecs(rng.normal(size=(count, 24, 3)).astype(np.float32) * 0.6)
    return rotmats, rng.normal(size=(count, 10)).astype(np.float32)


def by_smplx(body, rotmats, betas):
    with torch.no_grad():
        out = smplx_model(body, len(betas))(
            betas=torch.from_numpy(betas),
            global_orient=torch.from_numpy(rotmats[:, :1]),
            body_pose=torch.from_numpy(rotmats[:, 1:]),
            pose2rot=False,
        )
    return out.vertices.numpy(), out.joints.numpy()


@pytest.fixture(scope="module")
def dense_body(figure):
    """Like a licensed SMPL file: every corrective of every vertex is not zero, and so are all weights."""
    rng = stream(0, "dense-body")
    weights = rng.random((6890, 24)).astype(np.float32)
    return dataclasses.replace(
        figure,
        posedirs=(rng.normal(size=(6890, 3, 207)) * 1e-3).astype(np.float32),
        weights=weights / weights.sum(1, keepdims=True),
    )


def test_pose_body_equals_smplx(figure):
    rotmats, betas = some_people(8)
    vertices, joints = by_smplx(figure, rotmats, betas)
    posed = pose_body(figure, rotmats, betas)
    np.testing.assert_allclose(posed.vertices_m, vertices, atol=TOLERANCE_M)
    np.testing.assert_allclose(joints45(posed.vertices_m, posed.joints_m), joints, atol=TOLERANCE_M)


def test_pose_body_equals_smplx_on_a_dense_body(dense_body):
    rotmats, betas = some_people(3)
    vertices, _ = by_smplx(dense_body, rotmats, betas)
    np.testing.assert_allclose(pose_body(dense_body, rotmats, betas).vertices_m, vertices, atol=TOLERANCE_M)


def test_a_body_has_the_same_bits_in_any_batch(figure):
    rotmats, betas = some_people(7)
    together = pose_body(figure, rotmats, betas)
    for n in range(7):
        alone = pose_body(figure, rotmats[n : n + 1], betas[n : n + 1])
        np.testing.assert_array_equal(alone.vertices_m[0], together.vertices_m[n])
        np.testing.assert_array_equal(alone.joints_m[0], together.joints_m[n])
    np.testing.assert_array_equal(pose_joints(figure, rotmats, betas), together.joints_m)


def test_read_only_arrays_are_welcome(figure):
    """Arrays that Ray hands over cannot be written to."""
    rotmats, betas = some_people(1)
    expected = pose_body(figure, rotmats, betas).vertices_m
    rotmats.flags.writeable = betas.flags.writeable = False
    np.testing.assert_array_equal(pose_body(figure, rotmats, betas).vertices_m, expected)


def test_nobody_to_pose(figure):
    posed = pose_body(figure, np.zeros((0, 24, 3, 3), np.float32), np.zeros((0, 10), np.float32))
    assert posed.vertices_m.shape == (0, 6890, 3)


def test_a_body_crosses_processes_without_its_tables(figure):
    assert figure.dominant_joint.shape == (6890,)
    twin = pickle.loads(pickle.dumps(figure))
    assert "dominant_joint" not in vars(twin)
    assert twin.hash == figure.hash
    rotmats, betas = some_people(1)
    np.testing.assert_array_equal(
        pose_body(twin, rotmats, betas).vertices_m, pose_body(figure, rotmats, betas).vertices_m
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figure", "dense_body"])
def test_the_layer_equals_smplx(name, request):
    body = request.getfixturevalue(name)
    rotmats, betas = some_people(4)
    expected_vertices, expected_joints = by_smplx(body, rotmats, betas)
    layer = BodyLayer(body)
    vertices, joints = layer.vertices(torch.from_numpy(rotmats), torch.from_numpy(betas))
    np.testing.assert_allclose(vertices.numpy(), expected_vertices, atol=TOLERANCE_M)
    np.testing.assert_allclose(joints.numpy(), expected_joints[:, :24], atol=TOLERANCE_M)
    only_joints = layer.joints(torch.from_numpy(rotmats), torch.from_numpy(betas))
    torch.testing.assert_close(only_joints, joints, rtol=0, atol=0)


@pytest.mark.slow
def test_the_layer_passes_right_gradients(figure):
    layer = BodyLayer(figure).double()
    rotmats, betas = some_people(2)
    inputs = [torch.from_numpy(array).double().requires_grad_() for array in (rotmats, betas)]
    assert torch.autograd.gradcheck(layer.joints, inputs)
    some = torch.tensor([0, 332, 2445, 6787])
    # The vertices are an affine function of betas: a finite difference is exact.
    vertices = layer.vertices(*inputs)[0][:, some]
    (slope,) = torch.autograd.grad(vertices.sum(), inputs[1])
    step = torch.zeros_like(inputs[1])
    step[0, 1] = 1e-3
    change = (layer.vertices(inputs[0], inputs[1] + step)[0][:, some] - vertices).sum() / 1e-3
    torch.testing.assert_close(change, slope[0, 1], rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_mixed_precision_stays_out_of_the_layer(figure):
    layer = BodyLayer(figure)
    rotmats, betas = (torch.from_numpy(array) for array in some_people(2))
    plain = layer.vertices(rotmats, betas)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer.vertices(rotmats, betas)[0], plain, rtol=0, atol=0)
        assert layer.joints(rotmats.bfloat16(), betas.bfloat16()).dtype == torch.float32


def test_the_layer_leaves_no_trace_in_a_checkpoint(figure):
    assert not BodyLayer(figure).state_dict()


def test_stock_smplx_reads_our_figure_as_a_file(figure, tmp_path, capsys):
    folder = tmp_path / "smpl"
    folder.mkdir()
    (folder / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(smpl_arrays(figure)))
    model = smplx.create(str(tmp_path), model_type="smpl", gender="neutral")
    np.testing.assert_allclose(model().vertices.detach().numpy()[0], figure.v_template, atol=1e-6)
    assert "only 10 shape" in capsys.readouterr().out  # its own warning, which smplx_model keeps quiet
    smplx_model(figure)
    assert not capsys.readouterr().out
