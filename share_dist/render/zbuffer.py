"""Which triangle is seen through each pixel: projection and the z-buffer, in float32 without fastmath.

Every number is computed for one picture alone, in a fixed order, so a picture has the same bits in any batch and
process on the same kind of CPU.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from share_dist import camera

NEAR_M = np.float32(camera.NEAR_M)
"""Triangles with a vertex nearer than this are dropped whole: clipping them would add code for pixels that only a
camera inside the clothes could see. To kernels it is an argument: as a constant of another file it could change
unnoticed by numba's cache."""

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
# Neighbouring triangles compute their shared edge separately; this slack closes the cracks that rounding leaves.
_SLACK = np.float32(-1e-5)


@njit(cache=True, nogil=True)
def to_camera(points_m, origin_m, rotation, shift_m):
    """Points relative to `origin_m` in the camera frame: rotation @ (p − origin) + shift, [N,3] float32."""
    out = np.empty_like(points_m)
    for i in range(points_m.shape[0]):
        x = points_m[i, 0] - origin_m[0]
        y = points_m[i, 1] - origin_m[1]
        z = points_m[i, 2] - origin_m[2]
        for k in range(3):
            out[i, k] = rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z + shift_m[k]
    return out


@njit(cache=True, nogil=True)
def extent_px(points_cam_m, focal_px, principal_px, near_m=NEAR_M):
    """Box of the projected points as (left, top, right, bottom), pixels of the full frame, not clipped to it.

    Points behind the near plane count as if they stood on it, as in `camera.project`: far out on their side.
    """
    left = top = np.float32(1e9)
    right = bottom = np.float32(-1e9)
    for i in range(points_cam_m.shape[0]):
        scale = focal_px / max(points_cam_m[i, 2], near_m)
        x = points_cam_m[i, 0] * scale
        y = points_cam_m[i, 1] * scale
        left, right = min(left, x), max(right, x)
        top, bottom = min(top, y), max(bottom, y)
    return left + principal_px[0], top + principal_px[1], right + principal_px[0], bottom + principal_px[1]


@njit(cache=True, nogil=True)
def to_screen(points_cam_m, focal_x, centre_x, centre_y, near_m=NEAR_M):
    """Pixel x, y and 1/z of each point, [N,3] float32; 1/z is 0 for points behind the near plane."""
    out = np.empty_like(points_cam_m)
    for i in range(points_cam_m.shape[0]):
        z = points_cam_m[i, 2]
        if z < near_m:
            out[i, 0] = _ZERO
            out[i, 1] = _ZERO
            out[i, 2] = _ZERO
            continue
        inverse = _ONE / z
        out[i, 0] = points_cam_m[i, 0] * inverse * focal_x + centre_x
        out[i, 1] = points_cam_m[i, 1] * inverse * focal_x + centre_y
        out[i, 2] = inverse
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def fill_zbuffer(screen, faces, inverse_z, hit):
    """Draw all front-facing triangles; pixel centres lie at half-integers.

    Args:
        screen: [V,3] pixel x, y and 1/z from `to_screen`.
        faces: [F,3] int32, counter-clockwise seen from outside.
        inverse_z: [S,S], out: 1/z of the surface, 0 for none.
        hit: [S,S,4], out where there is a surface: perspective-correct weights of the face's first two corners, the
            face's number (exact in float32), and one unused place that keeps a pixel on one line of the cache.

    Returns:
        First and last column, first and last row that may hold a surface; the last before the first if none does.

    One long function, because numba counts references of every array that it hands to an inner one.
    """
    size = inverse_z.shape[0]
    inverse_z[:, :] = _ZERO
    limit = np.float32(size)
    left, right, top, bottom = size, -1, size, -1
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        xa, ya, za = screen[a, 0], screen[a, 1], screen[a, 2]
        xb, yb, zb = screen[b, 0], screen[b, 1], screen[b, 2]
        xc, yc, zc = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        # y points down, so a front face turns the other way round and its area is negative.
        if area >= _ZERO or za == _ZERO or zb == _ZERO or zc == _ZERO:
            continue
        low_x, high_x = min(xa, xb, xc), max(xa, xb, xc)
        low_y, high_y = min(ya, yb, yc), max(ya, yb, yc)
        if high_x < _ZERO or high_y < _ZERO or low_x > limit or low_y > limit:
            continue
        x_first = int(np.ceil(max(low_x, _ZERO) - _HALF))
        x_last = int(np.floor(min(high_x, limit) - _HALF))
        y_first = int(np.ceil(max(low_y, _ZERO) - _HALF))
        y_last = int(np.floor(min(high_y, limit) - _HALF))
        if x_first > x_last or y_first > y_last:
            continue
        left, right = min(left, x_first), max(right, x_last)
        top, bottom = min(top, y_first), max(bottom, y_last)
        scale = _ONE / area
        step_a = (yb - yc) * scale
        step_b = (yc - ya) * scale
        for y in range(y_first, y_last + 1):
            py = np.float32(y) + _HALF
            px = np.float32(x_first) + _HALF
            row_a = ((xb - px) * (yc - py) - (xc - px) * (yb - py)) * scale
            row_b = ((xc - px) * (ya - py) - (xa - px) * (yc - py)) * scale
            for x in range(x_first, x_last + 1):
                along = np.float32(x - x_first)
                wa = row_a + along * step_a
                wb = row_b + along * step_b
                wc = _ONE - wa - wb
                if min(wa, wb, wc) < _SLACK:  # one test: three would be guessed wrong more often
                    continue
                ia = wa * za
                ib = wb * zb
                inverse = ia + ib + wc * zc
                if inverse > inverse_z[y, x]:
                    inverse_z[y, x] = inverse
                    hit[y, x, 0] = ia / inverse
                    hit[y, x, 1] = ib / inverse
                    hit[y, x, 2] = np.float32(f)
    return left, right, top, bottom


