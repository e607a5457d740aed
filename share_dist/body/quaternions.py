"""Quaternions as four-tuples (w, x, y, z) for numba loops: the arithmetic of pose blending and joint limits.

One person at a time and no whole-array arithmetic, so a pose has the same bits whatever batch it is sampled in.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from jaxtyping import Float, Float32
from numba import njit

compiled = functools.partial(njit, nogil=True, error_model="numpy")
"""For the small functions. They are not cached on disk: numba renews a cached function only when its own file
changes, not when a function it calls in another file does. The outermost kernels are cached instead, with a
`source_stamp`."""


@compiled()
def product(a, b):
    """The rotation b followed by a."""
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


@compiled()
def from_rotvec(x, y, z):
    """Axis times angle, radians."""
    angle = math.sqrt(x * x + y * y + z * z)
    scale = 0.5 if angle < 1e-9 else math.sin(0.5 * angle) / angle
    return (math.cos(0.5 * angle), scale * x, scale * y, scale * z)


@compiled()
def to_rotvec(q):
    """Axis times angle, the angle in [0, π]."""
    sign = -1.0 if q[0] < 0 else 1.0
    length = math.sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    scale = sign * (2.0 if length < 1e-12 else 2.0 * math.atan2(length, sign * q[0]) / length)
    return (scale * q[1], scale * q[2], scale * q[3])


@compiled()
def about_axis(axis, angle):
    """Turn about coordinate axis 0, 1 or 2."""
    s = math.sin(0.5 * angle)
    return (
        math.cos(0.5 * angle),
        s if axis == 0 else 0.0,
        s if axis == 1 else 0.0,
        s if axis == 2 else 0.0,
    )


@compiled()
def blend(a, b, share):
    """The short way from a (share 0) to b (share 1) at constant speed."""
    back = product((a[0], -a[1], -a[2], -a[3]), b)
    x, y, z = to_rotvec(back)
    return product(a, from_rotvec(share * x, share * y, share * z))


@compiled()
def mirrored(q):
    """The same motion of the limb on the other side (mirror plane x = 0)."""
    return (q[0], q[1], -q[2], -q[3])


@compiled()
def to_matrix(q, matrix):
    """Fill matrix [3,3]."""
    w, x, y, z = q
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    matrix[1, 0], matrix[1, 1], matrix[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    matrix[2, 0], matrix[2, 1], matrix[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)


@compiled(cache=True)
def _matrices(rotvecs, matrices):
    for n in range(rotvecs.shape[0]):
        for j in range(rotvecs.shape[1]):
            v = rotvecs[n, j]
            to_matrix(from_rotvec(float(v[0]), float(v[1]), float(v[2])), matrices[n, j])


def rotmats_from_rotvecs(rotvecs_rad: Float[np.ndarray, "person 24 3"]) -> Float32[np.ndarray, "person 24 3 3"]:
    """Poses as rotation vectors → rotation matrices; float64 inside, the same bits for any batch."""
    rotvecs = np.require(rotvecs_rad, np.float32, ["C", "W"])
    matrices = np.empty((*rotvecs.shape, 3), np.float32)
    _matrices(rotvecs, matrices)
    return matrices
