"""What is behind the person: one of a few procedural backdrops, a place with a floor, or a user's picture."""

from __future__ import annotations

import numpy as np

from share_dist.render.backdrop import paint_backdrop
from share_dist.render.look import Look, picture_pixels
from share_dist.render.place import paint_place
from share_dist.render.sight import Sight
from share_dist.scene import FLAT_KINDS, PLACE_KINDS, Background

_CASTS_BELOW_M = 0.6
"""Only what is nearer to the floor than this darkens it visibly."""

_CASTING_JOINTS = (0, 4, 5, 7, 8, 10, 11, 15, 20, 21)
"""Pelvis, knees, ankles, feet, head, wrists."""


def paint_background(image: np.ndarray, background: Background, look: Look, sight: Sight) -> None:
    """Fill the canvas [S,S,3] (float32 screen values) with the scene's background."""
    kind = background.kind
    scale, angle = np.float32(background.scale), np.float32(background.angle_rad)
    if kind == "picture":
        image[:] = picture_pixels(background, len(image))
    elif kind in PLACE_KINDS:
        paint_place(
            image, look.background_colours, scale, look.seed, kind == "room", sight.rotation, sight.position_m,
            sight.focal, *sight.centre, sight.floor_m, _floor_blobs(sight),
        )  # fmt: skip
    else:
        paint_backdrop(image, FLAT_KINDS.index(kind), look.background_colours, scale, angle, look.seed)


def _floor_blobs(sight: Sight) -> np.ndarray:
    """What darkens the floor: x, z, 1/radius², strength of the joints near it, [B,4]."""
    rows = []
    for joint in _CASTING_JOINTS:
        x, y, z = sight.joints_person_m[joint]
        height = max(float(y - sight.floor_m), 0.0)
        if height < _CASTS_BELOW_M:
            radius = 0.13 + 0.45 * height
            rows.append((x, z, 1.0 / radius**2, 0.4 * (1.0 - height / _CASTS_BELOW_M)))
    return np.array(rows, np.float32).reshape(len(rows), 4)