@njit(cache=True, nogil=True, error_model="numpy")
def vertex_normals(points_m, faces, out):
    """Write outward unit normals, each the area-weighted mean of its faces', into `out` [V,3]."""
    out[:] = _ZERO
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux = points_m[b, 0] - points_m[a, 0]
        uy = points_m[b, 1] - points_m[a, 1]
        uz = points_m[b, 2] - points_m[a, 2]
        wx = points_m[c, 0] - points_m[a, 0]
        wy = points_m[c, 1] - points_m[a, 1]
        wz = points_m[c, 2] - points_m[a, 2]
        x = uy * wz - uz * wy
        y = uz * wx - ux * wz
        z = ux * wy - uy * wx
        for i in (a, b, c):
            out[i, 0] += x
            out[i, 1] += y
            out[i, 2] += z
    tiny = np.float32(1e-20)
    for i in range(out.shape[0]):
        x, y, z = out[i, 0], out[i, 1], out[i, 2]
        scale = _ONE / np.sqrt(x * x + y * y + z * z + tiny)
        out[i, 0] = x * scale
        out[i, 1] = y * scale
        out[i, 2] = z * scale


@njit(cache=True, nogil=True)
def seen_vertices(screen, samples, inverse_z, normals_cam, points_cam_m, focal_px, hidden, seen):
    """Mark in `seen` [V] the vertices that lie on the surface in the buffer.

    A vertex counts when it faces the camera, falls on a pixel that is not `hidden` and is at most 10 mm plus two
    samples' footprint behind the surface drawn there (or nothing is drawn there, which happens on the outline).
    """
    size = inverse_z.shape[0]
    for i in range(screen.shape[0]):
        seen[i] = False
        x, y = screen[i, 0], screen[i, 1]
        if screen[i, 2] == _ZERO or x < _ZERO or y < _ZERO or x >= size or y >= size:
            continue
        if hidden[int(y) // samples, int(x) // samples]:
            continue
        facing = _ZERO
        for k in range(3):
            facing += normals_cam[i, k] * points_cam_m[i, k]
        if facing >= _ZERO:
            continue
        in_front = inverse_z[int(y), int(x)]
        z = points_cam_m[i, 2]
        slack = np.float32(0.01) + np.float32(2.0) * z / focal_px
        seen[i] = in_front == _ZERO or z <= _ONE / in_front + slack
