"""The square cut out of the frame that a model sees, and the cameras models speak of inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Float

from share_dist.camera.pose import FRAME_SIZE_PX, Camera

if TYPE_CHECKING:
    import torch

Box = tuple[float, float, float]
Array = TypeVar("Array", np.ndarray, "torch.Tensor")

BOX_MARGIN = 1.1
"""The usual room around a tight box of the mesh; with it a crop_scale of 0.9 just touches the person."""

MIN_SIDE_PX = 16.0
"""A box is never smaller than this, so that a person at the frame's very edge still gives a finite crop."""


def crop_box(
    points_px: Float[np.ndarray, "point 2"],
    camera: Camera,
    frame_size_px: tuple[int, int] = FRAME_SIZE_PX,
) -> Box:
    """The square crop around a person: (cx, cy, side) in pixels of the full frame.

    The box goes round that part of the person which the frame holds, as a detector's would, so a close-up crops what
    is in the picture and not the legs below it. The camera's own scale and shifts come on top.

    Args:
        points_px: the mesh's vertices (or joints) projected into the frame.
        camera: gives crop_scale, crop_right, crop_down.
        frame_size_px: width and height of the frame.
    """
    width, height = frame_size_px
    x = np.clip(points_px[:, 0], 0, width)
    y = np.clip(points_px[:, 1], 0, height)
    left, right, top, bottom = float(x.min()), float(x.max()), float(y.min()), float(y.max())
    side = max(right - left, bottom - top, MIN_SIDE_PX) * BOX_MARGIN * camera.crop_scale
    return (
        (left + right) / 2 + camera.crop_right * side,
        (top + bottom) / 2 + camera.crop_down * side,
        side,
    )


def crop_from_frame(box: Box, size_px: int) -> Float[np.ndarray, "2 3"]:
    """Affine map from the frame's pixels to those of a crop of size_px × size_px; both have their corner at (0, 0)."""
    cx, cy, side = box
    zoom = size_px / side
    return np.array([[zoom, 0.0, size_px / 2 - zoom * cx], [0.0, zoom, size_px / 2 - zoom * cy]])


def apply_affine(
    affine: Float[np.ndarray, "2 3"], points_px: Float[np.ndarray, "*point 2"]
) -> Float[np.ndarray, "*point 2"]:
    """Points moved by a 2×3 affine map."""
    x, y = points_px[..., 0], points_px[..., 1]
    return np.stack([row[0] * x + row[1] * y + row[2] for row in affine], axis=-1)


def inverse_affine(affine: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """The way back: frame_from_crop of crop_from_frame."""
    linear = np.linalg.inv(affine[:, :2])
    return np.concatenate([linear, -linear @ affine[:, 2:]], axis=1)


def translation_from_weak(weak: Array, focal: float = 5000.0, size_px: float = 224.0) -> Array:
    """SPIN's reading of a weak camera: (s, tx, ty) → (tx, ty, 2f / (size·s)), metres in a lens fixed on the crop.

    Args:
        weak: [..., 3] scale and shift, in units of half the crop.
        focal: SPIN's nominal lens; far, hence nearly parallel.
        size_px: side of the crop.

    Source: SPIN, models/hmr.py and train/trainer.py; HMR, src/util/renderer.py.
    """
    depth = 2 * focal / (size_px * weak[..., 0] + 1e-9)
    return _stack([weak[..., 1], weak[..., 2], depth], weak)


def full_from_weak(weak: Array, boxes_px: Array, focal: Array, principal_px: Array) -> Array:
    """CLIFF's reading: the body's translation in the full frame's camera from a weak camera of the crop.

    Exact at the depth of the pelvis; under the full frame's lens everything else follows by true perspective.

    Args:
        weak: [..., 3] scale s and shift (tx, ty) in the crop.
        boxes_px: [..., 3] the crop's (cx, cy, side) in the frame.
        focal: [...] focal length, pixels of the frame.
        principal_px: [..., 2] principal point of the frame.

    Returns:
        [..., 3] translation in the camera's frame, metres: tz = 2f/(side·s), tx + 2(cx − px)/(side·s), likewise y.

    Source: Li et al., CLIFF (ECCV 2022); noah-research CLIFF/common/utils.py.
    """
    reach = boxes_px[..., 2] * weak[..., 0] + 1e-9
    return _stack(
        [
            weak[..., 1] + 2 * (boxes_px[..., 0] - principal_px[..., 0]) / reach,
            weak[..., 2] + 2 * (boxes_px[..., 1] - principal_px[..., 1]) / reach,
            2 * focal / reach,
        ],
        weak,
    )


def weak_from_full(translation_m: Array, boxes_px: Array, focal: Array, principal_px: Array) -> Array:
    """The inverse of `full_from_weak`: the weak camera (s, tx, ty) whose crop shows the body at this translation."""
    reach = 2 * focal / translation_m[..., 2]
    return _stack(
        [
            reach / boxes_px[..., 2],
            translation_m[..., 0] - 2 * (boxes_px[..., 0] - principal_px[..., 0]) / reach,
            translation_m[..., 1] - 2 * (boxes_px[..., 1] - principal_px[..., 1]) / reach,
        ],
        translation_m,
    )


def _stack(parts: list[Any], like: Array) -> Array:
    """Stack on a new last axis, in numpy or torch as `like` is."""
    if isinstance(like, np.ndarray):
        return np.stack(parts, axis=-1)
    import torch

    stacked: Any = torch.stack(parts, dim=-1)
    return stacked
