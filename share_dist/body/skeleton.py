"""The built-in figure's skeleton: joints of the mean shape in the T-pose, and who hangs on whom.

Metres, y up, facing +z, x to the person's left; the origin is where SMPL has it, near the chest. Our own numbers for a
rounded adult. Pose sampling checks collisions on it, so that people do not depend on which body files are at hand.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

PARENTS: Int[np.ndarray, "24"] = np.array(
    [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
)

_MIDDLE = {
    0: (0.0, -0.22, 0.02),  # pelvis
    3: (0.0, -0.11, 0.0),  # spine1
    6: (0.0, 0.025, 0.0),  # spine2
    9: (0.0, 0.08, 0.02),  # spine3
    12: (0.0, 0.29, -0.02),  # neck
    15: (0.0, 0.365, 0.02),  # head
}
_LEFT = {
    1: (0.07, -0.31, 0.01),  # hip
    4: (0.105, -0.70, 0.0),  # knee
    7: (0.09, -1.10, -0.035),  # ankle
    10: (0.115, -1.16, 0.085),  # foot
    13: (0.08, 0.19, -0.01),  # collar
    16: (0.175, 0.225, -0.02),  # shoulder
    18: (0.435, 0.215, -0.035),  # elbow
    20: (0.69, 0.22, -0.035),  # wrist
    22: (0.775, 0.212, -0.04),  # hand
}


def _rest_joints() -> Float[np.ndarray, "24 3"]:
    joints = np.zeros((24, 3))
    for number, place in {**_MIDDLE, **_LEFT}.items():
        joints[number] = place
    for number, (x, y, z) in _LEFT.items():
        joints[number + 1] = (-x, y, z)
    return joints


REST_JOINTS_M: Float[np.ndarray, "24 3"] = _rest_joints()
