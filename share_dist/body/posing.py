"""`pose_body`: SMPL's forward pass as a numba loop over bodies, each body's bits independent of its batch.

Two facts make it fast, and both are exact: of the 207 pose correctives of a vertex only those of near joints are not
zero, and few joints move any one vertex. The tables keep what is not zero; a body where everything is dense, or
nearly, goes through the same code and is only slower.
"""

from __future__ import annotations

import functools
import weakref
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32
from numba import njit

from share_dist.body.model import Body

TOGETHER = 8
"""People posed by turns; their meshes fit a core's second-level cache."""
PIECE = 256
"""Vertices corrected at a time; nine directions of them fit the first-level cache."""


class Posed(NamedTuple):
    """People in their pose, person frame."""

    vertices_m: Float32[np.ndarray, "person 6890 3"]
    joints_m: Float32[np.ndarray, "person 24 3"]


class PosingTables(NamedTuple):
    """A body's arrays in the order in which the loop reads them."""

    template: np.ndarray  # [3, V]
    shapedirs: np.ndarray  # [10, 3, V]
    joint_template: np.ndarray  # [24, 3]
    joint_shapedirs: np.ndarray  # [24, 3, 10]
    parents: np.ndarray  # [24]
    corrected: np.ndarray  # vertices moved by the correctives of joint 1, then of joint 2, …
    corrected_start: np.ndarray  # [24] where each joint's part of `corrected` starts; joint j at j−1
    correctives: np.ndarray  # flat; joint after joint, each [9, 3, vertices of the joint]
    influences: np.ndarray  # [V, K] joints that move a vertex, heaviest first
    influence_weights: np.ndarray  # [V, K]


def pose_body(
    body: Body, rotmats: Float32[np.ndarray, "person 24 3 3"], betas: Float32[np.ndarray, "person 10"]
) -> Posed:
    """Pose people: shape, pose correctives, forward kinematics, skinning.

    The pelvis is not moved to the origin; as in SMPL it lies where the shape puts it.

    Args:
        body: whose mesh.
        rotmats: rotation of each joint relative to its parent, joint 0 relative to the person's frame.
        betas: shape; one unit is one standard deviation.

    Returns:
        Vertices and joints, metres, person frame. Within 1e-5 m of smplx.SMPL.
    """
    rotmats, betas = _prepared(rotmats, (24, 3, 3)), _prepared(betas, (10,))
    vertices = np.empty((len(rotmats), body.v_template.shape[0], 3), np.float32)
    joints = np.empty((len(rotmats), 24, 3), np.float32)
    _pose_people(rotmats, betas, *posing_tables(body), vertices, joints)
    return Posed(vertices, joints)


def pose_joints(
    body: Body, rotmats: Float32[np.ndarray, "person 24 3 3"], betas: Float32[np.ndarray, "person 10"]
) -> Float32[np.ndarray, "person 24 3"]:
    """Only the joints of `pose_body`, with the same bits, some hundred times faster: no mesh is made."""
    rotmats, betas = _prepared(rotmats, (24, 3, 3)), _prepared(betas, (10,))
    tables = posing_tables(body)
    joints = np.empty((len(rotmats), 24, 3), np.float32)
    _joints_of_people(rotmats, betas, tables.joint_template, tables.joint_shapedirs, tables.parents, joints)
    return joints


_TABLES: weakref.WeakKeyDictionary[Body, PosingTables] = weakref.WeakKeyDictionary()


def posing_tables(body: Body) -> PosingTables:
    """The body's tables, made once a process."""
    if body not in _TABLES:
        _TABLES[body] = _make_tables(body)
    return _TABLES[body]


