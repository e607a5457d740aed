"""Key poses in the words of motion (flexion, abduction, twist).

All angles in degrees, in the sense of the left limb; the right limb is its mirror image.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from share_dist.body.joints import SMPL24

Turn = tuple[float, ...]


def _turn(side: str, order: str, *angles_deg: float) -> np.ndarray:
    rotvec = Rotation.from_euler(order, angles_deg, degrees=True).as_rotvec()
    return rotvec if side == "left" else rotvec * np.array([1.0, -1.0, -1.0])


def _hip(side: str, flexion: float = 0, abduction: float = 0, external: float = 0) -> np.ndarray:
    return _turn(side, "XZY", -flexion, abduction, external)


def _knee(side: str, flexion: float) -> np.ndarray:
    return _turn(side, "X", flexion)


def _ankle(side: str, dorsiflexion: float) -> np.ndarray:
    return _turn(side, "X", -dorsiflexion)


def _arm(side: str, elevation: float, forward: float = 0, twist: float = 0) -> np.ndarray:
    """Shoulder from the T-pose: up from the horizontal, forward about the vertical, turned inwards about itself."""
    return _turn(side, "YZX", -forward, elevation, twist)


def _swing(side: str, elevation: float, flexion: float = 0, twist: float = 0) -> np.ndarray:
    """Shoulder of an arm that hangs and swings forward by `flexion`."""
    return _turn(side, "XZX", -flexion, elevation, twist)


def _elbow(side: str, flexion: float, pronation: float = 0) -> np.ndarray:
    return _turn(side, "YX", -flexion, pronation)


def _wrist(side: str, palmar: float = 0, radial: float = 0) -> np.ndarray:
    return _turn(side, "ZY", -palmar, -radial)


def _collar(side: str, shrug: float = 0, protraction: float = 0) -> np.ndarray:
    return _turn(side, "ZY", shrug, -protraction)


def _spine(forward: float = 0, right: float = 0, left_turn: float = 0) -> np.ndarray:
    return _turn("left", "XZY", forward, right, left_turn)


_LIMB_JOINTS = {
    "hip": _hip, "knee": _knee, "ankle": _ankle, "arm": _arm, "swing": _swing, "elbow": _elbow, "wrist": _wrist,
    "collar": _collar,
}  # fmt: skip


def _pose(
    both: Mapping[str, Turn] | None = None,
    left: Mapping[str, Turn] | None = None,
    right: Mapping[str, Turn] | None = None,
    **trunk: Turn,
) -> Float[np.ndarray, "24 3"]:
    """A pose from named motions; `both` goes to both sides, `left` and `right` add to it or replace it."""
    pose = np.zeros((24, 3))
    for side, own in (("left", left), ("right", right)):
        for motion, angles in {**(both or {}), **(own or {})}.items():
            joint = "shoulder" if motion in ("arm", "swing") else motion
            pose[SMPL24.index(f"{side}_{joint}")] = _LIMB_JOINTS[motion](side, *angles)
    for joint, angles in trunk.items():
        pose[SMPL24.index(joint)] = _spine(*angles)
    return pose


_HANG: dict[str, Turn] = {"arm": (-76, 8, 5), "elbow": (14,)}

KEY_POSES: dict[str, Float[np.ndarray, "24 3"]] = {
    "stand": _pose(_HANG),
    "stand_leg": _pose(
        _HANG, {"hip": (2, 4)}, {"hip": (14, 5, 12), "knee": (22,), "ankle": (6,)}, spine1=(0, 4), spine2=(0, -3)
    ),
    "apose": _pose({"arm": (-50, 4), "elbow": (12,), "hip": (0, 8)}),
    "hands_hips": _pose({"arm": (-48, -14, 38), "elbow": (100,), "wrist": (30,), "hip": (0, 8)}),
    "phone": _pose(_HANG, right={"swing": (-72, 28, 20), "elbow": (98, -30)}, neck=(16,), head=(14,)),
    "hands_front": _pose({"swing": (-74, 16, 40), "elbow": (48, 20)}, head=(4,)),
    "carry": _pose({"swing": (-74, 12), "elbow": (82, -40)}, spine1=(-3,)),
    "talk": _pose(
        {"swing": (-70, 14, 10), "elbow": (60, -20)}, right={"swing": (-64, 24, 0), "elbow": (88, -35)}, neck=(0, 0, 10)
    ),
    "pockets": _pose({"arm": (-68, -8, 20), "elbow": (42,), "hip": (0, 5)}),
    "walk_strike": _pose(
        None,
        {"hip": (28,), "knee": (6,), "ankle": (4,), "swing": (-76, -18), "elbow": (12,)},
        {"hip": (-14,), "knee": (18,), "ankle": (-4,), "swing": (-76, 22), "elbow": (26,)},
        spine1=(3, 0, -4),
        spine3=(0, 0, 8),
    ),
    "walk_mid": _pose(
        {"arm": (-77,), "elbow": (16,)},
        {"hip": (6,), "knee": (12,), "ankle": (6,)},
        {"hip": (12,), "knee": (55,)},
        spine1=(3,),
    ),
    "walk_toe_off": _pose(
        None,
        {"hip": (-18,), "knee": (30,), "ankle": (-15,), "swing": (-76, 20), "elbow": (24,)},
        {"hip": (24,), "knee": (10,), "ankle": (4,), "swing": (-76, -16), "elbow": (14,)},
        spine1=(4, 0, 4),
        spine3=(0, 0, -8),
    ),
    "walk_bag": _pose(
        None,
        {"hip": (20,), "knee": (8,), "swing": (-74, 20, 15), "elbow": (95,)},
        {"hip": (-10,), "knee": (20,), "swing": (-76, 10), "elbow": (14,)},
        spine1=(2, 3),
    ),
    "run": _pose(
        None,
        {"hip": (62,), "knee": (80,), "ankle": (5,), "swing": (-72, -38), "elbow": (92,)},
        {"hip": (-22,), "knee": (25,), "ankle": (-20,), "swing": (-72, 42), "elbow": (98,)},
        spine1=(10, 0, -6),
        spine3=(2, 0, 12),
        neck=(-5,),
        pelvis=(6,),
    ),
    "run_flight": _pose(
        None,
        {"hip": (35,), "knee": (20,), "swing": (-72, -20), "elbow": (85,)},
        {"hip": (-10,), "knee": (95,), "ankle": (-20,), "swing": (-72, 25), "elbow": (90,)},
        spine1=(12,),
    ),
    "jog": _pose(
        {"elbow": (85,)},
        {"hip": (40,), "knee": (55,), "swing": (-74, -16)},
        {"hip": (-10,), "knee": (40,), "ankle": (-10,), "swing": (-74, 22)},
        spine1=(6,),
    ),
    "sit": _pose({"hip": (88, 8), "knee": (88,), "swing": (-70, 28), "elbow": (52,)}, spine1=(6,)),
    "sit_forward": _pose(
        {"hip": (98, 14), "knee": (84,), "swing": (-66, 42), "elbow": (60,)}, spine1=(22,), spine2=(14,), neck=(-8,)
    ),
    "sit_back": _pose(
        {"hip": (72, 8), "knee": (70,), "swing": (-66, 14), "elbow": (46,)}, spine1=(4,), spine2=(4,), head=(6,)
    ),
    "sit_type": _pose({"hip": (90, 6), "knee": (92,), "swing": (-72, 30), "elbow": (82, 25)}, spine1=(8,), head=(8,)),
    "sit_floor": _pose(
        {"hip": (82, 12), "knee": (26,), "swing": (-62, -28), "elbow": (8,)}, pelvis=(-12,), spine1=(8,), spine2=(6,)
    ),
    "squat": _pose(
        {"hip": (108, 16, 14), "knee": (122,), "ankle": (22,), "arm": (-8, 82), "elbow": (12,)},
        spine1=(16,),
        spine2=(10,),
        neck=(-12,),
        pelvis=(12,),
    ),
    "squat_low": _pose(
        {"hip": (118, 24, 18), "knee": (132,), "ankle": (20,), "swing": (-72, 62), "elbow": (40,)},
        spine1=(20,),
        spine2=(12,),
        neck=(-10,),
        pelvis=(14,),
    ),
    "reach_up": _pose(
        {"hip": (0, 4)}, {"arm": (72, 15), "collar": (18,)}, {"arm": (-74,), "elbow": (20,)}, spine2=(0, 8), head=(-15,)
    ),
    "reach_forward": _pose(
        None,
        {"hip": (14,), "knee": (16,), "arm": (0, 85), "elbow": (10,)},
        {"hip": (-4,), "knee": (6,), "arm": (-5, 78), "elbow": (25,)},
        spine1=(18,),
        spine2=(12,),
        pelvis=(8,),
    ),
    "reach_side": _pose({"hip": (0, 8)}, {"arm": (8, 12), "elbow": (10,)}, _HANG, spine2=(0, -8), neck=(0, 0, 25)),
    "point": _pose(_HANG, {"arm": (4, 72), "elbow": (8,)}, neck=(0, 0, 8)),
    "bend": _pose(
        {"hip": (50,), "knee": (12,), "arm": (-20, 75), "elbow": (10,)},
        pelvis=(44,),
        spine1=(20,),
        spine2=(14,),
        spine3=(8,),
        neck=(-10,),
    ),
    "lean": _pose(
        {"hip": (28, 4), "knee": (10,), "swing": (-68, 40), "elbow": (34,)},
        pelvis=(24,),
        spine1=(14,),
        spine2=(10,),
        neck=(6,),
    ),
    "pick_up": _pose(
        {"hip": (76, 8), "knee": (48,), "ankle": (10,), "arm": (-22, 78), "elbow": (14,)},
        spine1=(28,),
        spine2=(16,),
        neck=(-6,),
        pelvis=(48,),
    ),
    "tie_shoe": _pose(
        {"arm": (-18, 74), "elbow": (16,)},
        {"hip": (96, 4), "knee": (70,), "ankle": (8,)},
        {"hip": (52,), "knee": (58,), "ankle": (12,)},
        spine1=(26,),
        spine2=(16,),
        pelvis=(40,),
    ),
    "arms_up": _pose({"arm": (68, 10), "elbow": (20,), "collar": (20,)}),
    "cheer": _pose({"arm": (45, 15, -20), "elbow": (45,), "collar": (14,), "hip": (0, 8)}, head=(-10,)),
    "hands_head": _pose({"arm": (18, 18, -85), "elbow": (122,), "collar": (12,)}),
    "kick": _pose(
        None,
        {"hip": (-6,), "knee": (14,), "arm": (-25, 30), "elbow": (25,)},
        {"hip": (74,), "knee": (22,), "ankle": (-25,), "arm": (-35, -15), "elbow": (30,)},
        spine1=(-6,),
    ),
    "step_up": _pose(
        None,
        {"hip": (74,), "knee": (82,), "swing": (-74, -12), "elbow": (40,)},
        {"hip": (2,), "knee": (10,), "swing": (-74, 30), "elbow": (50,)},
        spine1=(10,),
    ),
    "lie_back": _pose(
        {"arm": (-40,), "elbow": (25,)},
        {"hip": (10, 8), "knee": (15,)},
        {"hip": (35, 6), "knee": (65,)},
        pelvis=(-88,),
    ),
    "lie_knees": _pose(
        {"hip": (52, 6), "knee": (88,), "arm": (-55, 5), "elbow": (30,)}, pelvis=(-86,), neck=(10,), head=(6,)
    ),
    "all_fours": _pose(
        {"hip": (85,), "knee": (88,), "ankle": (-35,), "arm": (-12, 80), "elbow": (5,)}, pelvis=(85,), neck=(-25,)
    ),
    "crawl": _pose(
        {"knee": (88,), "ankle": (-35,)},
        {"hip": (98,), "arm": (-24, 78), "elbow": (8,)},
        {"hip": (68,), "arm": (6, 82), "elbow": (12,)},
        pelvis=(82,),
        neck=(-22,),
    ),
    "kneel": _pose(
        {"swing": (-66, 25), "elbow": (50,)},
        {"hip": (92,), "knee": (92,), "ankle": (4,)},
        {"hip": (8,), "knee": (98,), "ankle": (-30,)},
        spine1=(6,),
    ),
    "kneel_up": _pose({**_HANG, "hip": (4, 6), "knee": (96,), "ankle": (-38,)}),
    "wave": _pose(_HANG, right={"arm": (-15, 10, -88), "elbow": (95,)}, head=(0, 6, -10)),
    "wave_high": _pose(_HANG, right={"arm": (42, 12, -60), "elbow": (48,), "collar": (12,)}, head=(-6, 4, -8)),
    "cross_arms": _pose(None, {"arm": (-54, 28, 42), "elbow": (92,)}, {"arm": (-48, 36, 38), "elbow": (94,)}),
    "throw": _pose(
        None,
        {"hip": (35, 6), "knee": (25,), "arm": (-5, 50), "elbow": (30,)},
        {"hip": (-20, 6), "knee": (18,), "arm": (12, -20, -75), "elbow": (90,)},
        spine1=(-8, 0, -14),
        spine2=(-6, 0, -14),
        spine3=(0, 0, -10),
    ),
    "throw_end": _pose(
        None,
        {"hip": (30, 4), "knee": (28,), "swing": (-66, -14), "elbow": (35,)},
        {"hip": (-16, 4), "knee": (22,), "ankle": (-12,), "arm": (-12, 92), "elbow": (15,)},
        spine1=(12, 0, 10),
        spine2=(6, 0, 10),
    ),
    "lunge": _pose(
        {"arm": (-62, 25), "elbow": (60,)},
        {"hip": (78,), "knee": (84,), "ankle": (6,)},
        {"hip": (-14,), "knee": (62,), "ankle": (12,)},
        spine1=(4,),
    ),
    "lunge_low": _pose(
        {"arm": (-48, 10), "elbow": (30,)},
        {"hip": (98, 6), "knee": (100,), "ankle": (16,)},
        {"hip": (-20,), "knee": (34,), "ankle": (10,)},
        spine1=(10,),
    ),
}
