"""Colours that mean the same thing on every page: one scale for errors, one for changes, one hue for each model.

Errors run from dark to bright with even steps of lightness, so that they survive a grey print and every common kind of
colour blindness. The picture in the README and the page share these tables.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

# Points along matplotlib's "inferno" (CC0), without its darkest tenth, where hues cannot be told apart on a screen.
_ERROR_ANCHORS = (
    "#1b0c41",
    "#420a68",
    "#6a176e",
    "#932667",
    "#bc3754",
    "#dd513a",
    "#f37819",
    "#fca50a",
    "#f6d746",
    "#fcffa4",
)
# Blue is better, orange is worse: a pair that red-green blindness keeps apart. The middle is a light grey, no change.
_CHANGE_ANCHORS = ("#08306b", "#1f65ac", "#5f9fd0", "#aecde3", "#f0efec", "#f3c49b", "#e58a4a", "#b8511a", "#6f2a08")

BEFORE_RGB = (214, 94, 0)
AFTER_RGB = (0, 128, 168)
"""The base model is orange and the repaired one is blue, in curves, meshes and numbers."""


def error_table() -> UInt8[np.ndarray, "256 3"]:
    """256 colours from the least to the greatest error."""
    return _interpolate(_ERROR_ANCHORS, 256)


def change_table() -> UInt8[np.ndarray, "256 3"]:
    """256 colours from the greatest gain (blue) through none to the greatest loss (orange)."""
    middle = len(_CHANGE_ANCHORS) // 2
    gain, loss = _CHANGE_ANCHORS[: middle + 1], _CHANGE_ANCHORS[middle:]
    return np.concatenate([_interpolate(gain, 128), _interpolate(loss, 128)])


def paint(
    values: Float[np.ndarray, "*shape"], low: float, high: float, table: UInt8[np.ndarray, "256 3"]
) -> UInt8[np.ndarray, "*shape 3"]:
    """Colour of each value on a scale from low to high; NaN takes the lowest colour, so mask it afterwards."""
    share = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-9)
    return table[np.clip(np.rint(share * 255), 0, 255).astype(np.intp)]


def lightness(colours: UInt8[np.ndarray, "count 3"]) -> Float[np.ndarray, "count"]:
    """CIE L* of sRGB colours, 0 (black) to 100 (white). Source: CIE 15:2004 with sRGB's transfer curve."""
    share = colours.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


def _interpolate(anchors: tuple[str, ...], count: int) -> UInt8[np.ndarray, "count 3"]:
    """Steps through the anchors, placed so that lightness changes by the same amount at each."""
    points = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], np.float64)
    way = np.linspace(0, len(anchors) - 1, 2048)
    fine = np.stack([np.interp(way, np.arange(len(anchors)), points[:, k]) for k in range(3)], axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(lightness(np.rint(fine)))))])
    even = np.interp(np.linspace(0, travelled[-1], count), travelled, np.arange(2048))
    return np.rint(fine[np.rint(even).astype(int)]).astype(np.uint8)