def _prepared(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Contiguous, float32 and writable: arrays from Ray are read-only, which numba would compile for anew."""
    array = np.require(array, np.float32, ["C", "W"])
    if array.shape[1:] != shape:
        raise ValueError(f"expected [people, {', '.join(map(str, shape))}], got {list(array.shape)}")
    return array


def _make_tables(body: Body) -> PosingTables:
    corrected, starts, correctives = [], [0], []
    by_joint = body.posedirs.reshape(-1, 3, 23, 9)
    for joint in range(23):
        block = by_joint[:, :, joint]
        vertices = np.flatnonzero(np.abs(block).max((1, 2)) > 0)
        corrected.append(vertices)
        starts.append(starts[-1] + len(vertices))
        correctives.append(block[vertices].transpose(2, 1, 0).ravel())
    count = int((body.weights != 0).sum(1).max())
    order = np.argsort(-np.abs(body.weights), axis=1, kind="stable")[:, :count]
    return PosingTables(
        template=np.ascontiguousarray(body.v_template.T),
        shapedirs=np.ascontiguousarray(body.shapedirs.transpose(2, 1, 0)),
        joint_template=body.joint_template_m.copy(),
        joint_shapedirs=body.joint_shapedirs.copy(),
        parents=body.parents.astype(np.int64),
        corrected=np.concatenate(corrected).astype(np.int64),
        corrected_start=np.array(starts, np.int64),
        correctives=np.concatenate(correctives).astype(np.float32),
        influences=np.ascontiguousarray(order, np.int64),
        influence_weights=np.ascontiguousarray(np.take_along_axis(body.weights, order, 1)),
    )


_compiled = functools.partial(njit, cache=True, nogil=True, error_model="numpy")


@_compiled()
def _chain(rotmats, betas, joint_template, joint_shapedirs, parents, joints, moves):
    """Forward kinematics of one person: joints [24,3], and moves [24,12] that carry rest points to posed ones."""
    rest = np.empty((24, 3), np.float32)
    for j in range(24):
        for c in range(3):
            total = joint_template[j, c]
            for b in range(10):
                total += joint_shapedirs[j, c, b] * betas[b]
            rest[j, c] = total
    turns = np.empty((24, 3, 3), np.float32)
    for j in range(24):
        p = parents[j]
        for r in range(3):
            if p < 0:
                joints[j, r] = rest[j, r]
                for c in range(3):
                    turns[j, r, c] = rotmats[j, r, c]
            else:
                total = joints[p, r]
                for c in range(3):
                    total += turns[p, r, c] * (rest[j, c] - rest[p, c])
                    turns[j, r, c] = (
                        turns[p, r, 0] * rotmats[j, 0, c]
                        + turns[p, r, 1] * rotmats[j, 1, c]
                        + turns[p, r, 2] * rotmats[j, 2, c]
                    )
                joints[j, r] = total
        for r in range(3):
            shift = joints[j, r]
            for c in range(3):
                moves[j, 3 * r + c] = turns[j, r, c]
                shift -= turns[j, r, c] * rest[j, c]
            moves[j, 9 + r] = shift


@_compiled()
def _shape_mesh(betas, template, shapedirs, mesh):
    """Mesh [3,V]: the shaped template. Written as sums over whole rows, so that the compiler can use wide adds."""
    for c in range(3):
        row = mesh[c]
        row[:] = template[c]
        for b in range(10):
            beta, direction = betas[b], shapedirs[b, c]
            for v in range(row.shape[0]):
                row[v] += beta * direction[v]


@_compiled()
def _correct_row(feature, correctives, start, stride, total):
    """Sum of a joint's nine correctives for some vertices and one coordinate, always in the same order."""
    count = total.shape[0]
    total[:] = 0
    for k in range(0, 9, 3):
        first, second, third = feature[k], feature[k + 1], feature[k + 2]
        one = correctives[start + k * stride : start + k * stride + count]
        two = correctives[start + (k + 1) * stride : start + (k + 1) * stride + count]
        three = correctives[start + (k + 2) * stride : start + (k + 2) * stride + count]
        for i in range(count):
            total[i] += first * one[i] + second * two[i] + third * three[i]


@_compiled()
def _correct_meshes(rotmats, corrected, corrected_start, correctives, meshes):
    """Add each joint's pose correctives to the few vertices that have some, a piece at a time for all people.

    A piece stays in the processor's cache while people take turns with it: a licensed body's correctives are dense
    and would otherwise be read from memory once a person.
    """
    feature = np.empty((rotmats.shape[0], 9), np.float32)
    total = np.empty(PIECE, np.float32)
    for j in range(23):
        first, stride = corrected_start[j], corrected_start[j + 1] - corrected_start[j]
        for n in range(rotmats.shape[0]):
            for r in range(3):
                for c in range(3):
                    feature[n, 3 * r + c] = rotmats[n, j + 1, r, c] - np.float32(r == c)
        for piece in range(0, stride, PIECE):
            count = min(PIECE, stride - piece)
            for c in range(3):
                start = 27 * first + c * stride + piece
                for n in range(rotmats.shape[0]):
                    _correct_row(feature[n], correctives, start, 3 * stride, total[:count])
                    for i in range(count):
                        meshes[n, c, corrected[first + piece + i]] += total[i]


@_compiled()
def _skin_mesh(mesh, moves, influences, influence_weights, vertices):
    """Vertices [V,3]: each moved by the weighted sum of its joints' moves."""
    move = np.empty(12, np.float32)
    for v in range(vertices.shape[0]):
        move[:] = 0
        for k in range(influences.shape[1]):
            weight, joint = influence_weights[v, k], influences[v, k]
            for e in range(12):
                move[e] += weight * moves[joint, e]
        x, y, z = mesh[0, v], mesh[1, v], mesh[2, v]
        for r in range(3):
            vertices[v, r] = move[3 * r] * x + move[3 * r + 1] * y + move[3 * r + 2] * z + move[9 + r]


@_compiled()
def _pose_people(
    rotmats, betas, template, shapedirs, joint_template, joint_shapedirs, parents,
    corrected, corrected_start, correctives, influences, influence_weights, vertices, joints,
):  # fmt: skip
    meshes = np.empty((TOGETHER, 3, template.shape[1]), np.float32)
    moves = np.empty((TOGETHER, 24, 12), np.float32)
    for start in range(0, rotmats.shape[0], TOGETHER):
        stop = min(start + TOGETHER, rotmats.shape[0])
        for n in range(start, stop):
            _chain(rotmats[n], betas[n], joint_template, joint_shapedirs, parents, joints[n], moves[n - start])
            _shape_mesh(betas[n], template, shapedirs, meshes[n - start])
        _correct_meshes(rotmats[start:stop], corrected, corrected_start, correctives, meshes)
        for n in range(start, stop):
            _skin_mesh(meshes[n - start], moves[n - start], influences, influence_weights, vertices[n])


@_compiled()
def _joints_of_people(rotmats, betas, joint_template, joint_shapedirs, parents, joints):
    moves = np.empty((24, 12), np.float32)
    for n in range(rotmats.shape[0]):
        _chain(rotmats[n], betas[n], joint_template, joint_shapedirs, parents, joints[n], moves)
