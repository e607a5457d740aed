"""The little person in the middle of every sphere: which way is front, seen from where the reader looks.

A handful of limbs with a thickness, in the person's frame (y up, facing +z, so the left hand is at +x), scaled so that
the person is about one unit tall around the pelvis. It is a sign, not a body: no error is measured on it.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

Limb = tuple[float, float, float, float, float, float, float]

_HALF: tuple[Limb, ...] = (
    (0.06, -0.02, 0.00, 0.09, -0.27, 0.01, 0.050),  # thigh
    (0.09, -0.27, 0.01, 0.10, -0.52, -0.02, 0.036),  # shin
    (0.10, -0.53, -0.02, 0.11, -0.55, 0.09, 0.028),  # foot
    (0.05, 0.27, -0.01, 0.12, 0.27, -0.01, 0.045),  # shoulder
    (0.12, 0.27, -0.01, 0.24, 0.10, 0.00, 0.034),  # upper arm
    (0.24, 0.10, 0.00, 0.30, -0.06, 0.07, 0.028),  # forearm
)
_MIDDLE: tuple[Limb, ...] = (
    (0.0, 0.00, 0.0, 0.0, 0.12, 0.0, 0.085),  # belly
    (0.0, 0.12, 0.0, 0.0, 0.24, -0.01, 0.095),  # chest
    (0.0, 0.30, 0.0, 0.0, 0.36, 0.01, 0.035),  # neck
    (0.0, 0.44, 0.01, 0.0, 0.47, 0.01, 0.075),  # head
    (0.0, 0.44, 0.08, 0.0, 0.45, 0.11, 0.020),  # nose, drawn dark: the sign of front
)


_DARK = (20, 16, 30)
_EDGE = 0.015


def limbs() -> list[Limb]:
    """Every limb as start x y z, end x y z, radius."""
    mirrored = [(-a, b, c, -d, e, f, r) for a, b, c, d, e, f, r in _HALF]
    return [*_HALF, *mirrored, *_MIDDLE]


def view_axes(azimuth_deg: float, elevation_deg: float) -> Float[np.ndarray, "3 3"]:
    """Rows right, up and towards the viewer, in the person's frame."""
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    toward = np.array([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)])
    right = np.array([math.cos(a), 0.0, -math.sin(a)])
    return np.stack([right, np.cross(toward, right), toward])


def draw_person(
    picture: Image.Image, centre_px: tuple[float, float], size_px: float, axes: Float[np.ndarray, "3 3"]
) -> None:
    """Draw the person in white with a dark edge, far limbs first; size_px is the person's height."""
    drawn = ImageDraw.Draw(picture)
    parts = []
    for limb in limbs():
        start, end = axes @ np.array(limb[:3]), axes @ np.array(limb[3:6])
        parts.append((max(start[2], end[2]), start, end, limb[6]))
    parts.sort(key=lambda part: part[0])
    for _, start, end, radius in parts:
        _capsule(drawn, centre_px, size_px, start, end, radius * size_px * (1 + _EDGE / radius), _DARK)
    # Limbs by depth with a lighter edge each, so that one sees what is in front.
    for _, start, end, radius in parts:
        fill = _DARK if radius == _MIDDLE[-1][6] else (255, 255, 255)
        _capsule(drawn, centre_px, size_px, start, end, radius * size_px * (1 + _EDGE / 3 / radius), (120, 114, 134))
        _capsule(drawn, centre_px, size_px, start, end, radius * size_px, fill)


def _capsule(
    drawn: ImageDraw.ImageDraw,
    centre_px: tuple[float, float],
    size_px: float,
    start: np.ndarray,
    end: np.ndarray,
    radius_px: float,
    fill: tuple[int, int, int],
) -> None:
    """A thick line with round ends."""
    ends = [(centre_px[0] + p[0] * size_px, centre_px[1] - p[1] * size_px) for p in (start, end)]
    drawn.line(ends, fill=fill, width=max(1, round(2 * radius_px)))
    for x, y in ends:
        drawn.ellipse((x - radius_px, y - radius_px, x + radius_px, y + radius_px), fill=fill)
