"""A place around the person: the floor they stand on and a room or an open field, seen by the same camera.

Each pixel's ray is followed to the floor, a wall or the sky, so the background turns with the camera as a real one
would. The floor is darker near what touches it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from share_dist.compiled import source_stamp
from share_dist.render.backdrop import hash_unit, value_noise

_f = np.float32
# Of the functions here only `paint_place` is kept on disk, so that its stamp vouches for all.
_MADE_OF = source_stamp(__file__, "backdrop.py")


# Inlined by numba itself: an array handed to an inner function has its references counted, at every pixel.
@njit(nogil=True, inline="always")
def _shade_under(x, z, blobs):
    """How much of the light reaches the floor at (x, z): product over blobs (x, z, 1/radius², strength)."""
    light = _f(1.0)
    for i in range(blobs.shape[0]):
        dx, dz = x - blobs[i, 0], z - blobs[i, 1]
        far = (dx * dx + dz * dz) * blobs[i, 2]
        if far < _f(60.0):  # farther than eight radii it takes less than a tenth of a grey level
            fall = _f(1.0) / (_f(1.0) + far)
            light *= _f(1.0) - blobs[i, 3] * fall * fall
    return light


@njit(nogil=True, error_model="numpy")
def _floor_tone(x, z, far, pattern, seed):
    """Tone about [0, 1] of the floor at (x, z), in tiles: tiles, boards or grass, fading with distance."""
    contrast = _f(1.0) / (_f(1.0) + _f(0.02) * far * far)
    if pattern < _f(0.35):
        which = (int(np.floor(x)) + int(np.floor(z))) & 1
        return _f(0.5) + contrast * (_f(0.5) if which else _f(-0.5))
    if pattern < _f(0.65):
        board = int(np.floor(x * _f(3.0)))
        along = int(np.floor(z * _f(0.5) + hash_unit(board, 7, seed)))
        return _f(0.5) + contrast * (hash_unit(board, along, seed) - _f(0.5))
    fine = value_noise(x * _f(4.0), z * _f(4.0), seed)
    coarse = value_noise(x * _f(0.7), z * _f(0.7), seed + 1)
    return _f(0.5) + contrast * (_f(0.9) * fine + _f(0.7) * coarse - _f(0.8))


SKY, FLOOR, WALL_ACROSS_X, WALL_ACROSS_Z, CEILING = range(5)


@njit(nogil=True, error_model="numpy")
def _what_is_hit(dx, dy, dz, cx, cy, cz, half_x, half_z, floor_m, ceiling, indoors):
    """How far along a ray from (cx, cy, cz) the nearest surface is, and which."""
    reach = _f(60.0)
    surface = SKY
    if dy < _f(-1e-4) and (floor_m - cy) / dy < reach:
        reach = (floor_m - cy) / dy
        surface = FLOOR
    if not indoors:
        return reach, surface
    if abs(dx) > _f(1e-4):
        to_x = ((half_x if dx > _f(0.0) else -half_x) - cx) / dx
        if to_x < reach:
            reach, surface = to_x, WALL_ACROSS_X
    if abs(dz) > _f(1e-4):
        to_z = ((half_z if dz > _f(0.0) else -half_z) - cz) / dz
        if to_z < reach:
            reach, surface = to_z, WALL_ACROSS_Z
    if dy > _f(1e-4) and (ceiling - cy) / dy < reach:
        reach, surface = (ceiling - cy) / dy, CEILING
    return reach, surface


@njit(nogil=True, error_model="numpy")
def _wall_tone(surface, px, py, pz, floor_m, seed):
    """Brightness of a wall in panels with a skirting board, or of the ceiling."""
    if surface == CEILING:
        return _f(1.12)
    panel = int(np.floor((pz if surface == WALL_ACROSS_X else px) * _f(0.9)))
    bright = (_f(0.86) if surface == WALL_ACROSS_X else _f(1.0)) * (_f(0.9) + _f(0.2) * hash_unit(panel, surface, seed))
    return bright * _f(0.6) if py < floor_m + _f(0.12) else bright


@njit(nogil=True, error_model="numpy")
def _sky_tone(dx, dy, dz, seed):
    """Brightness of the sky with clouds, and what the haze at the horizon adds."""
    level = dy / np.sqrt(dx * dx + dy * dy + dz * dz)
    cloud = value_noise(dx / (level + _f(0.4)) * _f(2.0), dz / (level + _f(0.4)) * _f(2.0), seed + 2)
    return _f(0.8) + _f(0.35) * cloud, _f(45.0) * (_f(1.0) - max(level, _f(0.0)))


@njit(cache=True, nogil=True, error_model="numpy")
def paint_place(
    image, colours, scale, seed, indoors, rotation, position_m, focal, centre_x, centre_y, floor_m, blobs,
    _made_of=_MADE_OF,
):  # fmt: skip
    """Fill `image` [S,S,3] with floor and walls, or floor and sky.

    Args:
        image: screen values 0…255, written.
        colours: [3,3] floor's two colours, then the wall's or the sky's.
        scale: size of a tile, metres.
        seed: integer for the hashes.
        indoors: whether there are walls and a ceiling.
        rotation: cam_from_person [3,3].
        position_m: the camera in the person's frame.
        focal: focal length, pixels of the crop.
        centre_x: principal point in the crop.
        centre_y: principal point in the crop.
        floor_m: height of the floor in the person's frame.
        blobs: [B,4] what darkens the floor.
    """
    size = image.shape[0]
    cx, cy, cz = position_m[0], position_m[1], position_m[2]
    half_x = max(_f(2.2) + _f(3.0) * hash_unit(1, 1, seed), abs(cx) + _f(0.4))
    half_z = max(_f(2.2) + _f(3.0) * hash_unit(1, 2, seed), abs(cz) + _f(0.4))
    ceiling = max(floor_m + _f(2.6), cy + _f(0.4))
    pattern = hash_unit(1, 3, seed)
    per_px, per_tile = _f(1.0) / focal, _f(1.0) / scale
    if cy <= floor_m:  # a camera below the floor looks through it, and sees ground below itself
        floor_m = cy - _f(0.5)
    for y in range(size):
        for x in range(size):
            u, v = (_f(x) + _f(0.5) - centre_x) * per_px, (_f(y) + _f(0.5) - centre_y) * per_px
            dx = rotation[0, 0] * u + rotation[1, 0] * v + rotation[2, 0]
            dy = rotation[0, 1] * u + rotation[1, 1] * v + rotation[2, 1]
            dz = rotation[0, 2] * u + rotation[1, 2] * v + rotation[2, 2]
            reach, surface = _what_is_hit(dx, dy, dz, cx, cy, cz, half_x, half_z, floor_m, ceiling, indoors)
            px, py, pz = cx + reach * dx, cy + reach * dy, cz + reach * dz
            if surface == FLOOR:
                tone = min(max(_floor_tone(px * per_tile, pz * per_tile, reach, pattern, seed), _f(0.0)), _f(1.0))
                light = _shade_under(px, pz, blobs)
                haze = reach / (reach + _f(25.0)) if not indoors else _f(0.0)
                for k in range(3):
                    value = (colours[0, k] + tone * (colours[1, k] - colours[0, k])) * light
                    image[y, x, k] = value + haze * (_f(0.8) * colours[2, k] + _f(45.0) - value)
                continue
            if surface == SKY:
                bright, glow = _sky_tone(dx, dy, dz, seed)
            else:
                bright, glow = _wall_tone(surface, px, py, pz, floor_m, seed), _f(0.0)
            for k in range(3):
                image[y, x, k] = min(colours[2, k] * bright + glow, _f(255.0))
