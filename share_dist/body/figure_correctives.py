"""Pose correctives: what linear skinning loses when a joint bends, given back by SMPL's pose blend shapes.

Linear skinning averages matrices, which shrinks a bent knee and wrings a twisted wrist. Averaging rotations instead
does not; the difference is fitted, joint by joint, by a linear function of the joint's rotation matrix, which is what
SMPL's `posedirs` are.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from share_dist.body.skeleton import PARENTS, REST_JOINTS_M
from share_dist.seeds import stream

SAMPLES = 160
GAIN = 0.8
RIDGE = 0.003
LARGEST_M = 0.035
_LEFT_RANGES_DEG = {
    1: (95, 30, 25), 4: (120, 5, 3), 7: (35, 10, 12), 13: (5, 15, 25), 16: (75, 80, 75),
    18: (60, 130, 5), 20: (30, 25, 55),
}  # fmt: skip
RANGES_DEG: dict[int, tuple[float, float, float]] = {
    3: (30, 15, 15), 6: (25, 15, 12), 9: (15, 12, 10), 12: (30, 40, 20), 15: (25, 35, 15),
    **{joint + side: ranges for joint, ranges in _LEFT_RANGES_DEG.items() for side in (0, 1)},
}  # fmt: skip
"""How far each joint's samples turn about x, y, z; feet and hands stay as they are."""


def pose_directions(
    vertices: Float[np.ndarray, "vertex 3"], weights: Float[np.ndarray, "vertex 24"]
) -> Float[np.ndarray, "vertex 3 207"]:
    """Metres for each of the 207 numbers R_j − I, j = 1…23."""
    directions = np.zeros((len(vertices), 3, 207))
    for joint in RANGES_DEG:
        below = [other for other in range(24) if _hangs_on(other, joint)]
        share = weights[:, below].sum(1)
        active = np.flatnonzero((share > 0.01) & (share < 0.99))
        rotvecs = _sample_turns(joint)
        lost = _lost_by_skinning(vertices[active] - REST_JOINTS_M[joint], share[active], rotvecs)
        feature = (Rotation.from_rotvec(rotvecs).as_matrix() - np.eye(3)).reshape(SAMPLES, 9)
        normal = feature.T @ feature + RIDGE * SAMPLES * np.eye(9)
        fitted = np.linalg.solve(normal, feature.T @ lost.reshape(SAMPLES, -1)).reshape(9, len(active), 3)
        directions[active, :, 9 * (joint - 1) : 9 * joint] = GAIN * fitted.transpose(1, 2, 0)
    return directions


def _hangs_on(joint: int, ancestor: int) -> bool:
    while joint >= 0:
        if joint == ancestor:
            return True
        joint = int(PARENTS[joint])
    return False


def _sample_turns(joint: int) -> np.ndarray:
    """Random turns inside the joint's range, one-sided where the joint bends one way only; mirrored on the right."""
    right = joint in (2, 5, 8, 14, 17, 19, 21)
    left = joint - 1 if right else joint
    rng = stream(0, "figure-correctives", left)
    turns = rng.uniform(-1, 1, (SAMPLES, 3)) * np.deg2rad(RANGES_DEG[joint])
    if left == 4:
        turns[:, 0] = np.abs(turns[:, 0])
    if left == 1:
        turns[:, 0] = -np.abs(turns[:, 0]) * rng.choice([1, -0.25], SAMPLES)
    if left == 18:
        turns[:, 1] = -np.abs(turns[:, 1])
    return turns * [1, -1, -1] if right else turns


def _lost_by_skinning(offset: np.ndarray, share: np.ndarray, rotvecs: np.ndarray) -> np.ndarray:
    """What must be added at rest so that skinning gives the rotation-blended place, [sample, vertex, 3]."""
    lost = np.empty((len(rotvecs), len(offset), 3))
    rest = 1 - share
    for n, rotvec in enumerate(rotvecs):
        turn = Rotation.from_rotvec(rotvec)
        quaternion = turn.as_quat(canonical=True)
        between = Rotation.from_quat(share[:, None] * quaternion + rest[:, None] * np.array([0, 0, 0, 1.0]))
        skinned = rest[:, None, None] * np.eye(3) + share[:, None, None] * turn.as_matrix()
        missing = np.linalg.solve(skinned, between.apply(offset)[:, :, None])[:, :, 0] - offset
        length = np.linalg.norm(missing, axis=1, keepdims=True)
        lost[n] = missing * np.minimum(1, LARGEST_M / np.maximum(length, 1e-9))
    return lost
