"""A predicted mesh drawn over its picture, so that one sees what the model believed it saw.

The mesh is drawn by a small depth buffer of its own, at a higher resolution than the picture and slightly
transparent. It only serves the eye: no error is measured on it, and the records' own renderer stays out of it.
"""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from PIL import Image

from share_dist.camera import full_from_weak
from share_dist.losses import NEAREST_TRUSTED_M
from share_dist.render.records import Records
from share_dist.report.colours import BEFORE_RGB

_SUPERSAMPLING = 2
_LIGHT = np.array([-0.35, -0.55, -0.76])
"""Towards the light in the camera frame (x right, y down, z forward): over the viewer's left shoulder."""


def weak_perspective(
    vertices_m: Float[np.ndarray, "vertex 3"], camera: Float[np.ndarray, "3"], size_px: int
) -> tuple[Float[np.ndarray, "vertex 2"], Float[np.ndarray, "vertex"]]:
    """Where an estimate's own camera puts its mesh in the crop: x_px = S/2 · (1 + s · (X + tx)).

    Args:
        vertices_m: predicted vertices, metres, axes of the camera frame (x right, y down, z forward).
        camera: the estimate's scale s and shifts tx, ty.
        size_px: side of the crop.

    Returns:
        Pixel coordinates in the crop (x right, y down, pixel centres at halves), and depth in pixels too, so that
        the three together are the mesh in one unit.

    Source: SPIN (Kolotouros et al. 2019), whose crop spans −1 to 1.
    """
    s, tx, ty = (float(value) for value in camera)
    half = size_px / 2
    x = half * (1 + s * (vertices_m[:, 0] + tx))
    y = half * (1 + s * (vertices_m[:, 1] + ty))
    return np.stack([x, y], axis=1), half * s * vertices_m[:, 2]


def full_perspective(
    vertices_m: Float[np.ndarray, "vertex 3"],
    camera: Float[np.ndarray, "3"],
    records: Records,
    index: int,
) -> tuple[Float[np.ndarray, "vertex 2"], Float[np.ndarray, "vertex"]]:
    """Where an estimate puts its mesh in the crop by CLIFF's reading, which is what the losses train.

    The crop's weak camera becomes a position in the full frame's camera, and the mesh is seen from there in true
    perspective. At arm's length this differs by many pixels from `weak_perspective`.

    Args:
        vertices_m: predicted vertices, metres, axes of the camera frame.
        camera: the estimate's s, tx, ty.
        records: truth of the views; focal_px, principal_px, bbox_px and crop_from_frame are read.
        index: which record the picture is.

    Returns:
        As `weak_perspective`; NaN for vertices within 0.1 m of the lens plane, which have no place in a picture.
    """
    focal_px, box_px = float(records.focal_px[index]), records.bbox_px[index].astype(np.float64)
    # The same floor as in the losses: a scale at or below zero means one pixel small.
    weak = np.array([max(float(camera[0]), 1 / box_px[2]), float(camera[1]), float(camera[2])])
    principal_px = records.principal_px[index].astype(np.float64)
    moved = full_from_weak(weak, box_px, np.array(focal_px), principal_px)
    points = vertices_m.astype(np.float64) + moved
    depth = np.where(points[:, 2] > NEAREST_TRUSTED_M, points[:, 2], np.nan)
    frame_px = focal_px * points[:, :2] / depth[:, None] + principal_px
    to_crop = records.crop_from_frame[index].astype(np.float64)
    return frame_px @ to_crop[:, :2].T + to_crop[:, 2], depth * focal_px / moved[2] * to_crop[0, 0]


