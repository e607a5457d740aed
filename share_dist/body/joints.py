"""Joints by name: the sets that papers use, which of them a body can give, and which swap sides in a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from share_dist.body.model import Body
from share_dist.errors import WrongJoints, nearest_name

if TYPE_CHECKING:
    from torch import Tensor

ArrayOrTensor = TypeVar("ArrayOrTensor", np.ndarray, "Tensor")


@dataclass(frozen=True)
class JointSet:
    """Joints in a fixed order, each with one name; the same name means the same point in every set."""

    name: str
    joints: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Place of a joint; WrongJoints names the nearest when there is none of that name."""
        if joint not in self.joints:
            raise WrongJoints(f"{self.name} has no joint '{joint}'{nearest_name(joint, self.joints)}")
        return self.joints.index(joint)

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each joint the place of its mirror image: left and right swapped, the middle as it is."""
        return tuple(self.joints.index(_other_side(joint)) for joint in self.joints)


def _other_side(joint: str) -> str:
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    return "left_" + joint.removeprefix("right_") if joint.startswith("right_") else joint


_TRUNK_AND_LIMBS = """
pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 left_foot right_foot
neck left_collar right_collar head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist
left_hand right_hand
"""
VERTEX_IDS = {
    "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583,
    "left_big_toe": 3216, "left_small_toe": 3226, "left_heel": 3387,
    "right_big_toe": 6617, "right_small_toe": 6624, "right_heel": 6787,
    "left_thumb": 2746, "left_index": 2319, "left_middle": 2445, "left_ring": 2556, "left_pinky": 2673,
    "right_thumb": 6191, "right_index": 5782, "right_middle": 5905, "right_ring": 6016, "right_pinky": 6133,
}  # fmt: skip
"""Vertices that stand for points on the skin, in the order in which smplx appends them to the 24 joints."""

SMPL24 = JointSet("SMPL24", tuple(_TRUNK_AND_LIMBS.split()))
"""SMPL's own joints: what we train on and what MPJPE means unless a protocol says otherwise."""

SMPL45 = JointSet("SMPL45", SMPL24.joints + tuple(VERTEX_IDS))
"""The 45 joints that smplx.SMPL returns."""

_OPENPOSE = """
nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist pelvis right_hip right_knee
right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe left_small_toe left_heel
right_big_toe right_small_toe right_heel
"""
OPENPOSE25 = JointSet("OPENPOSE25", tuple(_OPENPOSE.split()))
"""OpenPose's BODY_25, also the first 25 of SPIN's 49; its MidHip is SMPL's pelvis, as in SPIN's own map."""

_COCO = """
nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist
left_hip right_hip left_knee right_knee left_ankle right_ankle
"""
COCO17 = JointSet("COCO17", tuple(_COCO.split()))
"""COCO's key points; its limb joints are taken to be SMPL's, as in SPIN's and HMR2's maps."""

JOINT_SETS = {joint_set.name: joint_set for joint_set in (SMPL24, SMPL45, OPENPOSE25, COCO17)}


def joint_set(name: str) -> JointSet:
    """The set of that name, or WrongJoints with the nearest."""
    if name not in JOINT_SETS:
        raise WrongJoints(f"there is no joint set '{name}'{nearest_name(name, JOINT_SETS)}")
    return JOINT_SETS[name]


def convert_joints(points: ArrayOrTensor, source: JointSet, target: JointSet) -> ArrayOrTensor:
    """Reorder points [..., joint, k] from one set to another by name; never fills in or drops silently.

    Raises:
        WrongJoints: the points are not as many as the source has joints, or the target wants joints that the
            source has not.
    """
    if points.shape[-2] != len(source):
        raise WrongJoints(
            f"{source.name} has {len(source)} joints, but {points.shape[-2]} were given (shape {tuple(points.shape)})."
        )
    missing = [joint for joint in target.joints if joint not in source.joints]
    if missing:
        raise WrongJoints(
            f"{target.name} needs {', '.join(missing)}, which {source.name} has not.\n"
            "  Points on the skin come from the mesh: use joints45(vertices, joints) and convert from SMPL45."
        )
    return points[..., [source.index(joint) for joint in target.joints], :]


def joints45(vertices_m: ArrayOrTensor, joints_m: ArrayOrTensor) -> ArrayOrTensor:
    """SMPL45 from a mesh [..., 6890, 3] and its SMPL24 joints [..., 24, 3], as smplx.SMPL gives them."""
    skin = vertices_m[..., list(VERTEX_IDS.values()), :]
    if isinstance(skin, np.ndarray):
        return np.concatenate([joints_m, skin], -2)
    import torch

    join: Any = torch.cat
    return join([joints_m, skin], -2)


def require_smpl_mesh(body: Body, regressor: str) -> None:
    """Refuse third-party regressors over 6,890 vertices on the built-in figure: its vertices lie elsewhere."""
    if body.is_builtin:
        raise WrongJoints(
            f"'{regressor}' regresses joints from SMPL's vertices, but the body is the built-in figure ({body.name}).\n"
            "  Use SMPL24, SMPL45, OPENPOSE25 or COCO17, or set body.folder to licensed SMPL files."
        )
