"""The loop that draws poses: blend key poses, add noise, respect the joints' limits, try again on a collision.

In numba, a person at a time, so that a pose has the same bits in any batch.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from share_dist.body.collision import COLLISION_TABLES, collision_depth_m
from share_dist.body.families import FAMILIES
from share_dist.body.joints import SMPL24
from share_dist.body.key_poses import KEY_POSES
from share_dist.body.limits import LIMIT_TABLES, within_limits
from share_dist.body.quaternions import blend, compiled, from_rotvec, product, to_matrix, to_rotvec
from share_dist.body.skeleton import PARENTS, REST_JOINTS_M
from share_dist.compiled import source_stamp

UNIFORMS = 12
"""Uniform random numbers that one attempt uses: which keys, which side, how far between them."""


def sample_poses(
    families: Int64[np.ndarray, "person"],
    uniforms: Float64[np.ndarray, "person attempt 12"],
    noise_rad: Float64[np.ndarray, "person attempt 24 3"],
    max_overlap_m: float,
) -> Float32[np.ndarray, "person 24 3"]:
    """Draw a pose for each person from given random numbers.

    Args:
        families: place of each person's family in FAMILIES.
        uniforms: in [0, 1).
        noise_rad: free turn of each joint; of the pelvis only x and z count, for the plan gives people no yaw.
        max_overlap_m: a pose whose limbs sink deeper into the body is drawn anew; when all attempts do, the least
            deep one stands.

    Returns:
        Rotation vectors, radians.
    """
    poses = np.empty((len(families), 24, 3), np.float32)
    _sample_poses(
        families, uniforms, noise_rad, max_overlap_m,
        _family_tables(), _key_quaternions(), LIMIT_TABLES, COLLISION_TABLES, REST_JOINTS_M, PARENTS, poses,
    )  # fmt: skip
    return poses


_LOWER, _TRUNK, _LEFT_ARM, _RIGHT_ARM = 0, 1, 2, 3
_GROUP = np.array([
    _LEFT_ARM if joint.startswith("left_") and part else _RIGHT_ARM if part else
    _LOWER if any(word in joint for word in ("hip", "knee", "ankle", "foot")) else _TRUNK
    for joint in SMPL24.joints
    for part in [any(word in joint for word in ("collar", "shoulder", "elbow", "wrist", "hand"))]
])  # fmt: skip


class _FamilyTables(NamedTuple):
    """For each family the numbers of its own keys, of those that lend legs, and of those that lend arms."""

    keys: np.ndarray  # [family, 3, longest]
    counts: np.ndarray  # [family, 3]


@functools.cache
def _family_tables() -> _FamilyTables:
    number = {name: n for n, name in enumerate(KEY_POSES)}
    lists = [
        [
            [number[key] for key in family.keys],
            [number[key] for lender in family.legs_from for key in FAMILIES[lender].keys],
            [number[key] for lender in family.arms_from for key in FAMILIES[lender].keys],
        ]
        for family in FAMILIES.values()
    ]
    longest = max(len(keys) for family in lists for keys in family)
    keys = np.zeros((len(lists), 3, longest), np.int64)
    for f, family in enumerate(lists):
        for k, own in enumerate(family):
            keys[f, k, : len(own)] = own
    return _FamilyTables(keys, np.array([[len(own) for own in family] for family in lists], np.int64))


@functools.cache
def _key_quaternions() -> np.ndarray:
    """Key poses and their mirror images, [2, key, 24, 4]."""
    plain = np.array([[from_rotvec(*joint) for joint in pose] for pose in KEY_POSES.values()])
    return np.stack([plain, plain[:, list(SMPL24.mirror)] * np.array([1.0, 1.0, -1.0, -1.0])])


@compiled()
def _quaternion(row):
    return (row[0], row[1], row[2], row[3])


@compiled()
def _pick(keys, count, uniform):
    return keys[int(uniform * count)]


@compiled()
def _blended(joint, family, u, tables, keys):
    """One joint of the blend: two key poses of the family, then legs or arms that others lend."""
    side = 1 if u[0] < 0.5 else 0
    own, counts = tables.keys[family], tables.counts[family]
    first, second = _pick(own[0], counts[0], u[1]), _pick(own[0], counts[0], u[2])
    turn = blend(_quaternion(keys[side, first, joint]), _quaternion(keys[side, second, joint]), 0.5 * u[3])
    group = _GROUP[joint]
    lent = 1 if group == _LOWER else 2
    if group == _TRUNK or counts[lent] == 0:
        return turn
    share = u[6] if lent == 1 else 0.8 * (u[7] if group == _LEFT_ARM else u[8])
    lender = _pick(own[lent], counts[lent], u[4] if lent == 1 else u[5])
    lender_side = 1 if u[9 + (lent - 1)] < 0.5 else 0
    return blend(turn, _quaternion(keys[lender_side, lender, joint]), share)


@compiled()
def _fill_pose(family, u, noise, tables, keys, limits, pose):
    """Pose [24,4] as quaternions: blend, noise, limits. The tilt's noise has no yaw and turns the whole body."""
    for joint in range(24):
        turn = _blended(joint, family, u, tables, keys)
        if joint == 0:
            turn = product(from_rotvec(noise[0, 0], 0.0, noise[0, 2]), turn)
        else:
            turn = product(turn, from_rotvec(noise[joint, 0], noise[joint, 1], noise[joint, 2]))
            turn = within_limits(turn, joint, limits[0], limits[1], limits[2], limits[3])
        pose[joint] = turn


@compiled()
def _fill_joints(pose, rest_joints_m, parents, turns, joints_m):
    matrix = np.empty((3, 3))
    turns[0] = pose[0]
    joints_m[0] = rest_joints_m[0]
    for joint in range(1, 24):
        parent = parents[joint]
        above = _quaternion(turns[parent])
        to_matrix(above, matrix)
        for r in range(3):
            total = joints_m[parent, r]
            for c in range(3):
                total += matrix[r, c] * (rest_joints_m[joint, c] - rest_joints_m[parent, c])
            joints_m[joint, r] = total
        turns[joint] = product(above, _quaternion(pose[joint]))


_MADE_OF = source_stamp(__file__, "quaternions.py", "limits.py", "collision.py", "joints.py")


@compiled(cache=True)
def _sample_poses(
    families, uniforms, noise, max_overlap_m, tables, keys, limits, collisions, rest_joints_m, parents, poses,
    _made_of=_MADE_OF,
):  # fmt: skip
    pose, best = np.empty((24, 4)), np.empty((24, 4))
    turns, joints_m = np.empty((24, 4)), np.empty((24, 3))
    for n in range(families.shape[0]):
        least = np.inf
        for attempt in range(uniforms.shape[1]):
            _fill_pose(families[n], uniforms[n, attempt], noise[n, attempt], tables, keys, limits, pose)
            _fill_joints(pose, rest_joints_m, parents, turns, joints_m)
            depth = collision_depth_m(joints_m, collisions[0], collisions[1])
            if depth < least:
                least = depth
                best[:] = pose
            if depth <= max_overlap_m:
                break
        for joint in range(24):
            x, y, z = to_rotvec(_quaternion(best[joint]))
            poses[n, joint, 0], poses[n, joint, 1], poses[n, joint, 2] = x, y, z
