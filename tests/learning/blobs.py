"""Records small enough for fast tests: joints as coloured dots, with exact truth."""

from __future__ import annotations

import numpy as np

from share_dist.body import pose_joints
from share_dist.geometry import rotmat_from_rotvec
from share_dist.render import Records
from share_dist.seeds import stream

FRAME_PX = (640.0, 480.0)
FOCAL_PX = 800.0


def blob_records(body, numbers, size_px=32) -> Records:
    """Draw people number by number: frontal, 4 m away, arms and legs moved a little, a dot a joint."""
    numbers = np.asarray(numbers, dtype=np.int64)
    rngs = [stream(0, "blobs", int(number)) for number in numbers]
    rotvec = np.stack([rng.normal(0, 0.25, (24, 3)) for rng in rngs]).astype(np.float32)
    pose = rotmat_from_rotvec(rotvec)
    pose[:, 0] = pose[:, 0] @ np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    betas = np.stack([rng.normal(0, 1, 10) for rng in rngs]).astype(np.float32)
    shift = np.stack([rng.normal(0, 0.2, 3) for rng in rngs]) + [0, 0, 4]
    joints = (pose_joints(body, pose, betas) + shift[:, None]).astype(np.float32)
    principal = np.tile(np.array(FRAME_PX, np.float32) / 2, (len(numbers), 1))
    frame_px = FOCAL_PX * joints[..., :2] / joints[..., 2:] + principal[:, None]
    low, high = frame_px.min(1), frame_px.max(1)
    side = 1.1 * (high - low).max(-1)
    bbox = np.concatenate([(low + high) / 2, side[:, None]], -1).astype(np.float32)
    crop = np.zeros((len(numbers), 2, 3), np.float32)
    crop[:, 0, 0] = crop[:, 1, 1] = size_px / side
    crop[:, :, 2] = size_px / 2 - bbox[:, :2] * (size_px / side)[:, None]
    joints_px = frame_px * crop[:, None, [0, 1], [0, 1]] + crop[:, None, :, 2]
    return Records(
        numbers=numbers,
        image=_draw(joints_px, size_px),
        pose=pose,
        betas=betas,
        joints_cam_m=joints,
        joints_px=joints_px.astype(np.float32),
        focal_px=np.full(len(numbers), FOCAL_PX, np.float32),
        principal_px=principal,
        frame_size_px=np.tile(np.array(FRAME_PX, np.float32), (len(numbers), 1)),
        bbox_px=bbox,
        crop_from_frame=crop,
        everyday=np.ones(len(numbers), bool),
    )


def _draw(joints_px: np.ndarray, size_px: int) -> np.ndarray:
    colours = np.random.default_rng(1).uniform(0, 1, (24, 3))
    centre = np.arange(size_px) + 0.5
    near_x = np.exp(-((centre - joints_px[..., 0:1]) ** 2) / 4)
    near_y = np.exp(-((centre - joints_px[..., 1:2]) ** 2) / 4)
    picture = np.einsum("njy,njx,jc->nyxc", near_y, near_x, colours)
    return (255 * np.clip(picture, 0, 1)).astype(np.uint8)
