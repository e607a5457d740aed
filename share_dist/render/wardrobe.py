"""Where clothes, hair and face lie on a body, told by rest-pose coordinates and a few landmarks.

No per-vertex labels: a surface point's rest position says whether it is sleeve or hand, so hems are sharp at any
resolution and the same rule paints the built-in figure and a licensed SMPL mesh.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from numba import njit

from share_dist.body import VERTEX_IDS, Body

SHIRT, SHIRT_MARK, LEFT_SLEEVE, TROUSERS, TROUSERS_MARK, SHOES, SKIN, HAIR, EYE, IRIS, LIPS = range(11)

# Entries of a body's landmark vector: metres in the rest pose.
(NECK_Y, NECK_Z, SHOULDER_X, ARM_LOW_Y, WRIST_X, WAIST_Y, CROTCH_Y, KNEE_Y, ANKLE_Y, CHIN_Y, CROWN_Y, EAR_Z) = range(12)
HEAD_Z, NOSE_Y, NOSE_Z, EYE_X, EYE_Y, EYE_Z = range(12, 18)
LANDMARK_COUNT = 18

# Entries of one person's cuts: how far the clothes reach and how they are patterned.
(SLEEVE_X, TROUSERS_Y, SHIRT_KIND, SHIRT_PERIOD, TROUSERS_KIND, TROUSERS_PERIOD, HAIR_TOP, HAIR_BACK) = range(8)
CUT_COUNT = 8
PLAIN, ACROSS, ALONG, CHECKED, PATCH = range(5)

_f = np.float32


Numbers = tuple[np.float32, ...]
"""What kernels read as constants. Tuples, because numba counts references to arrays it hands to inner functions,
and that took a third of the time of a pixel."""


def numbers(values: np.ndarray) -> Numbers:
    """The values of an array, row by row, as a tuple for a kernel."""
    return tuple(np.asarray(values, np.float32).ravel())


def landmarks(body: Body) -> Float32[np.ndarray, "18"]:
    """Heights and widths of the body at rest, from its joints and from SMPL's named vertices."""
    joints = body.joint_template_m
    point = {name: body.v_template[vertex] for name, vertex in VERTEX_IDS.items()}
    head = body.v_template[body.dominant_joint == 15]
    eyes = (point["left_eye"] + point["right_eye"] * [-1, 1, 1]) / 2
    out = np.zeros(LANDMARK_COUNT, np.float32)
    out[[NECK_Y, NECK_Z]] = joints[12, 1:]
    out[SHOULDER_X], out[ARM_LOW_Y] = abs(joints[16, 0]), joints[16, 1] - 0.15
    out[WRIST_X] = abs(joints[20, 0])
    out[WAIST_Y], out[CROTCH_Y] = joints[0, 1] + 0.03, joints[1, 1] - 0.08
    out[KNEE_Y], out[ANKLE_Y] = joints[4, 1], joints[7, 1]
    out[CHIN_Y], out[CROWN_Y] = joints[15, 1] - 0.03, head[:, 1].max()
    out[EAR_Z] = (point["left_ear"][2] + point["right_ear"][2]) / 2
    out[HEAD_Z] = (head[:, 2].min() + head[:, 2].max()) / 2
    out[[NOSE_Y, NOSE_Z]] = point["nose"][1:]
    out[[EYE_X, EYE_Y, EYE_Z]] = eyes
    return out


@njit(cache=True, nogil=True)
def _inside(x, y, half_width, half_height):
    u = x / half_width
    v = y / half_height
    return u * u + v * v < _f(1.0)


@njit(cache=True, nogil=True)
def _face_slot(x, y, z, marks, cuts):
    """Slot of a point of the head or neck."""
    height = (y - marks[CHIN_Y]) / (marks[CROWN_Y] - marks[CHIN_Y])
    if height > cuts[HAIR_TOP] and z < marks[HEAD_Z] + _f(0.06) + (height - cuts[HAIR_TOP]) * _f(0.6):
        return HAIR
    if height > cuts[HAIR_BACK] and z < marks[EAR_Z] - _f(0.012):
        return HAIR
    if height > _f(0.45) and z < marks[EAR_Z] + _f(0.012) and height > cuts[HAIR_TOP] - _f(0.25):
        return HAIR
    if z < marks[HEAD_Z]:
        return SKIN
    side = abs(x) - marks[EYE_X]
    up = y - marks[EYE_Y]
    if _inside(side, up, _f(0.006), _f(0.006)):
        return IRIS
    if _inside(side, up, _f(0.014), _f(0.008)):
        return EYE
    if _inside(side, up - _f(0.021), _f(0.019), _f(0.0045)):
        return HAIR
    if _inside(x, y - marks[NOSE_Y] + _f(0.034), _f(0.022), _f(0.0085)):
        return LIPS
    return SKIN


@njit(cache=True, nogil=True, error_model="numpy")
def _marked(across, along, kind, period):
    """Whether a pattern shows its second colour at this point; distances in metres along and across the cloth."""
    if kind == ACROSS:
        t = across / period
        return t - np.floor(t) < _f(0.5)
    if kind == ALONG:
        t = along / period
        return t - np.floor(t) < _f(0.5)
    if kind == CHECKED:
        s = across / period
        t = along / period
        return (s - np.floor(s) < _f(0.5)) != (t - np.floor(t) < _f(0.5))
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def slot_of(x, y, z, marks, cuts):
    """What covers a point of the surface, from its rest position: one of the slots SHIRT … LIPS."""
    far = abs(x)
    if far > marks[SHOULDER_X] and y > marks[ARM_LOW_Y]:
        if far > cuts[SLEEVE_X]:
            return SKIN
        if _marked(far, z, cuts[SHIRT_KIND], cuts[SHIRT_PERIOD]):
            return SHIRT_MARK
        return LEFT_SLEEVE if x > _f(0.0) else SHIRT
    collar = marks[NECK_Y] - _f(0.035) - _f(0.3) * (z - marks[NECK_Z]) + _f(0.5) * max(far - _f(0.05), _f(0.0))
    if y > collar:
        return _face_slot(x, y, z, marks, cuts)
    if y > marks[WAIST_Y]:
        kind = cuts[SHIRT_KIND]
        if kind == PATCH:
            middle = _f(0.55) * marks[NECK_Y] + _f(0.45) * marks[WAIST_Y]
            on_chest = z > _f(0.02) and far < _f(0.085) and abs(y - middle) < _f(0.075)
            return SHIRT_MARK if on_chest else SHIRT
        return SHIRT_MARK if _marked(y, x, kind, cuts[SHIRT_PERIOD]) else SHIRT
    if y < marks[ANKLE_Y]:
        return SHOES
    if y < cuts[TROUSERS_Y]:
        return SKIN
    marked = _marked(y, x + z, cuts[TROUSERS_KIND], cuts[TROUSERS_PERIOD])
    return TROUSERS_MARK if marked else TROUSERS


@njit(cache=True, nogil=True)
def paint_vertices(template, marks, cuts, colours, out):
    """Write the colour of what covers each vertex into `out` [V,3]: for renderers that know colours by vertex only."""
    for i in range(template.shape[0]):
        slot = slot_of(template[i, 0], template[i, 1], template[i, 2], marks, cuts)
        for k in range(3):
            out[i, k] = colours[slot, k]
