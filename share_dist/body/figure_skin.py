"""Which joint moves which vertex, and which vertices say where a joint is.

Weights come from heat that flows from the bones over the skin (Baran & Popović, Pinocchio, 2007); along the trunk they
are replaced by a partition in height, because heat alone leaves rib-like lumps when the figure bends.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from jaxtyping import Float, Int
from scipy.optimize import nnls

from share_dist.body.figure_decimate import neighbour_matrix, neighbour_mean
from share_dist.body.skeleton import PARENTS, REST_JOINTS_M

HEAT = 0.35
NEAREST_M = 0.012
INFLUENCES = 6
TRUNK = (0, 3, 6, 9)
TRUNK_HALF_WIDTH_M = 0.085


def skinning_weights(
    vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> Float[np.ndarray, "vertex 24"]:
    """Weights of the 24 joints on each vertex: at most six not zero, summing to one."""
    count = len(vertices)
    distance = _distances_to_bones(vertices)
    nearest, closest = distance.argmin(1), distance.min(1)
    area = _vertex_areas(vertices, faces)
    links = neighbour_matrix(faces, count).tocoo()
    length = np.linalg.norm(vertices[links.row] - vertices[links.col], axis=1)
    flow_between = 0.5 * (area[links.row] + area[links.col]) / length**2 * 1.2
    flow = scipy.sparse.coo_array((flow_between, (links.row, links.col)), (count, count)).tocsr()
    laplacian = scipy.sparse.diags_array(np.asarray(flow.sum(1)).ravel()) - flow
    source = scipy.sparse.diags_array(area * HEAT / np.maximum(closest, NEAREST_M) ** 2)
    own = np.zeros((count, 24))
    own[np.arange(count), nearest] = 1
    weights = np.clip(scipy.sparse.linalg.splu((laplacian + source).tocsc()).solve(source @ own), 0, None)
    mean = neighbour_mean(faces, count)
    for _ in range(3):
        weights = 0.5 * weights + 0.5 * (mean @ weights)
    _partition_trunk(weights, vertices[:, 1])
    # Taking off the seventh weight before clipping lets an influence fade out; cutting it off leaves bumps.
    seventh = np.sort(weights, 1)[:, -INFLUENCES - 1][:, None]
    weights = np.clip(weights - seventh, 0, None)
    return weights / weights.sum(1, keepdims=True)


def _partition_trunk(weights: np.ndarray, height: np.ndarray) -> None:
    def above(joint: int, shift: float = 0.0) -> np.ndarray:
        middle = REST_JOINTS_M[joint, 1] + shift
        share = np.clip((height - middle + TRUNK_HALF_WIDTH_M) / (2 * TRUNK_HALF_WIDTH_M), 0, 1)
        return share * share * (3 - 2 * share)

    first = above(3)
    second = np.minimum(above(6), first)
    third = np.minimum(above(9, 0.02), second)
    total = weights[:, TRUNK].sum(1, keepdims=True)
    weights[:, TRUNK] = total * np.stack([1 - first, first - second, second - third, third], 1)


def _vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(faces.ravel(), np.repeat(third, 3), len(vertices))


def _distances_to_bones(vertices: np.ndarray) -> np.ndarray:
    """Distance of each vertex to the nearest bone of each joint [V,24]."""
    distance = np.full((len(vertices), 24), 9.0)
    for joint, start, end in _middle_bones():
        distance[:, joint] = np.minimum(distance[:, joint], _segment_distance(vertices, start, end))
    for joint, start, end in _left_bones():
        for twin, side in ((joint, 1), (joint + 1, -1)):
            flip = np.array([side, 1, 1])
            far = _segment_distance(vertices, start * flip, end * flip)
            # A limb never takes hold of skin beyond the middle: the thighs lie close to each other.
            far = far + 10 * np.maximum(0, -side * vertices[:, 0] - 0.004)
            distance[:, twin] = np.minimum(distance[:, twin], far)
    return distance


def _segment_distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(points - (start + share[:, None] * along), axis=1)


Bone = tuple[int, np.ndarray, np.ndarray]


def _bone(joint: int, start: np.ndarray, end: np.ndarray, before=(0, 0, 0), after=(0, 0, 0)) -> Bone:
    return joint, np.asarray(start, float) + before, np.asarray(end, float) + after


def _across(joint: int, x: float, y: float, z: float) -> Bone:
    return joint, np.array([x, y, z]), np.array([-x, y, z])


def _middle_bones() -> list[Bone]:
    at = REST_JOINTS_M
    return [
        _bone(0, at[0], at[0], (0, -0.02, 0), (0, 0.06, 0)),
        _bone(0, at[0], at[1], after=(0, 0.03, 0)),
        _bone(0, at[0], at[2], after=(0, 0.03, 0)),
        _across(0, 0.08, -0.24, -0.02),
        _bone(3, at[3], at[6], (0, -0.02, 0)),
        _across(3, 0.07, -0.10, 0),
        _bone(6, at[6], at[9]),
        _across(6, 0.07, 0.03, 0),
        _bone(9, at[9], at[12], after=(0, -0.05, 0)),
        _across(9, 0.07, 0.13, 0.03),
        _across(9, 0.09, 0.10, -0.02),
        _bone(12, at[12], at[15], after=(0, -0.01, 0)),
        _bone(15, at[15], at[15], (0, 0.02, 0), (0, 0.13, 0)),
        _bone(15, at[15], at[15], (0, 0.02, 0.02), (0, 0, 0.06)),
    ]


def _left_bones() -> list[Bone]:
    at = REST_JOINTS_M
    return [
        _bone(1, at[1], at[4], (0.01, -0.02, 0)),
        _bone(4, at[4], at[7]),
        _bone(7, at[7], at[7], after=(0, -0.04, -0.03)),
        _bone(7, at[7], at[10], after=(0, 0, -0.03)),
        _bone(10, at[10], at[10], after=(0, -0.01, 0.07)),
        # The collar reaches to the shoulder and above it, and the arm starts outside: otherwise a hanging arm
        # leaves a shelf like an epaulette.
        _bone(13, at[13], at[16], (0, 0.01, 0), (0, 0.012, 0)),
        _bone(13, at[13], at[16], (0, 0.03, -0.01), (-0.02, 0.05, 0)),
        _bone(16, at[16], at[18], (0.03, -0.005, 0)),
        _bone(18, at[18], at[20]),
        _bone(20, at[20], at[22], after=(-0.01, 0, 0)),
        _bone(22, at[22], at[22], after=(0.09, 0, 0)),
    ]


def joint_regressor(
    vertices: Float[np.ndarray, "vertex 3"], weights: Float[np.ndarray, "vertex 24"]
) -> Float[np.ndarray, "24 vertex"]:
    """Non-negative weights, summing to one for each joint, that put it exactly where the skeleton has it."""
    regressor = np.zeros((24, len(vertices)))
    for joint, place in enumerate(REST_JOINTS_M):
        moved = weights[:, joint] > 0.05
        if PARENTS[joint] >= 0:
            moved |= weights[:, PARENTS[joint]] > 0.05
        candidates = np.flatnonzero(moved)
        by_distance = candidates[np.argsort(np.linalg.norm(vertices[candidates] - place, axis=1), kind="stable")]
        for count in (60, 120, 240, 480, 960):
            chosen = by_distance[:count]
            mix = _exact_mix(vertices[chosen], place)
            if np.linalg.norm(mix @ vertices[chosen] - place) < 2e-4:
                break
        regressor[joint, chosen] = mix
    return regressor


def _exact_mix(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    count = len(points)
    # Nearly equal weights where possible (the small ridge), the place almost exact, the sum almost one …
    system = np.concatenate([(points - place).T * 100, np.full((1, count), 1000.0), np.eye(count) * 0.02])
    wanted = np.concatenate([np.zeros(3), [1000.0], np.full(count, 0.02 / count)])
    mix = nnls(system, wanted, maxiter=5000)[0]
    mix /= mix.sum()
    # … then exact, by turns with keeping the weights non-negative.
    for _ in range(20):
        constraints = np.concatenate([points.T, np.ones((1, count))])
        used = mix > 1e-9
        mix[used] += np.linalg.pinv(constraints[:, used]) @ (np.append(place, 1) - constraints @ mix)
        mix = np.clip(mix, 0, None)
    return mix
