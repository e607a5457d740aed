"""A place around the person: the floor they stand on and a room or an open field, seen by the same camera.

Each pixel's ray is followed to the floor, a wall or the sky, so the background turns with the camera as a real one
would. The floor is darker near what touches it. A row of pixels goes through each step together, and the costly steps
take no branch that differs between pixels, so that the compiler can take several at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from share_dist.compiled import source_stamp
from share_dist.render.backdrop import hash_unit, value_noise

_f = np.float32
_i = np.int32
# Of the functions here only `paint_place` is kept on disk, so that its stamp vouches for all.
_MADE_OF = source_stamp(__file__, "backdrop.py")

SKY, FLOOR, WALL_ACROSS_X, WALL_ACROSS_Z, CEILING = range(5)
# What is known of each pixel of a row: its ray's direction, how far along it the nearest surface is, where that lies.
_DX, _DY, _DZ, _REACH, _X, _Y, _Z = range(7)


@njit(nogil=True, error_model="numpy")
def _nearer(reach, surface, candidate, ahead, which):
    """The nearest surface so far, or this one, if it lies ahead and nearer."""
    found = ahead & (candidate < reach)
    return (candidate if found else reach), (_i(which) if found else surface)


@njit(nogil=True, error_model="numpy")
def _follow_rays(y, lens, rotation, camera_m, half_m, floor_m, ceiling_m, indoors, row, surface):
    """Where the rays of row `y` end: fills `row` [7,S] and `surface` [S]."""
    per_px, centre_x, centre_y = lens
    cx, cy, cz = camera_m
    half_x, half_z = half_m
    v = (_f(y) + _f(0.5) - centre_y) * per_px
    across_x, across_y, across_z = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    down_x, down_y, down_z = rotation[1, 0] * v, rotation[1, 1] * v, rotation[1, 2] * v
    ahead_x, ahead_y, ahead_z = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    for x in range(surface.shape[0]):
        u = (_f(_i(x)) + _f(0.5) - centre_x) * per_px
        dx = across_x * u + down_x + ahead_x
        dy = across_y * u + down_y + ahead_y
        dz = across_z * u + down_z + ahead_z
        reach, hit = _nearer(_f(60.0), _i(SKY), (floor_m - cy) / dy, dy < _f(-1e-4), FLOOR)
        if indoors:
            wall_x, wall_z = half_x if dx > _f(0.0) else -half_x, half_z if dz > _f(0.0) else -half_z
            reach, hit = _nearer(reach, hit, (wall_x - cx) / dx, abs(dx) > _f(1e-4), WALL_ACROSS_X)
            reach, hit = _nearer(reach, hit, (wall_z - cz) / dz, abs(dz) > _f(1e-4), WALL_ACROSS_Z)
            reach, hit = _nearer(reach, hit, (ceiling_m - cy) / dy, dy > _f(1e-4), CEILING)
        row[_DX, x], row[_DY, x], row[_DZ, x], row[_REACH, x] = dx, dy, dz, reach
        row[_X, x], row[_Y, x], row[_Z, x] = cx + reach * dx, cy + reach * dy, cz + reach * dz
        surface[x] = hit


@njit(nogil=True, error_model="numpy")
def _shade_floor(row, blobs, light):
    """How much of the light reaches the places of a row: product over blobs (x, z, 1/radius², strength)."""
    light[:] = _f(1.0)
    for i in range(blobs.shape[0]):
        x, z, narrow, strength = blobs[i, 0], blobs[i, 1], blobs[i, 2], blobs[i, 3]
        for k in range(light.shape[0]):
            dx, dz = row[_X, k] - x, row[_Z, k] - z
            far = (dx * dx + dz * dz) * narrow
            fall = _f(1.0) / (_f(1.0) + far)
            # Farther than eight radii it takes less than a tenth of a grey level.
            light[k] *= _f(1.0) - strength * fall * fall if far < _f(60.0) else _f(1.0)


@njit(nogil=True, error_model="numpy")
def _tone_floor(row, per_tile, pattern, seed, tone):
    """Tone in [0, 1] of the floor at the places of a row: tiles, boards or grass, fading with distance."""
    for k in range(tone.shape[0]):
        x, z = row[_X, k] * per_tile, row[_Z, k] * per_tile
        contrast = _f(1.0) / (_f(1.0) + _f(0.02) * row[_REACH, k] * row[_REACH, k])
        if pattern < _f(0.35):
            which = (_i(np.floor(x)) + _i(np.floor(z))) & _i(1)
            off = _f(which) - _f(0.5)
        elif pattern < _f(0.65):
            board = _i(np.floor(x * _f(3.0)))
            along = _i(np.floor(z * _f(0.5) + hash_unit(board, 7, seed)))
            off = hash_unit(board, along, seed) - _f(0.5)
        else:
            fine = value_noise(x * _f(4.0), z * _f(4.0), seed)
            coarse = value_noise(x * _f(0.7), z * _f(0.7), seed + 1)
            off = _f(0.9) * fine + _f(0.7) * coarse - _f(0.8)
        tone[k] = min(max(_f(0.5) + contrast * off, _f(0.0)), _f(1.0))


@njit(nogil=True, error_model="numpy")
def _tone_wall(surface, px, py, pz, floor_m, seed):
    """Brightness of a wall in panels with a skirting board, or of the ceiling."""
    if surface == CEILING:
        return _f(1.12)
    panel = int(np.floor((pz if surface == WALL_ACROSS_X else px) * _f(0.9)))
    bright = (_f(0.86) if surface == WALL_ACROSS_X else _f(1.0)) * (_f(0.9) + _f(0.2) * hash_unit(panel, surface, seed))
    return bright * _f(0.6) if py < floor_m + _f(0.12) else bright


@njit(nogil=True, error_model="numpy")
def _tone_sky(row, seed, cloud, glow):
    """Brightness of the sky with clouds along the rays of a row, and what the haze at the horizon adds."""
    for k in range(cloud.shape[0]):
        dx, dy, dz = row[_DX, k], row[_DY, k], row[_DZ, k]
        level = dy / np.sqrt(dx * dx + dy * dy + dz * dz)
        noise = value_noise(dx / (level + _f(0.4)) * _f(2.0), dz / (level + _f(0.4)) * _f(2.0), seed + 2)
        cloud[k] = _f(0.8) + _f(0.35) * noise
        glow[k] = _f(45.0) * (_f(1.0) - max(level, _f(0.0)))


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
    ceiling_m = max(floor_m + _f(2.6), cy + _f(0.4))
    pattern = hash_unit(1, 3, seed)
    lens = (_f(1.0) / focal, centre_x, centre_y)
    per_tile = _f(1.0) / scale
    if cy <= floor_m:  # a camera below the floor looks through it, and sees ground below itself
        floor_m = cy - _f(0.5)
    row, surface = np.empty((7, size), np.float32), np.empty(size, np.int32)
    tone, light = np.empty(size, np.float32), np.empty(size, np.float32)
    cloud, glow = np.empty(size, np.float32), np.empty(size, np.float32)
    for y in range(size):
        _follow_rays(y, lens, rotation, (cx, cy, cz), (half_x, half_z), floor_m, ceiling_m, indoors, row, surface)
        # Whole rows: what comes out for pixels of another kind may be anything, and is not read.
        if np.any(surface == FLOOR):
            _tone_floor(row, per_tile, pattern, seed, tone)
            _shade_floor(row, blobs, light)
        if np.any(surface == SKY):
            _tone_sky(row, seed, cloud, glow)
        for x in range(size):
            if surface[x] == FLOOR:
                haze = row[_REACH, x] / (row[_REACH, x] + _f(25.0)) if not indoors else _f(0.0)
                for k in range(3):
                    value = (colours[0, k] + tone[x] * (colours[1, k] - colours[0, k])) * light[x]
                    image[y, x, k] = value + haze * (_f(0.8) * colours[2, k] + _f(45.0) - value)
            elif surface[x] == SKY:
                for k in range(3):
                    image[y, x, k] = min(colours[2, k] * cloud[x] + glow[x], _f(255.0))
            else:
                bright = _tone_wall(surface[x], row[_X, x], row[_Y, x], row[_Z, x], floor_m, seed)
                for k in range(3):
                    image[y, x, k] = min(colours[2, k] * bright, _f(255.0))
