"""A mesh drawn from the truth lies where the renderer painted the person: two independent ways to one silhouette."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from share_dist.body import PeopleDistribution, pose_body
from share_dist.camera import AllCameras, weak_from_full
from share_dist.render import RenderConfig, make_renderer
from share_dist.report import full_perspective, overlay
from share_dist.scene import SceneDistribution, ViewPlan

COUNT = 6


@pytest.fixture(scope="module")
def drawn(figure):
    """Records of a few judge views, and the true vertices with the weak camera that explains them exactly."""
    plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution(occluder_share=0.0), "judge", seed=4)
    config = RenderConfig(size_px=96, parts=True, noise=0.0)
    records = make_renderer(figure, config).records(plan.views(range(COUNT), figure))
    posed = pose_body(figure, records.pose, records.betas)
    moved = records.joints_cam_m[:, 0] - posed.joints_m[:, 0]
    cameras = weak_from_full(moved, records.bbox_px, records.focal_px, records.principal_px)
    return records, posed.vertices_m, cameras


@pytest.mark.parametrize("index", range(COUNT))
def test_the_true_mesh_covers_the_person(figure, drawn, index):
    records, vertices_m, cameras = drawn
    pixels, depth = full_perspective(vertices_m[index], cameras[index], records, index)
    black = np.zeros((96, 96, 3), np.uint8)
    seen = overlay(black, pixels, depth, figure.faces, colour=(255, 255, 255), size_px=96, opacity=1.0)
    mesh, person = (seen > 20).any(-1), records.parts[index] > 0
    assert person.sum() > 300
    assert (person & ~mesh).sum() <= 0.01 * person.sum()
    # The mesh also touches pixels it covers by less than half, so it may be one pixel wider, and never more.
    assert not (mesh & ~binary_dilation(person, np.ones((3, 3)))).any()
