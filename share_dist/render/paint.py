"""The look of the person: shading of what the z-buffer found, in linear light, then the gamma of a screen."""

from __future__ import annotations

import numpy as np
from numba import njit

from share_dist.compiled import source_stamp
from share_dist.render.wardrobe import slot_of

_f = np.float32
_MADE_OF = source_stamp(__file__, "wardrobe.py")

GAMMA = 2.2
"""Colours are given as they look on a screen and lit in linear light; pyrender uses the same power."""

GREY_OF_LIGHT = (255.0 * np.linspace(0.0, 1.0, 4097) ** (1.0 / GAMMA)).astype(np.float32)
"""Screen value of linear light 0…1: a table, because a power per pixel would cost more than all the rest."""


_SAME_DEPTH = _f(0.01)
"""Samples of a pixel whose depths differ by less than this share lie on one surface: 3 cm at 3 m."""


@njit(cache=True, nogil=True, error_model="numpy")
def _light_on(nx, ny, nz, up, ambient, lights):
    """Linear light on a matt surface: ambient, more of it from above than from below, then each directional light.

    Args:
        nx: normal of any length, camera frame, its x;
        ny: its y;
        nz: its z.
        up: the world's up, camera frame.
        ambient: linear colour.
        lights: for each of two lights its unit direction (camera frame), then its linear colour.

    Returns:
        Red, green, blue.
    """
    scale = _f(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + _f(1e-20))
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    sky = _f(0.75) + _f(0.25) * (nx * up[0] + ny * up[1] + nz * up[2])
    red, green, blue = ambient[0] * sky, ambient[1] * sky, ambient[2] * sky
    # Both lights spelled out: a tuple indexed by a variable is copied to memory first.
    facing = max(nx * lights[0] + ny * lights[1] + nz * lights[2], _f(0.0))
    red, green, blue = red + facing * lights[3], green + facing * lights[4], blue + facing * lights[5]
    facing = max(nx * lights[6] + ny * lights[7] + nz * lights[8], _f(0.0))
    red, green, blue = red + facing * lights[9], green + facing * lights[10], blue + facing * lights[11]
    return red, green, blue


@njit(cache=True, nogil=True, error_model="numpy")
def paint_person(
    image, samples, extent, inverse_z, hit, faces, surface, marks, cuts, colours,
    up, ambient, lights, grey, _made_of=_MADE_OF,
):  # fmt: skip
    """Blend the person into `image` [S,S,3] float32 (screen values 0…255), drawn over what is there.

    `extent` is what `fill_zbuffer` returned. The buffers are `samples` times finer than the image each way; a pixel is
    the mean, in linear light, of the samples that fall on the person, laid over the background by their share. Cloth is
    looked up for every sample; light, which changes slowly, once for all samples of a pixel at about one depth.
    `surface` is [V,6]: rest position and normal (camera frame) of each vertex, side by side because they are always
    read together. `marks`, `cuts`, `up`, `ambient` and `lights` are tuples of float32.
    """
    left, right, top, bottom = extent
    for y in range(top // samples, bottom // samples + 1):
        for x in range(left // samples, right // samples + 1):
            covered = 0
            lit_at = red = green = blue = total_red = total_green = total_blue = _f(0.0)
            for sy in range(y * samples, (y + 1) * samples):
                for sx in range(x * samples, (x + 1) * samples):
                    depth = inverse_z[sy, sx]
                    if depth == _f(0.0):
                        continue
                    covered += 1
                    wa, wb, f = hit[sy, sx, 0], hit[sy, sx, 1], int(hit[sy, sx, 2])
                    wc = _f(1.0) - wa - wb
                    p, q, r = faces[f, 0], faces[f, 1], faces[f, 2]
                    if abs(depth - lit_at) > _SAME_DEPTH * lit_at:
                        lit_at = depth
                        nx = wa * surface[p, 3] + wb * surface[q, 3] + wc * surface[r, 3]
                        ny = wa * surface[p, 4] + wb * surface[q, 4] + wc * surface[r, 4]
                        nz = wa * surface[p, 5] + wb * surface[q, 5] + wc * surface[r, 5]
                        red, green, blue = _light_on(nx, ny, nz, up, ambient, lights)
                    rest_x = wa * surface[p, 0] + wb * surface[q, 0] + wc * surface[r, 0]
                    rest_y = wa * surface[p, 1] + wb * surface[q, 1] + wc * surface[r, 1]
                    rest_z = wa * surface[p, 2] + wb * surface[q, 2] + wc * surface[r, 2]
                    slot = slot_of(rest_x, rest_y, rest_z, marks, cuts)
                    total_red += min(red * colours[slot, 0], _f(1.0))
                    total_green += min(green * colours[slot, 1], _f(1.0))
                    total_blue += min(blue * colours[slot, 2], _f(1.0))
            if covered == 0:
                continue
            share = _f(covered) / _f(samples * samples)
            rest = _f(1.0) - share
            image[y, x, 0] = share * grey[int(total_red / _f(covered) * _f(4096.0))] + rest * image[y, x, 0]
            image[y, x, 1] = share * grey[int(total_green / _f(covered) * _f(4096.0))] + rest * image[y, x, 1]
            image[y, x, 2] = share * grey[int(total_blue / _f(covered) * _f(4096.0))] + rest * image[y, x, 2]


@njit(cache=True, nogil=True)
def depth_and_parts(samples, inverse_z, hit, faces, joint_of_vertex, hidden, depth_m, parts):
    """Depth in metres and body part (1 + joint) of each pixel, 0 where the person is not seen.

    One sample stands for the pixel: its centre, or the one up and left of it when there are four.
    """
    size = depth_m.shape[0]
    for y in range(size):
        for x in range(size):
            sy, sx = y * samples, x * samples
            if inverse_z[sy, sx] == _f(0.0) or hidden[y, x]:
                depth_m[y, x] = _f(0.0)
                parts[y, x] = 0
                continue
            depth_m[y, x] = _f(1.0) / inverse_z[sy, sx]
            f, wa, wb = int(hit[sy, sx, 2]), hit[sy, sx, 0], hit[sy, sx, 1]
            wc = _f(1.0) - wa - wb
            corner = 0 if wa >= wb and wa >= wc else (1 if wb >= wc else 2)
            parts[y, x] = 1 + joint_of_vertex[faces[f, corner]]
