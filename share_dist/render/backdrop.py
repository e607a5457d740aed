"""Flat backdrops, and the integer hashes and the smooth noise that all painted surroundings are made of."""

from __future__ import annotations

import numpy as np
from numba import njit

_f = np.float32
_i = np.int32
_u = np.uint32


@njit(cache=True, nogil=True)
def hash_bits(x, y, seed):
    """32 well-mixed bits for an integer place; the same on every machine."""
    h = _u(_u(x) * _u(0x8DA6B343)) ^ _u(_u(y) * _u(0xD8163841)) ^ _u(seed)
    h = _u(h ^ _u(h >> _u(16)))
    h = _u(h * _u(0x7FEB352D))
    h = _u(h ^ _u(h >> _u(15)))
    h = _u(h * _u(0x846CA68B))
    return _u(h ^ _u(h >> _u(16)))


@njit(cache=True, nogil=True)
def hash_unit(x, y, seed):
    """A number in [0, 1) for an integer place."""
    # Through int32, because processors turn signed numbers into floats much faster.
    return _f(np.int32(hash_bits(x, y, seed) >> _u(8))) * _f(5.9604645e-8)


# Inlined by numba itself: a function of this size would stay a call, and a loop with one takes pixels singly.
@njit(nogil=True, inline="always")
def value_noise(x, y, seed):
    """Smooth noise in [0, 1] with features of size one."""
    fx, fy = np.floor(x), np.floor(y)
    # 32 bits, because processors turn many floats at once into those, but not into longer ones.
    ix, iy = _i(fx), _i(fy)
    u, v = x - fx, y - fy
    u = u * u * (_f(3.0) - _f(2.0) * u)
    v = v * v * (_f(3.0) - _f(2.0) * v)
    top = hash_unit(ix, iy, seed) * (_f(1.0) - u) + hash_unit(ix + 1, iy, seed) * u
    low = hash_unit(ix, iy + 1, seed) * (_f(1.0) - u) + hash_unit(ix + 1, iy + 1, seed) * u
    return top * (_f(1.0) - v) + low * v


@njit(cache=True, nogil=True)
def add_noise_layer(layer, cells, weight, seed):
    """Add `weight` × smooth noise with `cells` features across to `layer` [S,S]."""
    size = layer.shape[0]
    step = _f(cells) / _f(size)
    # Where each column lies in its cell is the same in all rows, and a row's lattice is blended once.
    cell, share = np.empty(size, np.uint32), np.empty(size, np.float32)
    for x in range(size):
        at = (_f(x) + _f(0.5)) * step
        cell[x] = _u(at)
        u = at - _f(int(at))
        share[x] = u * u * (_f(3.0) - _f(2.0) * u)
    row = np.empty(cells + 2, np.float32)
    for y in range(size):
        at = (_f(y) + _f(0.5)) * step
        iy = int(at)
        v = at - _f(iy)
        v = v * v * (_f(3.0) - _f(2.0) * v)
        for i in range(cells + 2):
            row[i] = weight * (hash_unit(i, iy, seed) * (_f(1.0) - v) + hash_unit(i, iy + 1, seed) * v)
        for x in range(size):
            layer[y, x] += row[cell[x]] * (_f(1.0) - share[x]) + row[_u(cell[x] + _u(1))] * share[x]


@njit(nogil=True, inline="always")
def _mixed(t, colours, k):
    """Channel k of the colour at t in [0, 1] on the way first → second → third."""
    late = t >= _f(0.5)
    share = min(t, _f(1.0)) * _f(2.0) - _f(1.0) if late else max(t, _f(0.0)) * _f(2.0)
    start, end = (colours[1, k], colours[2, k]) if late else (colours[0, k], colours[1, k])
    return start + share * (end - start)


