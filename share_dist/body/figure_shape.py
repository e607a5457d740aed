"""Ten ways in which the figure's shape varies, one unit of beta being one standard deviation.

Each is a change of the bones: longer (everything below moves along), thicker (skin moves away from the bone), or
shifted at a joint; the skinning weights blend it over the skin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from share_dist.body.figure_decimate import neighbour_mean
from share_dist.body.skeleton import PARENTS, REST_JOINTS_M

Girth = float | tuple[float, float, float]
TRUNK, LEGS, ARMS = (0, 3, 6, 9), (1, 2, 4, 5), (16, 17, 18, 19)
_CHILD = {joint: int(np.flatnonzero(joint == PARENTS)[0]) for joint in (*range(10), *range(12, 15), *range(16, 22))}
_CHILD |= {0: 3, 9: 12}
_TIPS = {
    10: (0, -0.01, 0.08), 11: (0, -0.01, 0.08), 15: (0, 0.18, 0), 22: (0.09, 0, 0), 23: (-0.09, 0, 0),
}  # fmt: skip


def _all(joints: tuple[int, ...], value: Girth) -> dict[int, Girth]:
    return dict.fromkeys(joints, value)


def _sides(left: int, x: float) -> dict[int, tuple[float, float, float]]:
    return {left: (x, 0.0, 0.0), left + 1: (-x, 0.0, 0.0)}


@dataclass(frozen=True)
class Change:
    """One direction of shape, as changes of the bones that start at a joint."""

    longer: Mapping[int, float] = field(default_factory=dict)
    """Relative change of the bone's length."""
    thicker: Mapping[int, Girth] = field(default_factory=dict)
    """Relative change of the distance from the bone's axis, or one for each of x, y, z."""
    shifted: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)
    """Shift of the joint, metres."""


CHANGES = {
    1: Change(  # weight
        thicker={
            **_all(TRUNK, (0.085, 0, 0.11)), **_all((1, 2, 16, 17), 0.07), **_all((4, 5, 18, 19), 0.05),
            12: 0.05, 15: (0.015, 0, 0.01), **_all((13, 14), 0.04),
        }
    ),
    2: Change(longer={**dict.fromkeys(LEGS, 0.035), **dict.fromkeys(TRUNK, -0.030)}),  # long legs
    3: Change(  # broad shoulders, narrow hips
        thicker={
            9: (0.05, 0, 0.03), 6: (0.02, 0, 0.01), 0: (-0.04, 0, -0.03), **_all((1, 2), -0.03), **_all((16, 17), 0.05),
        },
        shifted={**_sides(13, 0.006), **_sides(16, 0.008), **_sides(1, -0.003)},
    ),
    4: Change(  # hips and thighs
        thicker={0: (0.05, 0, 0.05), **_all((1, 2), 0.05), 3: (-0.03, 0, -0.02)}, shifted=_sides(1, 0.005)
    ),
    5: Change(longer=dict.fromkeys(ARMS, 0.04)),  # long arms
    6: Change(thicker={15: (0.04, 0, 0.04), 12: 0.03}, longer={15: 0.04}),  # head
    8: Change(  # muscle
        thicker={
            **_all((16, 17), 0.08), **_all((18, 19), 0.06), **_all((4, 5), 0.06), **_all((1, 2), 0.04),
            9: (0.02, 0, 0.04),
        }
    ),
    9: Change(  # hands, feet and neck
        longer={**dict.fromkeys((7, 8, 20, 21), 0.05), **dict.fromkeys((10, 11, 22, 23), 0.06), 12: 0.08},
        thicker=_all((7, 8, 10, 11, 20, 21, 22, 23), 0.04),
    ),
}  # fmt: skip
"""Directions 1 to 9 but the belly; 0 is stature (0.042 of the size: 7.3 cm of height), 7 the belly."""


def shape_directions(
    vertices: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    weights: Float[np.ndarray, "vertex 24"],
) -> Float[np.ndarray, "vertex 3 10"]:
    """How each vertex moves with each beta, metres; smooth over the skin."""
    directions = np.zeros((len(vertices), 3, 10))
    for number, change in CHANGES.items():
        directions[:, :, number] = _displacement(change, vertices, weights)
    directions[:, :, 7] = _belly(vertices, weights)
    mean = neighbour_mean(faces, len(vertices))
    flat = directions.reshape(len(vertices), 30)
    for _ in range(6):
        flat = 0.5 * flat + 0.5 * (mean @ flat)
    directions = flat.reshape(len(vertices), 3, 10)
    directions[:, :, 0] = 0.042 * (vertices - np.array([0, -0.22, 0]))
    return directions


def _displacement(change: Change, vertices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    shift = np.zeros((24, 3))
    for joint in range(1, 24):
        parent = PARENTS[joint]
        bone = REST_JOINTS_M[joint] - REST_JOINTS_M[parent]
        shift[joint] = (
            shift[parent] + bone * change.longer.get(parent, 0) + np.array(change.shifted.get(joint, (0, 0, 0)))
        )
    total = np.zeros_like(vertices)
    for joint in range(24):
        if joint in _CHILD:
            bone, end_shift = REST_JOINTS_M[_CHILD[joint]] - REST_JOINTS_M[joint], shift[_CHILD[joint]]
        else:
            bone = np.array(_TIPS[joint])
            end_shift = shift[joint] + bone * change.longer.get(joint, 0)
        length = np.linalg.norm(bone)
        offset = vertices - REST_JOINTS_M[joint]
        along = offset @ (bone / length)
        share = np.clip(along / length, -0.3, 1.3)[:, None]
        moved = shift[joint] + (end_shift - shift[joint]) * share
        outward = offset - along[:, None] * (bone / length)
        total += weights[:, [joint]] * (moved + outward * np.array(change.thicker.get(joint, 0.0)))
    return total


def _belly(vertices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """28 mm forward at the navel, fading over 11 cm up and down and towards the back."""
    front = np.clip((vertices[:, 2] + 0.02) / 0.1, 0, 1.3) * np.isin(weights.argmax(1), TRUNK)
    bulge = np.exp(-(((vertices[:, 1] + 0.12) / 0.11) ** 2)) * front
    return np.stack([np.zeros_like(bulge), -0.004 * bulge, 0.028 * bulge], 1)
