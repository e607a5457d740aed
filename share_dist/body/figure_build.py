"""Build the figure's arrays from nothing but this code: `python -m share_dist.body.figure_build FILE.npz`.

The package ships the result, because two machines must not train on two slightly different bodies.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from share_dist.body.figure_correctives import pose_directions
from share_dist.body.figure_decimate import decimate
from share_dist.body.figure_shape import shape_directions
from share_dist.body.figure_skin import joint_regressor, skinning_weights
from share_dist.body.figure_surface import build_surface, surface_mesh
from share_dist.body.joints import VERTEX_IDS
from share_dist.body.skeleton import PARENTS
from share_dist.storage import write_whole

STEP_M = 0.006
VERTEX_COUNT = 6890
_MIDDLE_LANDMARKS = {"nose": (0.0, 0.408, 0.14)}
_LEFT_LANDMARKS = {
    "eye": (0.031, 0.434, 0.101), "ear": (0.088, 0.43, -0.01),
    "thumb": (0.79, 0.198, 0.04), "index": (0.87, 0.206, 0.002), "middle": (0.885, 0.206, -0.026),
    "ring": (0.875, 0.206, -0.053), "pinky": (0.85, 0.206, -0.08),
    "big_toe": (0.088, -1.17, 0.175), "small_toe": (0.161, -1.17, 0.133), "heel": (0.092, -1.15, -0.097),
}  # fmt: skip


def landmarks_m() -> dict[str, tuple[float, float, float]]:
    """Where the named points of the skin lie on the mean figure."""
    left = {f"left_{name}": place for name, place in _LEFT_LANDMARKS.items()}
    right = {f"right_{name}": (-x, y, z) for name, (x, y, z) in _LEFT_LANDMARKS.items()}
    return {**_MIDDLE_LANDMARKS, **left, **right}


def build_figure(step_m: float = STEP_M) -> dict[str, np.ndarray]:
    """The figure under SMPL's array names; float16 correctives, float32 the rest.

    Args:
        step_m: cell of the distance field; coarser is faster and loses the fingers' thickness first.
    """
    surface = build_surface(step_m)
    vertices, faces = decimate(*surface_mesh(surface), surface, VERTEX_COUNT)
    vertices, faces = _in_smpl_order(vertices, faces)
    weights = skinning_weights(vertices, faces)
    return {
        "v_template": vertices.astype(np.float32),
        "f": faces.astype(np.uint16),
        "shapedirs": shape_directions(vertices, faces, weights).astype(np.float32),
        "posedirs": pose_directions(vertices, weights).astype(np.float16),
        "J_regressor": joint_regressor(vertices, weights).astype(np.float32),
        "weights": weights.astype(np.float32),
        "kintree_table": np.stack([PARENTS, np.arange(24)]).astype(np.int64),
    }


def _in_smpl_order(
    vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """Landmarks at SMPL's vertex numbers; the other places filled with the left half, then the right, top to bottom."""
    order = np.full(len(vertices), -1)
    for name, place in landmarks_m().items():
        order[VERTEX_IDS[name]] = np.linalg.norm(vertices - place, axis=1).argmin()
    marks = set(order[order >= 0].tolist())
    if len(marks) != len(VERTEX_IDS):
        raise RuntimeError(f"{len(VERTEX_IDS)} landmarks fell on {len(marks)} vertices; use a finer step")
    by_place = np.lexsort((vertices[:, 2], vertices[:, 0], -vertices[:, 1], vertices[:, 0] < 0))
    order[order < 0] = [vertex for vertex in by_place.tolist() if vertex not in marks]
    new_number = np.empty(len(vertices), np.int64)
    new_number[order] = np.arange(len(vertices))
    return vertices[order], new_number[faces]


if __name__ == "__main__":
    built = io.BytesIO()
    np.savez_compressed(built, **build_figure())  # pyright: ignore[reportArgumentType]
    write_whole(Path(sys.argv[1]), built.getvalue())
