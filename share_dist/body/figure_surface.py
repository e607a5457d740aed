"""The figure's shape, part by part: torso, leg and foot, arm and hand, head. T-pose, metres, left half only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import PchipInterpolator
from skimage.measure import marching_cubes

from share_dist.body.figure_fields import Field, HalfGrid, Surface, smooth_line, smooth_min

SOLE_Y_M = -1.187
TORSO = np.array([
    # height y, half width, half depth, depth of the centre
    (-0.425, 0.055, 0.050, 0.000), (-0.40, 0.105, 0.085, 0.000), (-0.36, 0.155, 0.108, -0.002),
    (-0.31, 0.172, 0.116, -0.004), (-0.24, 0.164, 0.110, 0.002), (-0.17, 0.148, 0.103, 0.010),
    (-0.10, 0.138, 0.098, 0.012), (-0.02, 0.143, 0.102, 0.010), (0.06, 0.155, 0.110, 0.008),
    (0.12, 0.165, 0.114, 0.006), (0.18, 0.163, 0.102, -0.002), (0.225, 0.145, 0.082, -0.012),
    (0.26, 0.10, 0.066, -0.02), (0.30, 0.062, 0.056, -0.02), (0.34, 0.05, 0.05, -0.015),
])  # fmt: skip
"""Cross-sections of the torso from crotch to neck; each a superellipse."""
SQUARENESS = 2.35
"""Exponent of the cross-sections: 2 is an ellipse, a trunk is a little squarer."""


def build_surface(step_m: float) -> Surface:
    """The whole figure as a distance field sampled every `step_m`."""
    grid = HalfGrid(step_m)
    body = Field(grid)
    _add_torso(body)
    body.join(_leg(grid), 0.045)
    body.join(_arm(grid), 0.045)
    body.limb([(0, 0.24, -0.02), (0, 0.32, -0.012), (0, 0.40, 0.012)], [0.060, 0.055, 0.055], 0.03)
    body.join(_head(grid), 0.022)
    below_sole = (SOLE_Y_M - grid.axes[1]).astype(np.float32)[None, :, None]
    body.values = -smooth_min(-body.values, -np.broadcast_to(below_sole, grid.shape), 0.008)
    return Surface(body)


def surface_mesh(surface: Surface) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """A fine closed mesh of the surface, faces counter-clockwise from outside."""
    step = surface.step_m
    vertices, faces, _, _ = marching_cubes(surface.values, 0.0, spacing=(step, step, step))
    return vertices.astype(np.float64) + surface.origin, faces.astype(np.int64)


def _add_torso(body: Field) -> None:
    window = body.grid.window(np.array([0, -0.425, -0.13]), np.array([0.175, 0.34, 0.13]), 0.05)
    x, y, z = body.grid.points(window)
    inside_y = np.clip(y, TORSO[0, 0], TORSO[-1, 0])
    width, depth, centre = (PchipInterpolator(TORSO[:, 0], TORSO[:, i])(inside_y) for i in (1, 2, 3))
    ratio = ((np.abs(x) / width) ** SQUARENESS + (np.abs(z - centre) / depth) ** SQUARENESS) ** (1 / SQUARENESS)
    beyond = np.abs(y - inside_y)
    distances = (ratio - 1) * np.minimum(width, depth)
    # 0.9: the slope of a squarish loft is a little over one, and distances must not be overstated.
    distances = np.where(beyond > 0, np.hypot(np.maximum(distances, 0), beyond), 0.9 * distances)
    body.add(window, distances, 0.0)
    body.limb([(0.04, 0.235, -0.022), (0.11, 0.225, -0.02), (0.172, 0.212, -0.018)], [0.052, 0.052, 0.058], 0.05)
    body.ellipsoid((0.072, 0.125, 0.072), (0.078, 0.058, 0.045), 0.03)  # pectoral
    body.ellipsoid((0.078, -0.315, -0.058), (0.082, 0.088, 0.074), 0.04)  # glute
    body.ellipsoid((0, -0.20, 0.075), (0.10, 0.10, 0.045), 0.04)  # belly
    body.ellipsoid((0.085, 0.13, -0.07), (0.07, 0.09, 0.035), 0.03)  # shoulder blade


def _leg(grid: HalfGrid) -> Field:
    leg = Field(grid)
    line = [
        (0.088, -0.33, 0.0), (0.098, -0.48, 0.012), (0.104, -0.62, 0.006), (0.105, -0.70, 0.004),
        (0.102, -0.80, -0.014), (0.097, -0.92, -0.018), (0.091, -1.05, -0.03), (0.090, -1.10, -0.035),
    ]  # fmt: skip
    leg.limb(*smooth_line(line, [0.092, 0.083, 0.065, 0.058, 0.061, 0.052, 0.039, 0.037], 24), 0.0)
    leg.ellipsoid((0.104, -0.69, 0.034), (0.034, 0.045, 0.028), 0.02)  # kneecap
    leg.limb([(0.090, -1.10, -0.035), (0.092, -1.138, -0.055)], [0.038, 0.037], 0.02)  # ankle and heel
    foot = [(0.092, -1.150, -0.058), (0.098, -1.148, -0.01), (0.108, -1.158, 0.05), (0.115, -1.166, 0.095)]
    leg.limb(*smooth_line(foot, [0.036, 0.037, 0.032, 0.026], 10), 0.02, stretch=(1.12, 1, 1))
    leg.limb([(0.085, -1.168, 0.085), (0.145, -1.170, 0.075)], [0.020, 0.018], 0.02)  # ball of the foot
    for root_x, tip_x, tip_z, radius in (
        (0.092, 0.088, 0.158, 0.0155), (0.112, 0.1125, 0.158, 0.0115), (0.127, 0.131, 0.150, 0.0110),
        (0.140, 0.147, 0.138, 0.0105), (0.151, 0.161, 0.122, 0.0105),
    ):  # fmt: skip
        leg.limb([(root_x, -1.169, 0.09), (tip_x, -1.176, tip_z)], [radius + 0.003, radius], 0.010)
    return leg


def _arm(grid: HalfGrid) -> Field:
    arm = Field(grid)
    line = [
        (0.165, 0.218, -0.018), (0.24, 0.220, -0.022), (0.33, 0.217, -0.028), (0.435, 0.215, -0.035),
        (0.50, 0.217, -0.035), (0.60, 0.219, -0.035), (0.69, 0.220, -0.035),
    ]  # fmt: skip
    arm.limb(*smooth_line(line, [0.062, 0.054, 0.047, 0.039, 0.043, 0.034, 0.027], 24), 0.0)
    arm.ellipsoid((0.745, 0.215, -0.037), (0.062, 0.0165, 0.044), 0.03)  # palm
    arm.limb([(0.70, 0.219, -0.036), (0.72, 0.217, -0.036)], [0.025, 0.024], 0.02)  # wrist
    for root_z, tip_z, tip_x, radius in (
        (-0.006, 0.002, 0.862, 0.0088), (-0.027, -0.026, 0.874, 0.0092),
        (-0.048, -0.053, 0.866, 0.0088), (-0.067, -0.080, 0.840, 0.0080),
    ):  # fmt: skip
        # A field of its own for each finger: melted one into another they would become a mitten.
        finger = Field(grid)
        bend = (0.5 * (0.775 + tip_x), 0.212, 0.5 * (root_z + tip_z))
        line = [(0.765, 0.214, root_z), bend, (tip_x, 0.206, tip_z)]
        finger.limb(line, [radius + 0.0015, radius, radius * 0.85], 0.0)
        arm.join(finger, 0.010)
    thumb = [(0.718, 0.213, -0.022), (0.750, 0.205, 0.012), (0.782, 0.198, 0.036)]
    arm.limb(thumb, [0.017, 0.0125, 0.0095], 0.014)
    return arm


def _head(grid: HalfGrid) -> Field:
    head = Field(grid)
    head.ellipsoid((0, 0.458, 0.006), (0.076, 0.096, 0.100), 0.0)  # cranium
    head.ellipsoid((0, 0.405, 0.046), (0.058, 0.080, 0.062), 0.04)  # face
    head.ellipsoid((0, 0.345, 0.082), (0.027, 0.024, 0.024), 0.025)  # chin
    head.limb([(0.02, 0.358, 0.075), (0.055, 0.385, 0.02)], [0.020, 0.018], 0.025)  # jaw
    head.ellipsoid((0.030, 0.402, 0.078), (0.026, 0.024, 0.022), 0.02)  # cheek
    head.limb([(0, 0.452, 0.100), (0.040, 0.450, 0.088)], [0.012, 0.010], 0.018)  # brow
    head.limb([(0, 0.440, 0.106), (0, 0.420, 0.118), (0, 0.408, 0.124)], [0.009, 0.012, 0.0145], 0.012)  # nose
    head.ellipsoid((0.012, 0.404, 0.112), (0.010, 0.009, 0.011), 0.008)  # nostril
    head.limb([(0, 0.3795, 0.106), (0.020, 0.379, 0.096)], [0.0085, 0.006], 0.008)  # upper lip
    head.limb([(0, 0.369, 0.103), (0.018, 0.371, 0.095)], [0.0085, 0.006], 0.006)  # lower lip
    head.ellipsoid((0.031, 0.434, 0.086), (0.0145, 0.012, 0.0145), 0.006)  # eyeball
    ear = [(0.076, 0.448, -0.006), (0.079, 0.430, -0.010), (0.073, 0.402, 0.004)]
    head.limb(ear, [0.012, 0.011, 0.010], 0.006, stretch=(0.7, 1, 1.35))
    return head
