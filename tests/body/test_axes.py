"""Which way each joint turns: every local frame is the world frame of the T-pose, so signs can be read off motions."""

from __future__ import annotations

import numpy as np
import pytest

from share_dist.body import SMPL24, SMPL45, joints45, pose_body, rotmats_from_rotvecs
from share_dist.body.key_poses import KEY_POSES

LEFT_MOTIONS = [
    # joint, axis it turns about, point that shows it, direction in which the point goes
    ("hip", "-x", "knee", "+z"),  # flexion
    ("hip", "+z", "knee", "+x"),  # abduction
    ("hip", "+y", "big_toe", "+x"),  # external rotation
    ("knee", "+x", "ankle", "-z"),  # flexion
    ("ankle", "-x", "big_toe", "+y"),  # dorsiflexion
    ("foot", "-x", "big_toe", "+y"),  # toes up
    ("collar", "+z", "shoulder", "+y"),  # shrug
    ("collar", "-y", "shoulder", "+z"),  # protraction
    ("shoulder", "-z", "elbow", "-y"),  # down from the T-pose
    ("shoulder", "-y", "elbow", "+z"),  # forward from the T-pose
    ("elbow", "-y", "wrist", "+z"),  # flexion
    ("elbow", "+x", "thumb", "-y"),  # pronation
    ("wrist", "-z", "middle", "-y"),  # palmar flexion
    ("wrist", "-y", "middle", "+z"),  # to the thumb's side
]
TRUNK_MOTIONS = [
    (joint, axis, "nose", way)
    for joint in ("spine1", "spine2", "spine3", "neck", "head")
    for axis, way in (("+x", "-y"), ("+z", "-x"), ("+y", "+x"))  # forward, to the right, turn left
]


def signed(name):
    return np.where(np.array(list("xyz")) == name[1], 1.0 if name[0] == "+" else -1.0, 0.0)


def mirrored(motion):
    joint, axis, point, way = motion
    turn = axis if axis[1] == "x" else {"+": "-", "-": "+"}[axis[0]] + axis[1]
    to = ({"+": "-", "-": "+"}[way[0]] if way[1] == "x" else way[0]) + way[1]
    return f"right_{joint}", turn, f"right_{point}", to


def left(motion):
    joint, axis, point, way = motion
    return f"left_{joint}", axis, f"left_{point}", way


MOTIONS = [*map(left, LEFT_MOTIONS), *map(mirrored, LEFT_MOTIONS), *TRUNK_MOTIONS]


def points_of(figure, pose):
    posed = pose_body(figure, rotmats_from_rotvecs(pose[None].astype(np.float32)), np.zeros((1, 10), np.float32))
    return joints45(posed.vertices_m, posed.joints_m)[0]


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda m: f"{m[0]} {m[1]}")
def test_a_joint_turns_the_way_the_table_says(figure, motion):
    joint, axis, point, way = motion
    pose = np.zeros((24, 3))
    pose[SMPL24.index(joint)] = 0.35 * signed(axis)
    moved = (points_of(figure, pose) - points_of(figure, np.zeros((24, 3))))[SMPL45.index(point)]
    assert moved @ signed(way) > 0.005


@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_turning_the_upper_arm_inwards_lowers_a_bent_forearm(figure, side, sign):
    bent = np.zeros((24, 3))
    bent[SMPL24.index(f"{side}_elbow")] = [0, -sign * np.pi / 2, 0]
    turned = bent.copy()
    turned[SMPL24.index(f"{side}_shoulder")] = [0.35, 0, 0]
    wrist = SMPL45.index(f"{side}_wrist")
    assert points_of(figure, turned)[wrist, 1] < points_of(figure, bent)[wrist, 1] - 0.05


@pytest.mark.parametrize("name", KEY_POSES)
def test_the_mirror_image_of_a_pose_has_mirrored_joints(figure, name):
    pose = KEY_POSES[name]
    image = pose[list(SMPL24.mirror)] * [1, -1, -1]
    expected = points_of(figure, pose)[:24][list(SMPL24.mirror)] * [-1, 1, 1]
    np.testing.assert_allclose(points_of(figure, image)[:24], expected, atol=1e-4)
