"""Joints go by name from one set to another, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from smplx.joint_names import JOINT_NAMES
from smplx.vertex_ids import vertex_ids

from share_dist.body import COCO17, OPENPOSE25, SMPL24, SMPL45, VERTEX_IDS, convert_joints, joint_set
from share_dist.body import require_smpl_mesh as require_mesh
from share_dist.body.joints import JOINT_SETS
from share_dist.errors import WrongJoints

SPIN_TO_SMPL45 = [
    24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
]  # fmt: skip
"""SPIN's constants.JOINT_MAP for its 25 OpenPose joints."""


def test_names_and_order_are_smplxs():
    assert SMPL24.joints[:22] == tuple(JOINT_NAMES[:22])
    short = {"r": "right_", "l": "left_", "R": "right_", "L": "left_"}
    theirs = {
        "nose" if name == "nose" else short[name[0]] + name[1:].replace("Toe", "_toe").lower(): number
        for name, number in vertex_ids["smplh"].items()
    }
    assert theirs == VERTEX_IDS


def test_openpose_is_spins_map():
    points = np.arange(45 * 3).reshape(1, 45, 3)
    np.testing.assert_array_equal(convert_joints(points, SMPL45, OPENPOSE25), points[:, SPIN_TO_SMPL45])


def test_coco_takes_face_from_the_skin_and_limbs_from_the_skeleton():
    points = torch.arange(45 * 2).reshape(45, 2)
    coco = convert_joints(points, SMPL45, COCO17)
    assert coco[COCO17.index("nose")].tolist() == points[24].tolist()
    assert coco[COCO17.index("left_wrist")].tolist() == points[20].tolist()


def test_a_set_that_lacks_joints_is_refused_with_the_way_out():
    with pytest.raises(WrongJoints, match="COCO17 needs nose, left_eye") as caught:
        convert_joints(np.zeros((24, 3)), SMPL24, COCO17)
    assert "joints45" in str(caught.value)


def test_points_of_another_number_are_refused():
    with pytest.raises(WrongJoints, match="SMPL24 has 24 joints, but 17 were given"):
        convert_joints(np.zeros((2, 17, 3)), SMPL24, SMPL24)


def test_mistyped_names_get_the_nearest():
    with pytest.raises(WrongJoints, match="did you mean 'left_ankle'"):
        SMPL24.index("left_ancle")
    with pytest.raises(WrongJoints, match="did you mean 'COCO17'"):
        joint_set("COCO18")


@pytest.mark.parametrize("name", JOINT_SETS)
def test_mirroring_twice_is_nothing(name):
    joints = joint_set(name)
    assert [joints.mirror[place] for place in joints.mirror] == list(range(len(joints)))
    moved = {joints.joints[a] for a, b in enumerate(joints.mirror) if a != b}
    assert moved == {joint for joint in joints.joints if joint.startswith(("left_", "right_"))}


def test_regressors_made_for_smpls_mesh_are_refused_on_the_figure(figure):
    with pytest.raises(WrongJoints, match="H36M14.*built-in figure"):
        require_mesh(figure, "H36M14")
