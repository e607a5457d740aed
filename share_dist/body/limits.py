"""How far each joint can turn: Cardan angles for most, direction and twist for the shoulder.

Angles are in the left limb's sense; the right limb is clipped as its own mirror image. The axis orders are such that
the first angle is the joint's main motion. A hanging arm sits at the pole of every Cardan order, so the shoulder is
clipped by where the arm points and how it is twisted about itself.
"""

from __future__ import annotations

import math

import numpy as np

from share_dist.body.joints import SMPL24
from share_dist.body.quaternions import about_axis, compiled, mirrored, product, to_matrix

CARDAN_LIMITS_DEG: dict[str, tuple[str, tuple[tuple[float, float], ...]]] = {
    "hip": ("XZY", ((-125, 25), (-20, 45), (-35, 50))),  # −flexion, abduction, external rotation
    "knee": ("XYZ", ((0, 140), (-8, 8), (-5, 5))),
    "ankle": ("XYZ", ((-22, 40), (-12, 12), (-15, 15))),  # −dorsiflexion
    "foot": ("XYZ", ((-30, 15), (-3, 3), (-3, 3))),
    "spine1": ("XZY", ((-15, 35), (-15, 15), (-15, 15))),  # forward, to the right, turn left
    "spine2": ("XZY", ((-10, 25), (-12, 12), (-15, 15))),
    "spine3": ("XZY", ((-8, 15), (-8, 8), (-12, 12))),
    "neck": ("XZY", ((-25, 30), (-20, 20), (-35, 35))),
    "head": ("XZY", ((-25, 25), (-15, 15), (-35, 35))),
    "collar": ("ZYX", ((-8, 25), (-15, 12), (-5, 5))),  # shrug, −protraction
    "elbow": ("YXZ", ((-145, 0), (-80, 80), (-5, 5))),  # −flexion, pronation
    "wrist": ("ZYX", ((-60, 55), (-20, 25), (-40, 40))),  # −palmar flexion, −radial deviation, twist
    "hand": ("XYZ", ((0, 0), (0, 0), (0, 0))),  # hardly seen in a picture
}
"""Axis order of each joint's angles and their bounds. Rounded from clinical ranges of motion."""

ARM_BACK_LOW, ARM_BACK_HIGH = -0.62, -0.30
"""Least forward part (z) of the left arm's direction when it hangs, and when it is raised above the horizontal."""
ARM_ACROSS = -0.45
"""Least outward part (x): how far the arm reaches across the chest."""
ARM_UP = 0.97
"""Largest upward part (y)."""
ARM_EASY = (0.6, 0.1, 0.7937253933193772)
"""The middle of what the arm can reach: out and forward. Arms out of reach are moved towards it."""
ARM_TWIST_DEG = (-95.0, 85.0)
"""Rotation about the upper arm, internal positive."""

_FREE, _CARDAN, _SHOULDER = 0, 1, 2


def _limit_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Kind [24], axis order [24,3], bounds in radians [24,3,2], whether on the right [24]."""
    kind, order = np.zeros(24, np.int64), np.zeros((24, 3), np.int64)
    bounds, right = np.zeros((24, 3, 2)), np.zeros(24, np.bool_)
    for j, name in enumerate(SMPL24.joints):
        right[j] = name.startswith("right_")
        part = name.removeprefix("left_").removeprefix("right_")
        if part == "shoulder":
            kind[j] = _SHOULDER
        elif part in CARDAN_LIMITS_DEG:
            kind[j] = _CARDAN
            axes, limits = CARDAN_LIMITS_DEG[part]
            order[j], bounds[j] = ["XYZ".index(axis) for axis in axes], np.deg2rad(limits)
    return kind, order, bounds, right


LIMIT_TABLES = _limit_tables()


@compiled()
def _clip(value, low, high):
    return min(max(value, low), high)


@compiled()
def _clip_cardan(q, order, bounds):
    matrix = np.empty((3, 3))
    to_matrix(q, matrix)
    i, j, k = order
    parity = 1.0 if (i + 1) % 3 == j else -1.0
    first = math.atan2(-parity * matrix[j, k], matrix[k, k])
    second = math.asin(_clip(parity * matrix[i, k], -1.0, 1.0))
    third = math.atan2(-parity * matrix[i, j], matrix[i, i])
    turn = about_axis(i, _clip(first, bounds[0, 0], bounds[0, 1]))
    turn = product(turn, about_axis(j, _clip(second, bounds[1, 0], bounds[1, 1])))
    return product(turn, about_axis(k, _clip(third, bounds[2, 0], bounds[2, 1])))


@compiled()
def _arm_can_point(x, y, z):
    ease = _clip(y / 0.3, 0.0, 1.0)
    return x >= ARM_ACROSS and y <= ARM_UP and z >= ARM_BACK_LOW + (ARM_BACK_HIGH - ARM_BACK_LOW) * ease


@compiled()
def _toward_easy(x, y, z, share):
    px = ARM_EASY[0] + share * (x - ARM_EASY[0])
    py = ARM_EASY[1] + share * (y - ARM_EASY[1])
    pz = ARM_EASY[2] + share * (z - ARM_EASY[2])
    length = math.sqrt(px * px + py * py + pz * pz) + 1e-12
    return px / length, py / length, pz / length


@compiled()
def _clip_direction(x, y, z):
    """The first direction the arm can point in, going from the given one towards ARM_EASY."""
    if _arm_can_point(x, y, z):
        return x, y, z
    outside, inside = 1.0, 0.0
    for step in range(1, 64):
        share = 1.0 - step / 64
        px, py, pz = _toward_easy(x, y, z, share)
        if _arm_can_point(px, py, pz):
            outside, inside = share + 1.0 / 64, share
            break
    for _ in range(20):
        share = 0.5 * (inside + outside)
        px, py, pz = _toward_easy(x, y, z, share)
        if _arm_can_point(px, py, pz):
            inside = share
        else:
            outside = share
    return _toward_easy(x, y, z, inside)


@compiled()
def _clip_shoulder(q):
    """Left arm: along +x in the T-pose. Keep its direction inside the reachable part of the sphere, and its twist."""
    matrix = np.empty((3, 3))
    to_matrix(q, matrix)
    twist = 2.0 * math.atan2(q[1], q[0])
    twist = (twist + math.pi) % (2.0 * math.pi) - math.pi
    x, y, z = _clip_direction(matrix[0, 0], matrix[1, 0], matrix[2, 0])
    # Half-angle form of the shortest turn from (1,0,0) to (x,y,z); x is never near −1.
    w = math.sqrt(0.5 * (1.0 + x))
    swing = (w, 0.0, -0.5 * z / w, 0.5 * y / w)
    low, high = math.radians(ARM_TWIST_DEG[0]), math.radians(ARM_TWIST_DEG[1])
    return product(swing, about_axis(0, _clip(twist, low, high)))


@compiled()
def within_limits(q, joint, kind, order, bounds, right):
    """The nearest turn (in the joint's own angles) that the joint can make."""
    if kind[joint] == _FREE:
        return q
    if right[joint]:
        q = mirrored(q)
    q = _clip_shoulder(q) if kind[joint] == _SHOULDER else _clip_cardan(q, order[joint], bounds[joint])
    return mirrored(q) if right[joint] else q