def overlay(
    image: UInt8[np.ndarray, "height width 3"],
    vertices_px: Float[np.ndarray, "vertex 2"],
    depth: Float[np.ndarray, "vertex"],
    faces: Int[np.ndarray, "face 3"],
    colour: tuple[int, int, int] = BEFORE_RGB,
    size_px: int = 256,
    opacity: float = 0.88,
) -> UInt8[np.ndarray, "size_px size_px 3"]:
    """Draw a mesh over a square picture.

    Args:
        image: the crop the model saw.
        vertices_px: vertices in the crop's pixels; those outside are clipped.
        depth: distance along the optical axis, in the same unit as `vertices_px`; smaller is nearer. Only
            differences matter.
        faces: vertex numbers of each triangle.
        colour: the mesh's colour; each model keeps its own.
        size_px: side of the result, at least the picture's so that no detail is lost.
        opacity: 1 hides what is under the mesh.

    Returns:
        A larger picture with the mesh over it. Triangles with a corner that is not finite are left out.
    """
    size = max(size_px, image.shape[0])
    fine = size * _SUPERSAMPLING
    base = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC), np.float32)
    mesh = np.column_stack([vertices_px, depth]).astype(np.float32) * np.float32(fine / image.shape[0])
    finite = np.isfinite(mesh.sum(axis=1))
    faces = faces[finite[faces].all(axis=1)].astype(np.int32)
    shade = _rasterize(mesh, faces, _vertex_shade(mesh, faces), fine)
    covered = ~np.isnan(shade)
    # A dark rim one fine pixel wide keeps the mesh readable over clothes of its own colour.
    inner = covered & np.roll(covered, 1, 0) & np.roll(covered, -1, 0) & np.roll(covered, 1, 1)
    rim = covered & ~(inner & np.roll(covered, -1, 1))
    light = np.where(rim, 0.35, np.nan_to_num(shade))[..., None]
    tint = np.asarray(colour, np.float32) * np.minimum(light, 1) + 255 * np.maximum(light - 1, 0)
    cover = (covered * np.float32(opacity))[..., None]
    painted, share = (_shrink(layer) for layer in (tint * cover, cover))
    return np.clip(np.rint(base * (1 - share) + painted), 0, 255).astype(np.uint8)


def _shrink(layer: Float[np.ndarray, "tall wide channel"]) -> Float[np.ndarray, "height width channel"]:
    """Average each supersampled pixel."""
    k = _SUPERSAMPLING
    height, width, channels = layer.shape
    return layer.reshape(height // k, k, width // k, k, channels).mean(axis=(1, 3))


def _vertex_shade(
    mesh: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> Float32[np.ndarray, "vertex"]:
    """Brightness of each vertex under one light, about 0.35 to 1.1."""
    corners = mesh.astype(np.float64)[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.zeros((len(mesh), 3))
    for corner in range(3):
        np.add.at(normal, faces[:, corner], across)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    # Whatever the winding of the faces, what is seen faces the viewer.
    facing = np.where(normal[:, 2:] > 0, -normal, normal)
    towards = _LIGHT / np.linalg.norm(_LIGHT)
    return (0.38 + 0.74 * np.maximum(facing @ towards, 0) ** 1.3).astype(np.float32)


@numba.njit(cache=True)
def _rasterize(mesh, faces, shade, size):  # noqa: ANN001, ANN202 (compiled)
    """Interpolated shade of the nearest triangle at each pixel centre; NaN where there is none."""
    nearest = np.full((size, size), np.inf, np.float32)
    picture = np.full((size, size), np.nan, np.float32)
    for face in faces:
        a, b, c = mesh[face[0]], mesh[face[1]], mesh[face[2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        left = max(0, int(np.floor(min(a[0], b[0], c[0]))))
        right = min(size - 1, int(np.ceil(max(a[0], b[0], c[0]))))
        top = max(0, int(np.floor(min(a[1], b[1], c[1]))))
        bottom = min(size - 1, int(np.ceil(max(a[1], b[1], c[1]))))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5, row + 0.5
                u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                w = 1.0 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = u * a[2] + v * b[2] + w * c[2]
                if z < nearest[row, column]:
                    nearest[row, column] = z
                    picture[row, column] = u * shade[face[0]] + v * shade[face[1]] + w * shade[face[2]]
    return picture