@njit(cache=True, nogil=True)
def _soften(value, amount):
    return min(max(_f(0.5) + amount * (value - _f(0.5)), _f(0.0)), _f(1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_clouds(image, colours, scale, seed):
    """Foliage, clouds, plaster: three octaves of noise through three colours."""
    size = image.shape[0]
    layer = np.zeros((size, size), np.float32)
    cells = max(int(scale), 1)
    add_noise_layer(layer, cells, _f(0.5), seed)
    add_noise_layer(layer, 3 * cells, _f(0.3), seed + 1)
    add_noise_layer(layer, 8 * cells, _f(0.2), seed + 2)
    for y in range(size):
        for x in range(size):
            t = _soften(layer[y, x], _f(1.9))
            for k in range(3):
                image[y, x, k] = _mixed(t, colours, k)


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_gradient(image, colours, scale, angle, seed):
    """A smooth change from one side to the other with a little unevenness."""
    size = image.shape[0]
    layer = np.zeros((size, size), np.float32)
    add_noise_layer(layer, max(int(scale), 1), _f(0.5), seed)
    along_x, along_y = np.cos(angle) / _f(size), np.sin(angle) / _f(size)
    for y in range(size):
        for x in range(size):
            t = (_f(x) - _f(0.5 * size)) * along_x + (_f(y) - _f(0.5 * size)) * along_y + layer[y, x] + _f(0.25)
            for k in range(3):
                image[y, x, k] = _mixed(t, colours, k)


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_blocks(image, colours, scale, angle, seed):
    """Shelves, bricks, facades: rows of cells of random colour and width."""
    size = image.shape[0]
    c, s = np.cos(angle), np.sin(angle)
    per_px = scale / _f(size)
    for y in range(size):
        for x in range(size):
            u = (c * _f(x) + s * _f(y)) * per_px + _f(64.0)
            v = (c * _f(y) - s * _f(x)) * per_px + _f(64.0)
            row = int(np.floor(v))
            u = u * (_f(0.5) + hash_unit(row, 3, seed)) + _f(8.0) * hash_unit(row, 5, seed)
            column = int(np.floor(u))
            t = hash_unit(column, row, seed)
            edge = min(u - _f(column), v - _f(row))
            for k in range(3):
                image[y, x, k] = _mixed(t, colours, k)
            if edge < _f(0.07):
                for k in range(3):
                    image[y, x, k] *= _f(0.55)


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_stripes(image, colours, scale, angle, seed, checked):
    """Curtains and tiles: two colours in stripes or in checks, unevenly lit."""
    size = image.shape[0]
    layer = np.zeros((size, size), np.float32)
    add_noise_layer(layer, 3, _f(40.0), seed)
    c, s = np.cos(angle), np.sin(angle)
    per_px = scale / _f(size)
    for y in range(size):
        for x in range(size):
            u = int(np.floor((c * _f(x) + s * _f(y)) * per_px + _f(64.0)))
            v = int(np.floor((c * _f(y) - s * _f(x)) * per_px + _f(64.0))) if checked else 0
            which = (u + v) & 1
            for k in range(3):
                image[y, x, k] = min(max(colours[which, k] + layer[y, x] - _f(20.0), _f(0.0)), _f(255.0))


@njit(cache=True, nogil=True)
def paint_backdrop(image, kind, colours, scale, angle, seed):
    """Fill a picture with a flat backdrop, screen values 0…255.

    Args:
        image: [S,S,3] float32, written.
        kind: position in `scene.FLAT_KINDS`: gradient, clouds, stripes, checks, blocks.
        colours: [3,3] screen values.
        scale: about how many features there are across the picture.
        angle: of lines, radians.
        seed: integer for the hashes.
    """
    if kind == 0:
        _paint_gradient(image, colours, scale, angle, seed)
    elif kind == 1:
        _paint_clouds(image, colours, scale, seed)
    elif kind == 4:
        _paint_blocks(image, colours, scale, angle, seed)
    else:
        _paint_stripes(image, colours, scale, angle, seed, kind == 3)
