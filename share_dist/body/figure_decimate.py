"""From a fine mesh to exactly 6,890 vertices: short edges collapse, more of them where detail matters less.

A closed surface without handles keeps F = 2V − 4, so 6,890 vertices mean 13,776 faces, SMPL's own numbers.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from share_dist.body.figure_fields import Surface

Vec = tuple[float, float, float]


def edge_length_wanted(vertices: Float[np.ndarray, "vertex 3"]) -> Float[np.ndarray, " vertex"]:
    """How long edges should be here, metres: long on the trunk, short on hands, face, ears, toes and bending joints."""
    side, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    wanted = np.full(len(vertices), 0.021)
    wanted[side > 0.69] = 0.0085
    wanted[(y < -1.12) & (z > 0.06)] = 0.010
    wanted[y < -1.05] = np.minimum(wanted[y < -1.05], 0.016)
    head = y > 0.33
    wanted[head] = 0.014
    wanted[head & (z > 0.06) & (side < 0.06)] = 0.0075
    wanted[head & (side > 0.068)] = 0.009
    for centre, radius in (((0.435, 0.215, -0.035), 0.07), ((0.105, -0.7, 0.0), 0.08), ((0.17, 0.22, -0.02), 0.08)):
        near = np.linalg.norm(np.stack([side, y, z], 1) - centre, axis=1) < radius
        wanted[near] = np.minimum(wanted[near], 0.016)
    return wanted


class _Collapser:
    """A triangle mesh whose edges collapse to their midpoints, shortest (relative to what is wanted) first."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, wanted: np.ndarray) -> None:
        self.places: list[Vec] = [tuple(p) for p in vertices.tolist()]
        self.wanted: list[float] = wanted.tolist()
        self.faces: list[list[int]] = faces.tolist()
        self.face_alive = [True] * len(self.faces)
        self.faces_of: list[set[int]] = [set() for _ in self.places]
        for number, face in enumerate(self.faces):
            for vertex in face:
                self.faces_of[vertex].add(number)
        self.alive = [True] * len(self.places)
        self.version = [0] * len(self.places)
        self.heap = [(self._cost(a, b), a, b, 0, 0) for a, b in mesh_edges(faces).tolist()]
        heapq.heapify(self.heap)

    def collapse_to(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Collapse until `count` vertices are left; returns vertices and faces, in the old order."""
        left = len(self.places)
        while left > count:
            _, a, b, version_a, version_b = heapq.heappop(self.heap)
            fresh = self.alive[a] and self.alive[b] and (self.version[a], self.version[b]) == (version_a, version_b)
            if fresh and self._collapse(a, b):
                left -= 1
        kept = np.flatnonzero(self.alive)
        new_number = np.full(len(self.places), -1)
        new_number[kept] = np.arange(len(kept))
        faces = np.array([face for face, alive in zip(self.faces, self.face_alive, strict=True) if alive])
        return np.array(self.places)[kept], new_number[faces]

    def _cost(self, a: int, b: int) -> float:
        # Rounded, so that the last bits of a machine's arithmetic do not decide ties.
        return round(math.dist(self.places[a], self.places[b]) / (0.5 * (self.wanted[a] + self.wanted[b])), 9)

    def _neighbours(self, vertex: int) -> set[int]:
        around = {other for number in self.faces_of[vertex] for other in self.faces[number]}
        around.discard(vertex)
        return around

    def _collapse(self, a: int, b: int) -> bool:
        """Merge b into a at the midpoint, unless the surface would pinch or a face turn over."""
        around_a, around_b = self._neighbours(a), self._neighbours(b)
        shared = around_a & around_b
        pinches = len(shared) != 2 or len(around_a | around_b) < 5 or any(len(self.faces_of[v]) <= 3 for v in shared)
        (ax, ay, az), (bx, by, bz) = self.places[a], self.places[b]
        middle = (0.5 * (ax + bx), 0.5 * (ay + by), 0.5 * (az + bz))
        if pinches or self._turns_over(a, b, middle) or self._turns_over(b, a, middle):
            return False
        self.places[a] = middle
        self.wanted[a] = min(self.wanted[a], self.wanted[b])
        for number in list(self.faces_of[b]):
            face = self.faces[number]
            if a in face:
                self.face_alive[number] = False
                for vertex in face:
                    self.faces_of[vertex].discard(number)
            else:
                self.faces[number] = [a if vertex == b else vertex for vertex in face]
                self.faces_of[a].add(number)
        self.faces_of[b] = set()
        self.alive[b] = False
        self.version[a] += 1
        for other in sorted(self._neighbours(a)):
            heapq.heappush(self.heap, (self._cost(a, other), a, other, self.version[a], self.version[other]))
        return True

    def _turns_over(self, moved: int, partner: int, place: Vec) -> bool:
        """Would a face that stays turn by more than about 75°?"""
        for number in self.faces_of[moved]:
            face = self.faces[number]
            if partner in face:
                continue
            before = _normal(*(self.places[vertex] for vertex in face))
            after = _normal(*(place if vertex == moved else self.places[vertex] for vertex in face))
            upright = before[0] * after[0] + before[1] * after[1] + before[2] * after[2]
            if upright < 0.25 * math.hypot(*before) * math.hypot(*after):
                return True
        return False


def _normal(p: Vec, q: Vec, r: Vec) -> Vec:
    ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    bx, by, bz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


def decimate(
    vertices: Float[np.ndarray, "fine 3"], faces: Int[np.ndarray, "fineface 3"], surface: Surface, count: int
) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """A mesh of `count` vertices on the surface, its triangles evened out."""
    coarse, faces = _Collapser(vertices, faces, edge_length_wanted(vertices)).collapse_to(count)
    relaxed = _relax(surface.project(coarse, 4), faces, surface)
    return relaxed, _flip_edges(relaxed, faces)


def mesh_edges(faces: Int[np.ndarray, "face 3"]) -> Int[np.ndarray, "edge 2"]:
    """Each edge once, its lower vertex first, sorted."""
    return np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1), axis=0)


def neighbour_matrix(faces: Int[np.ndarray, "face 3"], count: int) -> scipy.sparse.csr_array:
    """1 where two vertices share an edge."""
    edges = mesh_edges(faces)
    both = np.concatenate([edges, edges[:, ::-1]])
    return scipy.sparse.coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), (count, count)).tocsr()


def neighbour_mean(faces: Int[np.ndarray, "face 3"], count: int) -> scipy.sparse.csr_array:
    """Takes each vertex's value to the mean over its neighbours."""
    near = neighbour_matrix(faces, count)
    return scipy.sparse.csr_array(scipy.sparse.diags_array(1.0 / np.asarray(near.sum(1)).ravel()) @ near)


def _relax(vertices: np.ndarray, faces: np.ndarray, surface: Surface) -> np.ndarray:
    mean = neighbour_mean(faces, len(vertices))
    for _ in range(8):
        normal = surface.gradient(vertices)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        shift = mean @ vertices - vertices
        shift -= (shift * normal).sum(1, keepdims=True) * normal
        vertices = surface.project(vertices + 0.5 * shift, 2)
    return vertices


def _flip_edges(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Swap the diagonal of two near-coplanar triangles where that makes them better shaped (Delaunay's rule)."""
    faces = faces.copy()
    for _ in range(4):
        touched: set[int] = set()
        present = {tuple(edge) for edge in mesh_edges(faces).tolist()}
        for i, j, a, b in list(_inner_edges(faces)):
            if i in touched or j in touched:
                continue
            c, d = int(faces[i].sum()) - a - b, int(faces[j].sum()) - a - b
            if (min(c, d), max(c, d)) in present or not _better_flipped(vertices[[a, b, c, d]]):
                continue
            faces[i], faces[j] = (a, d, c), (b, c, d)
            touched |= {i, j}
            present.discard((a, b))
            present.add((min(c, d), max(c, d)))
        if len(touched) < 10:
            break
    return faces


def _inner_edges(faces: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Faces left and right of each edge a → b, a < b."""
    owner = {}
    for number, (p, q, r) in enumerate(faces.tolist()):
        owner[p, q], owner[q, r], owner[r, p] = number, number, number
    for (a, b), left in owner.items():
        if a < b:
            yield left, owner[b, a], a, b


def _better_flipped(corners: np.ndarray) -> bool:
    a, b, c, d = corners

    def angle(at: np.ndarray, to: np.ndarray, other: np.ndarray) -> float:
        u, v = to - at, other - at
        return math.acos(min(1.0, max(-1.0, float(u @ v) / (math.sqrt(float(u @ u) * float(v @ v)) + 1e-12))))

    if angle(c, a, b) + angle(d, a, b) <= math.pi + 0.05:
        return False
    left, right = np.cross(b - a, c - a), np.cross(a - b, d - b)
    if left @ right < math.cos(math.radians(35)) * np.linalg.norm(left) * np.linalg.norm(right):
        return False
    return bool(np.cross(d - a, c - a) @ left > 0 and np.cross(c - b, d - b) @ left > 0)
