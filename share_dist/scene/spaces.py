"""The room that people take up, from their joints: enough to keep cameras above the floor and out of the body."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from share_dist.body import Body, Person, people_rotmats, pose_joints
from share_dist.camera import Space

_JOINT_RADII_M = (
    0.15, 0.12, 0.12, 0.14, 0.08, 0.08, 0.14, 0.06, 0.06, 0.15, 0.03, 0.03,
    0.07, 0.09, 0.09, 0.12, 0.09, 0.09, 0.055, 0.055, 0.045, 0.045, 0.05, 0.05,
)  # fmt: skip
"""Of spheres at SMPL's 24 joints; with them the lowest sphere lies within a few centimetres of the lowest vertex."""

_BETWEEN = ((1, 4, 0.1), (2, 5, 0.1), (4, 7, 0.07), (5, 8, 0.07), (16, 18, 0.055), (17, 19, 0.055),
            (18, 20, 0.045), (19, 21, 0.045))  # fmt: skip
"""Spheres half-way along thighs, shins, upper arms and forearms: two joints and a radius."""

_BEYOND = ((12, 15, 0.1, 0.11), (20, 22, 0.07, 0.04), (21, 23, 0.07, 0.04), (7, 10, 0.06, 0.02), (8, 11, 0.06, 0.02))
"""Spheres beyond the last joints, at crown, fingers and toes: two joints, metres past the second, a radius."""

_RADII_M = np.array(
    [*_JOINT_RADII_M, *(radius for _, _, radius in _BETWEEN), *(radius for *_, radius in _BEYOND)], np.float32
)


def person_spaces(people: Sequence[Person], body: Body) -> list[Space]:
    """The space of each person, seen from the pelvis; people do not influence each other's."""
    if not people:
        return []
    betas = np.stack([person.betas for person in people])
    joints = pose_joints(body, people_rotmats(people), betas)
    return spaces_of_joints(joints)


def spaces_of_joints(joints_m: Float32[np.ndarray, "person 24 3"]) -> list[Space]:
    """The spaces around posed joints; the floor touches the lowest sphere."""
    joints = joints_m - joints_m[:, :1]
    halves = [(joints[:, a] + joints[:, b]) * np.float32(0.5) for a, b, _ in _BETWEEN]
    ends = [_beyond(joints[:, a], joints[:, b], metres) for a, b, metres, _ in _BEYOND]
    points = np.concatenate([joints, np.stack(halves + ends, axis=1)], axis=1)
    floors = (points[..., 1] - _RADII_M).min(axis=1)
    return [Space(float(floor), own, _RADII_M) for floor, own in zip(floors, points, strict=True)]


def _beyond(start: np.ndarray, end: np.ndarray, metres: float) -> np.ndarray:
    away = end - start
    length = np.sqrt(away[:, 0] ** 2 + away[:, 1] ** 2 + away[:, 2] ** 2)[:, None]
    return end + away * (np.float32(metres) / np.maximum(length, np.float32(1e-6)))
