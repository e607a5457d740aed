"""The built-in figure is a body in SMPL's format, of human size, and its code makes it again."""

from __future__ import annotations

import numpy as np
import pytest

from share_dist.body import VERTEX_IDS, BodyConfig, load_body, pose_body, rotmats_from_rotvecs
from share_dist.body import model as body_model
from share_dist.body.figure_build import build_figure, landmarks_m
from share_dist.body.skeleton import PARENTS, REST_JOINTS_M
from share_dist.errors import BadSetting, DamagedFile
from share_dist.seeds import stream

UPRIGHT = np.zeros((1, 24, 3), np.float32)


def volume_l(vertices_m, faces):
    a, b, c = (vertices_m[faces[:, k]].astype(np.float64) for k in range(3))
    return 1e3 * float((np.cross(a, b) * c).sum() / 6)


def bodies_at_rest(figure, betas):
    betas = np.asarray(betas, np.float32)
    return pose_body(figure, rotmats_from_rotvecs(np.repeat(UPRIGHT, len(betas), 0)), betas).vertices_m


def test_the_mesh_is_one_closed_surface_of_smpls_size(figure):
    faces = figure.faces
    assert figure.v_template.shape == (6890, 3)
    assert faces.shape == (13776, 3)
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed), "an edge is used twice in one direction"
    edges = np.unique(np.sort(directed, 1), axis=0)
    assert len(directed) == 2 * len(edges), "an edge has only one face"
    assert len(figure.v_template) - len(edges) + len(faces) == 2, "the surface has a handle or falls apart"
    assert volume_l(figure.v_template, faces) == pytest.approx(70.4, abs=1.0), "inside out, or another figure"


def test_the_figure_is_as_large_as_an_adult_and_faces_forward(figure):
    low, high = figure.v_template.min(0), figure.v_template.max(0)
    assert high[1] - low[1] == pytest.approx(1.74, abs=0.01)
    assert high[0] - low[0] == pytest.approx(1.76, abs=0.01)
    assert figure.v_template[VERTEX_IDS["nose"], 2] > figure.v_template[VERTEX_IDS["left_ear"], 2] + 0.1


def test_weights_and_regressor_are_means(figure):
    for rows in (figure.weights, figure.joint_regressor):
        assert rows.min() >= 0
        np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    assert (figure.weights > 0).sum(1).max() <= 6


def test_the_regressor_finds_the_skeleton(figure):
    np.testing.assert_allclose(figure.joint_template_m, REST_JOINTS_M, atol=1e-4)
    np.testing.assert_array_equal(figure.parents, PARENTS)


def test_landmarks_lie_at_smpls_vertex_numbers(figure):
    for name, place in landmarks_m().items():
        # 18 mm: the points are given a little off the skin, and the little finger's tip is thinner than a grid cell.
        assert np.linalg.norm(figure.v_template[VERTEX_IDS[name]] - place) < 0.018, name


def test_the_t_pose_is_the_template(figure):
    np.testing.assert_allclose(bodies_at_rest(figure, np.zeros((1, 10)))[0], figure.v_template, atol=1e-6)


def test_random_shapes_are_people(figure):
    betas = np.clip(stream(0, "test-shapes").normal(size=(200, 10)), -3, 3)
    meshes = bodies_at_rest(figure, betas)
    heights = meshes[:, :, 1].max(1) - meshes[:, :, 1].min(1)
    volumes = [volume_l(mesh, figure.faces) for mesh in meshes]
    assert heights.min() > 1.50
    assert heights.max() < 1.98
    assert heights.std() == pytest.approx(0.074, abs=0.012)
    assert min(volumes) > 35
    assert max(volumes) < 130


@pytest.mark.parametrize("number", range(10))
def test_each_beta_alone_stays_human(figure, number):
    betas = np.zeros((2, 10))
    betas[:, number] = -3, 3
    for mesh in bodies_at_rest(figure, betas):
        assert 1.50 < np.ptp(mesh[:, 1]) < 1.98
        assert 35 < volume_l(mesh, figure.faces) < 130


def test_correctives_give_a_bent_body_its_volume_back(figure):
    """A squat folds hips and knees: plain skinning would lose a quarter of the volume there."""
    squat = UPRIGHT.copy()
    squat[0, [1, 2], 0], squat[0, [4, 5], 0] = np.deg2rad(-108), np.deg2rad(122)
    mesh = pose_body(figure, rotmats_from_rotvecs(squat), np.zeros((1, 10), np.float32)).vertices_m[0]
    assert volume_l(mesh, figure.faces) > 0.88 * volume_l(figure.v_template, figure.faces)


def test_an_altered_figure_is_refused(monkeypatch):
    monkeypatch.setattr(body_model, "FIGURE_HASH", "0" * 64)
    with pytest.raises(DamagedFile, match="Install share_dist again"):
        load_body.__wrapped__(BodyConfig())


def test_the_figure_has_no_gender():
    with pytest.raises(BadSetting, match="built-in figure is neutral only"):
        BodyConfig(gender="male")


@pytest.mark.slow
@pytest.mark.proof
def test_the_code_makes_the_shipped_figure(figure):
    built = build_figure()
    np.testing.assert_array_equal(built["f"], figure.faces)
    assert np.linalg.norm(built["v_template"] - figure.v_template, axis=1).max() < 0.5e-3
    np.testing.assert_allclose(built["weights"], figure.weights, atol=1e-3)
    np.testing.assert_allclose(built["shapedirs"], figure.shapedirs, atol=0.5e-3)
    np.testing.assert_allclose(built["posedirs"].astype(np.float32), figure.posedirs, atol=0.5e-3)
    np.testing.assert_allclose(built["J_regressor"] @ built["v_template"], REST_JOINTS_M, atol=1e-4)
