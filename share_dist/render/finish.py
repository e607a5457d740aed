"""The last touches of a picture: things in front of the person, what lies outside the frame, sensor noise."""

from __future__ import annotations

import numpy as np
from numba import njit

from share_dist.compiled import source_stamp
from share_dist.render.backdrop import hash_bits, hash_unit

_f = np.float32
_u = np.uint32
_MADE_OF = source_stamp(__file__, "backdrop.py")


@njit(nogil=True)
def _span(centre, reach, size):
    """First pixel, and the one after the last, that something this far around a centre may touch; one to spare."""
    return max(int(centre - reach) - 1, 0), min(int(centre + reach) + 2, size)


@njit(cache=True, nogil=True, error_model="numpy")
def draw_occluders(image, hidden, occluders, seed, _made_of=_MADE_OF):
    """Draw opaque shapes over the picture and mark the pixels they hide.

    Args:
        image: [S,S,3] screen values, written.
        hidden: [S,S] bool, written.
        occluders: [O,9] centre x, y and half width, half height as shares of the picture, angle, 1 for an ellipse,
            then the colour's three screen values.
        seed: integer for the grain of their surface.
    """
    size = image.shape[0]
    for i in range(occluders.shape[0]):
        c, s = np.cos(occluders[i, 4]), np.sin(occluders[i, 4])
        centre_x, centre_y = occluders[i, 0] * _f(size), occluders[i, 1] * _f(size)
        half_width, half_height = occluders[i, 2] * _f(size), occluders[i, 3] * _f(size)
        left, right = _span(centre_x, abs(c) * half_width + abs(s) * half_height, size)
        top, bottom = _span(centre_y, abs(s) * half_width + abs(c) * half_height, size)
        for y in range(top, bottom):
            for x in range(left, right):
                dx = _f(x) + _f(0.5) - centre_x
                dy = _f(y) + _f(0.5) - centre_y
                u = (c * dx + s * dy) / half_width
                v = (c * dy - s * dx) / half_height
                reach = u * u + v * v if occluders[i, 5] > _f(0.5) else max(abs(u), abs(v))
                if reach >= _f(1.0):
                    continue
                hidden[y, x] = True
                bright = _f(0.85) - _f(0.2) * v + _f(0.15) * hash_unit(int((u + _f(2.0)) * _f(6.0)), i, seed)
                for k in range(3):
                    image[y, x, k] = min(occluders[i, 6 + k] * bright, _f(255.0))


@njit(cache=True, nogil=True)
def hide_outside_frame(image, hidden, left, top, right, bottom):
    """Blacken and mark the pixels whose centre lies outside the full frame, where no camera recorded anything."""
    size = image.shape[0]
    if left <= _f(0.5) and top <= _f(0.5) and right >= size - _f(0.5) and bottom >= size - _f(0.5):
        return
    for y in range(size):
        for x in range(size):
            px, py = _f(x) + _f(0.5), _f(y) + _f(0.5)
            if px < left or px > right or py < top or py > bottom:
                hidden[y, x] = True
                for k in range(3):
                    image[y, x, k] = _f(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def develop(image, noise, seed, out, _made_of=_MADE_OF):
    """Round screen values to uint8 after adding a little noise, at most ±`noise` grey levels, even over its range."""
    size = image.shape[0]
    scale = noise / _f(511.5)
    # A row's three colours are one run of numbers, so that the compiler can take many at once.
    values, pixels = image.reshape(size, 3 * size), out.reshape(size, 3 * size)
    grain = np.empty(3 * size, np.float32)
    for y in range(size):
        for x in range(size):
            bits = hash_bits(x, y, seed)
            for k in range(3):
                grain[3 * x + k] = _f(np.int32(_u(bits >> _u(10 * k)) & _u(1023))) - _f(511.5)
        for i in range(3 * size):
            value = values[y, i] + grain[i] * scale + _f(0.5)
            pixels[y, i] = np.uint8(np.int32(min(max(value, _f(0.0)), _f(255.0))))
