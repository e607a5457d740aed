"""Families of poses: what people do, how often, and what the judge alone sees.

Figures are broken down by family, so blends stay inside one; only legs or arms that do not define it are borrowed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Family:
    """Poses that belong together."""

    weight: float
    """Part of the everyday people (of the judge's extra people, for a judge-only family) that take it."""
    keys: tuple[str, ...]
    """Its key poses; two of them are blended."""
    legs_from: tuple[str, ...] = ()
    """Families that may lend it legs, where legs do not define it."""
    arms_from: tuple[str, ...] = ()
    """Families that may lend it arms, where arms do not define it."""
    noise: float = 0.8
    """How freely joints vary around the blend, times NOISE_SD_DEG."""
    judge_only: bool = False
    """True for families that training and steering never see."""


FAMILIES: dict[str, Family] = {
    "standing": Family(
        weight=0.23,
        keys=("stand", "stand_leg", "apose", "hands_hips", "phone", "hands_front", "carry", "talk", "pockets"),
        noise=0.6,
    ),
    "walking": Family(
        weight=0.22,
        keys=("walk_strike", "walk_mid", "walk_toe_off", "walk_bag"),
        arms_from=("standing",),
        noise=0.6,
    ),
    "running": Family(weight=0.09, keys=("run", "run_flight", "jog")),
    "sitting": Family(
        weight=0.13,
        keys=("sit", "sit_forward", "sit_back", "sit_type", "sit_floor"),
        arms_from=("standing",),
        noise=0.7,
    ),
    "squatting": Family(weight=0.05, keys=("squat", "squat_low"), arms_from=("sitting", "reaching")),
    "reaching": Family(
        weight=0.09, keys=("reach_up", "reach_forward", "reach_side", "point"), legs_from=("standing", "walking")
    ),
    "bending": Family(weight=0.06, keys=("bend", "lean", "pick_up", "tie_shoe"), arms_from=("reaching",)),
    "arms_up": Family(weight=0.05, keys=("arms_up", "cheer", "hands_head"), legs_from=("standing", "walking")),
    "kicking": Family(weight=0.03, keys=("kick", "step_up"), arms_from=("walking", "running")),
    "lying": Family(weight=0.03, keys=("lie_back", "lie_knees"), arms_from=("standing",)),
    "crawling": Family(weight=0.02, keys=("all_fours", "crawl")),
    "kneel": Family(weight=0.2, keys=("kneel", "kneel_up"), arms_from=("standing", "sitting"), judge_only=True),
    "wave": Family(weight=0.2, keys=("wave", "wave_high"), legs_from=("standing", "walking"), judge_only=True),
    "cross_arms": Family(weight=0.2, keys=("cross_arms",), legs_from=("standing",), noise=0.5, judge_only=True),
    "throw": Family(weight=0.2, keys=("throw", "throw_end"), judge_only=True),
    "lunge": Family(weight=0.2, keys=("lunge", "lunge_low"), arms_from=("standing", "reaching"), judge_only=True),
}

NOISE_SD_DEG = {
    "pelvis": 0.0, "hip": 9.0, "knee": 9.0, "ankle": 6.0, "foot": 3.0, "spine1": 5.0, "spine2": 5.0, "spine3": 4.0,
    "neck": 9.0, "head": 9.0, "collar": 5.0, "shoulder": 14.0, "elbow": 14.0, "wrist": 12.0, "hand": 0.0,
}  # fmt: skip
"""Standard deviation of each joint's free turn, per axis, before the family's factor. The pelvis has its own tilt."""
