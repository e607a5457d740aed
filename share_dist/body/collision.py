"""How deep a pose drives one limb into another part of the body, by capsules around the bones."""

from __future__ import annotations

import math

import numpy as np

from share_dist.body.joints import SMPL24
from share_dist.body.quaternions import compiled

CAPSULES: dict[str, tuple[str, str, float]] = {
    "torso": ("pelvis", "neck", 0.105),
    "pelvis": ("left_hip", "right_hip", 0.10),
    "head": ("neck", "head", 0.08),
    "left_thigh": ("left_hip", "left_knee", 0.065),
    "right_thigh": ("right_hip", "right_knee", 0.065),
    "left_shin": ("left_knee", "left_ankle", 0.045),
    "right_shin": ("right_knee", "right_ankle", 0.045),
    "left_forearm": ("left_elbow", "left_wrist", 0.035),
    "right_forearm": ("right_elbow", "right_wrist", 0.035),
    "left_hand": ("left_wrist", "left_hand", 0.03),
    "right_hand": ("right_wrist", "right_hand", 0.03),
}
"""Part → the two joints of its axis and its radius in metres, somewhat thinner than the mean figure."""

_ARM_PARTS = ("left_forearm", "right_forearm", "left_hand", "right_hand")
PAIRS = (
    *((arm, part) for arm in _ARM_PARTS for part in ("torso", "pelvis", "head", "left_thigh", "right_thigh")),
    ("left_forearm", "right_forearm"),
    ("left_hand", "right_hand"),
    ("left_forearm", "right_hand"),
    ("right_forearm", "left_hand"),
    ("left_shin", "right_shin"),
    ("left_shin", "right_thigh"),
    ("right_shin", "left_thigh"),
    ("left_thigh", "right_thigh"),
    ("left_forearm", "left_shin"),
    ("right_forearm", "right_shin"),
)
"""Parts that can meet; neighbours along a limb always overlap and are left out."""


def _collision_tables() -> tuple[np.ndarray, np.ndarray]:
    """Joints at the capsules' ends of each pair [P,4], and the sum of their radii [P]."""
    ends, reach = [], []
    for first, second in PAIRS:
        a, b, radius = CAPSULES[first]
        c, d, other = CAPSULES[second]
        ends.append([SMPL24.index(joint) for joint in (a, b, c, d)])
        reach.append(radius + other)
    return np.array(ends, np.int64), np.array(reach)


COLLISION_TABLES = _collision_tables()


@compiled()
def _clip01(value):
    return min(max(value, 0.0), 1.0)


@compiled()
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled()
def _minus(a, b):
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


@compiled()
def segment_distance(start1, end1, start2, end2):
    """Distance between two segments. Source: Ericson, Real-Time Collision Detection, 5.1.9."""
    along1, along2, gap = _minus(end1, start1), _minus(end2, start2), _minus(start1, start2)
    a, e, f = _dot(along1, along1), _dot(along2, along2), _dot(along2, gap)
    b, c = _dot(along1, along2), _dot(along1, gap)
    determinant = a * e - b * b
    s = _clip01((b * f - c * e) / determinant) if determinant > 1e-9 else 0.0
    t = _clip01((b * s + f) / e)
    s = _clip01((b * t - c) / a)
    x = gap[0] + s * along1[0] - t * along2[0]
    y = gap[1] + s * along1[1] - t * along2[1]
    z = gap[2] + s * along1[2] - t * along2[2]
    return math.sqrt(x * x + y * y + z * z)


@compiled()
def collision_depth_m(joints_m, ends, reach):
    """How deep the worst pair of parts overlaps in one person's joints [24,3], metres; 0 when nothing touches."""
    worst = 0.0
    for pair in range(reach.shape[0]):
        a, b, c, d = ends[pair]
        distance = segment_distance(joints_m[a], joints_m[b], joints_m[c], joints_m[d])
        worst = max(worst, reach[pair] - distance)
    return worst
