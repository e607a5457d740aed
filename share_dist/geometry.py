"""Rotations, rigid moves, spheres and axes; every convention named, none implied.

Numpy functions serve the view side (plans, cameras, rendering), torch functions the model side. Rotation matrices act
on column vectors. The person's frame has y up and the person facing +z; the camera frame is OpenCV's (x right,
y down, z forward). A move is named to_from: ``x_cam = cam_from_person @ x_person``.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

FloatArray = np.ndarray


def rotmat_from_rotvec(rotvec_rad: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rodrigues' formula, smooth at zero: rotation vectors (axis times angle, radians) to matrices.

    Elementwise arithmetic only, so each matrix has the same bits whatever the batch around it.
    """
    v = np.asarray(rotvec_rad)
    angle_sq = v[..., 0] ** 2 + v[..., 1] ** 2 + v[..., 2] ** 2
    angle = np.sqrt(angle_sq)
    small = angle_sq < 1e-8
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0 - angle_sq / 6, np.sin(safe) / safe)
    b = np.where(small, 0.5 - angle_sq / 24, (1.0 - np.cos(safe)) / np.where(small, 1.0, angle_sq))
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    rows = [
        [1 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
        [b * x * y + a * z, 1 - b * (x * x + z * z), b * y * z - a * x],
        [b * x * z - a * y, b * y * z + a * x, 1 - b * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2).astype(v.dtype)


def direction_from_angles(
    azimuth_rad: Float[np.ndarray, "*batch"] | float, elevation_rad: Float[np.ndarray, "*batch"] | float
) -> Float[np.ndarray, "*batch 3"]:
    """Unit vector from the pelvis to the camera, in the person's frame: (cos ε sin φ, sin ε, cos ε cos φ)."""
    azimuth, elevation = np.asarray(azimuth_rad), np.asarray(elevation_rad)
    level = np.cos(elevation)
    return np.stack([level * np.sin(azimuth), np.sin(elevation), level * np.cos(azimuth)], axis=-1)


def angles_from_direction(
    direction: Float[np.ndarray, "*batch 3"],
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """Azimuth in (−π, π] and elevation in [−π/2, π/2] of unit vectors; azimuth is 0 at the poles."""
    x, y, z = direction[..., 0], direction[..., 1], direction[..., 2]
    return np.arctan2(x, z), np.arcsin(np.clip(y, -1.0, 1.0))


def cam_from_person_rotation(
    azimuth_rad: float, elevation_rad: float, roll_rad: float = 0.0
) -> Float[np.ndarray, "3 3"]:
    """Rotation of a camera that looks at the pelvis: rows right, down, forward in the person's frame, float64.

    Right is (cos φ, 0, −sin φ) also at the poles, where azimuth is a roll, so the frame is continuous everywhere.
    φ = ε = 0 gives diag(1, −1, −1). A positive roll turns the camera clockwise about its optical axis, so the
    picture turns counter-clockwise.
    """
    forward = -direction_from_angles(azimuth_rad, elevation_rad)
    right = np.array([math.cos(azimuth_rad), 0.0, -math.sin(azimuth_rad)])
    down = np.cross(forward, right)
    look_at = np.stack([right, down, forward])
    return roll_about_optical_axis(roll_rad) @ look_at


def roll_about_optical_axis(roll_rad: float) -> Float[np.ndarray, "3 3"]:
    """Rotation in the camera frame that undoes a clockwise turn of the camera by `roll_rad`."""
    c, s = math.cos(roll_rad), math.sin(roll_rad)
    return np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def fibonacci_directions(count: int) -> Float[np.ndarray, "count 3"]:
    """Points spread evenly by area over the unit sphere (golden-angle spiral), y up."""
    index = np.arange(count) + 0.5
    y = 1.0 - 2.0 * index / count
    azimuth = index * math.pi * (3.0 - math.sqrt(5.0))
    level = np.sqrt(1.0 - y * y)
    return np.stack([level * np.sin(azimuth), y, level * np.cos(azimuth)], axis=-1)


def rotation_angle_rad(
    first: Float[np.ndarray, "*batch 3 3"], second: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch"]:
    """Angle of the rotation between two orientations, in [0, π], accurate near both ends."""
    between = np.matmul(np.swapaxes(first, -1, -2).astype(np.float64), second.astype(np.float64))
    axis = np.stack(
        [
            between[..., 2, 1] - between[..., 1, 2],
            between[..., 0, 2] - between[..., 2, 0],
            between[..., 1, 0] - between[..., 0, 1],
        ],
        axis=-1,
    )
    trace = np.trace(between, axis1=-2, axis2=-1)
    return np.arctan2(np.linalg.norm(axis, axis=-1), trace - 1.0)


def _gram_schmidt(first: Tensor, second: Tensor) -> Tensor:
    """Columns from two vectors: the first kept in direction, the second made perpendicular, the third their cross."""
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def rotmat_from_sixd_rows(sixd: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """SPIN's layout: three row pairs r00 r01 r10 r11 r20 r21 of the first two columns. Source: SPIN, geometry.py."""
    pairs = sixd.reshape(*sixd.shape[:-1], 3, 2)
    return _gram_schmidt(pairs[..., 0], pairs[..., 1])


def sixd_rows_from_rotmat(rotmat: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The inverse of `rotmat_from_sixd_rows`."""
    return rotmat[..., :2].reshape(*rotmat.shape[:-2], 6)


def rotmat_from_sixd_columns(sixd: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """HMR2's layout: the first column's three numbers, then the second's. Source: 4D-Humans, geometry.py."""
    return _gram_schmidt(sixd[..., :3], sixd[..., 3:])


def sixd_columns_from_rotmat(rotmat: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The inverse of `rotmat_from_sixd_columns`."""
    return torch.cat([rotmat[..., 0], rotmat[..., 1]], dim=-1)
