"""The look of the person: shading of what the z-buffer found, in linear light, then the gamma of a screen."""

from __future__ import annotations

import numpy as np
from numba import njit

from share_dist.render.wardrobe import slot_of

_f = np.float32
GAMMA = 2.2
"""Colours are given as they look on a screen and lit in linear light; pyrender uses the same power."""

GREY_OF_LIGHT = (255.0 * np.linspace(0.0, 1.0, 4097) ** (1.0 / GAMMA)).astype(np.float32)
"""Screen value of linear light 0…1: a table, because a power per pixel would cost more than all the rest."""


@njit(cache=True, nogil=True, error_model="numpy")
def lit(colour, nx, ny, nz, up, ambient, lights, out):
    """Linear light leaving a matt surface: ambient from above more than from below, then each directional light.

    Args:
        colour: [3] linear albedo.
        nx, ny, nz: unit normal, camera frame.
        up: [3] the world's up, camera frame.
        ambient: [3] linear.
        lights: [L,6] unit direction towards the light (camera frame), then its linear colour.
        out: [3], written.
    """
    sky = _f(0.75) + _f(0.25) * (nx * up[0] + ny * up[1] + nz * up[2])
    for k in range(3):
        out[k] = ambient[k] * sky
    for i in range(lights.shape[0]):
        facing = nx * lights[i, 0] + ny * lights[i, 1] + nz * lights[i, 2]
        if facing > _f(0.0):
            for k in range(3):
                out[k] += facing * lights[i, 3 + k]
    for k in range(3):
        out[k] = min(out[k] * colour[k], _f(1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def paint_person(
    image, samples, face_of_pixel, bary, faces, template, normals, marks, cuts, colours, up, ambient, lights, grey
):
    """Blend the person into `image` [S,S,3] float32 (screen values 0…255), drawn over what is there.

    The buffers are `samples` times finer than the image each way; a pixel is the mean, in linear light, of the samples
    that fall on the person, laid over the background by their share.
    """
    size = image.shape[0]
    light = np.empty(3, np.float32)
    total = np.empty(3, np.float32)
    full = _f(samples * samples)
    for y in range(size):
        for x in range(size):
            covered = 0
            total[:] = _f(0.0)
            for sub in range(samples * samples):
                sy = y * samples + sub // samples
                sx = x * samples + sub % samples
                f = face_of_pixel[sy, sx]
                if f < 0:
                    continue
                covered += 1
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                wa, wb = bary[sy, sx, 0], bary[sy, sx, 1]
                wc = _f(1.0) - wa - wb
                nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
                ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
                nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
                scale = _f(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + _f(1e-20))
                rx = wa * template[a, 0] + wb * template[b, 0] + wc * template[c, 0]
                ry = wa * template[a, 1] + wb * template[b, 1] + wc * template[c, 1]
                rz = wa * template[a, 2] + wb * template[b, 2] + wc * template[c, 2]
                colour = colours[slot_of(rx, ry, rz, marks, cuts)]
                lit(colour, nx * scale, ny * scale, nz * scale, up, ambient, lights, light)
                for k in range(3):
                    total[k] += light[k]
            if covered == 0:
                continue
            share = _f(covered) / full
            for k in range(3):
                mean = total[k] / _f(covered)
                image[y, x, k] = share * grey[int(mean * _f(4096.0))] + (_f(1.0) - share) * image[y, x, k]


@njit(cache=True, nogil=True)
def depth_and_parts(samples, face_of_pixel, inverse_z, faces, bary, joint_of_vertex, hidden, depth_m, parts):
    """Depth in metres and body part (1 + joint) of each pixel, 0 where the person is not seen.

    One sample stands for the pixel: its centre, or the one up and left of it when there are four.
    """
    size = depth_m.shape[0]
    for y in range(size):
        for x in range(size):
            sy, sx = y * samples, x * samples
            f = face_of_pixel[sy, sx]
            if f < 0 or hidden[y, x]:
                depth_m[y, x] = _f(0.0)
                parts[y, x] = 0
                continue
            depth_m[y, x] = _f(1.0) / inverse_z[sy, sx]
            wa, wb = bary[sy, sx, 0], bary[sy, sx, 1]
            wc = _f(1.0) - wa - wb
            corner = 0 if wa >= wb and wa >= wc else (1 if wb >= wc else 2)
            parts[y, x] = 1 + joint_of_vertex[faces[f, corner]]
