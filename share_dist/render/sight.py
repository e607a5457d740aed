"""Where everything of one view falls: the person in the camera's frame, the crop, and the truth that follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from share_dist.body import Body, person_rotmats, pose_body
from share_dist.camera import (
    FRAME_SIZE_PX,
    PRINCIPAL_PX,
    apply_affine,
    cam_from_person,
    crop_box,
    crop_from_frame,
    focal_px,
    project,
)
from share_dist.render.records import Records
from share_dist.render.zbuffer import extent_px, to_camera
from share_dist.scene import View


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The geometry of one view.

    Attributes:
        rotmats: the person's joint rotations, root in the person's frame.
        vertices_cam_m: posed mesh in the camera frame, metres.
        joints_cam_m: joints in the camera frame.
        joints_person_m: joints in the person's frame, pelvis = origin.
        floor_m: lowest point of the body, person's frame.
        rotation: cam_from_person.
        position_m: the camera in the person's frame.
        box_px: the crop in the frame: centre x, y and side.
        affine: crop_from_frame.
        focal: focal length in pixels of the crop.
        centre: principal point in pixels of the crop.
        frame_in_crop: the frame's left, top, right, bottom in pixels of the crop.
    """

    rotmats: Float32[np.ndarray, "24 3 3"]
    vertices_cam_m: Float32[np.ndarray, "vertex 3"]
    joints_cam_m: Float32[np.ndarray, "24 3"]
    joints_person_m: Float32[np.ndarray, "24 3"]
    floor_m: np.float32
    rotation: Float32[np.ndarray, "3 3"]
    position_m: Float32[np.ndarray, "3"]
    box_px: tuple[float, float, float]
    affine: Float32[np.ndarray, "2 3"]
    focal: np.float32
    centre: tuple[np.float32, np.float32]
    frame_in_crop: tuple[np.float32, np.float32, np.float32, np.float32]

    def without_mesh(self) -> Sight:
        """All but the vertices, to keep while other views are drawn."""
        return dataclasses.replace(self, vertices_cam_m=self.vertices_cam_m[:0].copy())


def sights_of(body: Body, views: Sequence[View], size_px: int) -> Iterator[Sight]:
    """The geometry of each view; people are posed together, with the same bits as one by one."""
    rotmats = np.stack([person_rotmats(view.person) for view in views]).astype(np.float32)
    betas = np.stack([view.person.betas for view in views]).astype(np.float32)
    posed = pose_body(body, rotmats, betas)
    for i, view in enumerate(views):
        yield _sight_of(view, rotmats[i], posed.vertices_m[i], posed.joints_m[i], size_px)


def _sight_of(view: View, rotmats: np.ndarray, vertices_m: np.ndarray, joints_m: np.ndarray, size_px: int) -> Sight:
    rotation64, shift64 = cam_from_person(view.camera)
    rotation, shift = rotation64.astype(np.float32), shift64.astype(np.float32)
    pelvis = joints_m[0].copy()
    vertices_cam_m = to_camera(vertices_m, pelvis, rotation, shift)
    focal = focal_px(view.camera)
    # The box needs only the outermost points; crop_box clips them to the frame as it would clip all.
    left, top, right, bottom = extent_px(vertices_cam_m, np.float32(focal), np.array(PRINCIPAL_PX, np.float32))
    box = crop_box(np.array([[left, top], [right, bottom]], np.float64), view.camera)
    affine = crop_from_frame(box, size_px)
    corners = apply_affine(affine, np.array([(0.0, 0.0), FRAME_SIZE_PX, PRINCIPAL_PX]))
    return Sight(
        rotmats=rotmats,
        vertices_cam_m=vertices_cam_m,
        joints_cam_m=to_camera(joints_m, pelvis, rotation, shift),
        joints_person_m=joints_m - pelvis,
        floor_m=vertices_m[:, 1].min() - pelvis[1],
        rotation=rotation,
        position_m=(-rotation64.T @ shift64).astype(np.float32),
        box_px=box,
        affine=affine.astype(np.float32),
        focal=np.float32(focal * affine[0, 0]),
        centre=(np.float32(corners[2, 0]), np.float32(corners[2, 1])),
        frame_in_crop=tuple(np.float32(v) for v in (*corners[0], *corners[1])),  # pyright: ignore[reportArgumentType]
    )


def gather(views: Sequence[View], sights: Sequence[Sight], image: np.ndarray, **extras: np.ndarray) -> Records:
    """Stack the truth of these views beside their pictures."""
    joints_cam_m = _stack([sight.joints_cam_m for sight in sights], (24, 3))
    focal = np.array([focal_px(view.camera) for view in views], np.float32)
    affine = _stack([sight.affine for sight in sights], (2, 3))
    in_frame = [project(joints, float(f)) for joints, f in zip(joints_cam_m, focal, strict=True)]
    in_crop = [apply_affine(a, points) for a, points in zip(affine, in_frame, strict=True)]
    pose = _stack([sight.rotmats for sight in sights], (24, 3, 3)).copy()
    for i, sight in enumerate(sights):
        # Spelled out: a matrix product may take another path for another size of batch.
        root = pose[i, 0].copy()
        pose[i, 0] = sum(sight.rotation[:, k, None] * root[None, k, :] for k in range(3))
    return Records(
        numbers=np.array([view.number for view in views], np.int64),
        image=image,
        pose=pose,
        betas=_stack([view.person.betas for view in views], (10,)),
        joints_cam_m=joints_cam_m,
        joints_px=_stack(in_crop, (24, 2)),
        focal_px=focal,
        principal_px=np.tile(np.array(PRINCIPAL_PX, np.float32), (len(views), 1)),
        frame_size_px=np.tile(np.array(FRAME_SIZE_PX, np.float32), (len(views), 1)),
        bbox_px=_stack([sight.box_px for sight in sights], (3,)),
        crop_from_frame=affine,
        everyday=np.array([view.everyday for view in views], bool),
        **extras,
    )


def _stack(rows: Sequence, shape: tuple[int, ...]) -> np.ndarray:
    """Rows as one float32 array; with no rows still of the right shape."""
    return np.array(rows, np.float32).reshape(len(rows), *shape)
