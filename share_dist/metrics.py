"""What evaluation reports, by named protocol. All arithmetic in float64; every figure is one number a picture.

MPJPE is over SMPL's 24 joints with both pelvises moved to the origin, in millimetres, unless a protocol says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float

from share_dist.errors import WrongJoints
from share_dist.geometry import rotation_angle_rad

if TYPE_CHECKING:
    from share_dist.body import BodyLayer
    from share_dist.losses import Truth
    from share_dist.models import Estimate

PCK_MM = 150.0
AUC_THRESHOLDS_MM = np.arange(0.0, 151.0, 5.0)
FLIP_DEG = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How joints are compared: which set, and what is moved to the origin first."""

    name: str
    joints: str
    """The joint set both sides must be in."""
    count: int
    """How many joints that set has."""
    centre: tuple[int, ...]
    """The mean of these joints is moved to the origin on both sides."""


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="smpl24-pelvis", joints="SMPL24", count=24, centre=(0,)),
        Protocol(name="smpl24-midhip", joints="SMPL24", count=24, centre=(1, 2)),
    )
}
"""Ours is smpl24-pelvis; papers after VIBE move the middle of the hips to the origin instead."""


def centred(joints_m: Float[np.ndarray, "batch joint 3"], protocol: Protocol) -> Float[np.ndarray, "batch joint 3"]:
    """Move the protocol's centre to the origin.

    Raises:
        WrongJoints: not as many joints as the protocol's set has.
    """
    if joints_m.shape[1] != protocol.count:
        raise WrongJoints(
            f"protocol '{protocol.name}' needs the {protocol.count} joints of {protocol.joints}, but got "
            f"{joints_m.shape[1]} joints.\n  Convert by name with share_dist.body's joint sets first."
        )
    joints = np.asarray(joints_m, dtype=np.float64)
    return joints - joints[:, list(protocol.centre)].mean(axis=1, keepdims=True)


def distances_mm(
    estimate_m: Float[np.ndarray, "batch point 3"], truth_m: Float[np.ndarray, "batch point 3"]
) -> Float[np.ndarray, "batch point"]:
    """Distance of each point to its truth, metres in, millimetres out."""
    difference = np.asarray(estimate_m, dtype=np.float64) - np.asarray(truth_m, dtype=np.float64)
    return np.sqrt(np.square(difference).sum(axis=-1)) * 1000


def procrustes(
    source: Float[np.ndarray, "batch point 3"], target: Float[np.ndarray, "batch point 3"]
) -> Float[np.ndarray, "batch point 3"]:
    """Move, turn and scale each source cloud onto its target with the least squared error; never mirror it.

    A source without extent (all points equal) is moved onto the target's mean; flat or straight clouds get one of
    their best rotations. Nothing is NaN.

    Source: Umeyama, PAMI 1991; the sign goes to the smallest singular value.
    """
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    source_mean, target_mean = source.mean(axis=1, keepdims=True), target.mean(axis=1, keepdims=True)
    x, y = source - source_mean, target - target_mean
    # The batched product goes one small matrix at a time, so a row's bits do not depend on the batch.
    u, singular, vt = np.linalg.svd(np.swapaxes(y, 1, 2) @ x)
    sign = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    flip = np.stack([np.ones_like(sign), np.ones_like(sign), sign], axis=1)
    rotation = (u * flip[:, None, :]) @ vt
    extent = np.square(x).sum(axis=(1, 2))
    scale = (singular * flip).sum(axis=1) / np.where(extent > 0, extent, 1.0)
    return scale[:, None, None] * (x @ np.swapaxes(rotation, 1, 2)) + target_mean


def root_error_deg(
    estimate: Float[np.ndarray, "batch 3 3"], truth: Float[np.ndarray, "batch 3 3"]
) -> Float[np.ndarray, " batch"]:
    """Angle between two root orientations in degrees, accurate near 0° and 180°."""
    return np.degrees(rotation_angle_rad(estimate, truth))


def root_aligned(
    estimate_m: Float[np.ndarray, "batch point 3"],
    estimate_root: Float[np.ndarray, "batch 3 3"],
    truth_root: Float[np.ndarray, "batch 3 3"],
) -> Float[np.ndarray, "batch point 3"]:
    """Turn pelvis-centred points so that their root has the true orientation: what is left is the pose's own error."""
    turn = np.asarray(truth_root, np.float64) @ np.swapaxes(np.asarray(estimate_root, np.float64), 1, 2)
    return np.asarray(estimate_m, dtype=np.float64) @ np.swapaxes(turn, 1, 2)


def pck(errors_mm: Float[np.ndarray, "batch joint"], threshold_mm: float = PCK_MM) -> Float[np.ndarray, " batch"]:
    """Share of joints strictly nearer to their truth than the threshold."""
    return (np.asarray(errors_mm) < threshold_mm).mean(axis=1)


def auc(errors_mm: Float[np.ndarray, "batch joint"]) -> Float[np.ndarray, " batch"]:
    """Mean PCK over the 31 thresholds 0, 5, …, 150 mm; a perfect estimate scores 30/31, for 0 < 0 is false.

    Source: mmhuman3d, core/evaluation/eval_utils.py.
    """
    return np.mean([pck(errors_mm, threshold) for threshold in AUC_THRESHOLDS_MM], axis=0)


def is_flip(error_deg: Float[np.ndarray, " batch"]) -> Bool[np.ndarray, " batch"]:
    """Whether the body is turned by more than 90°."""
    return np.asarray(error_deg) > FLIP_DEG


@torch.inference_mode()
def error_columns(
    estimate: Estimate, truth: Truth, layer: BodyLayer, protocol: Protocol = PROTOCOLS["smpl24-pelvis"]
) -> dict[str, np.ndarray]:
    """Compare a batch of estimates with the truth.

    Args:
        estimate: of a network, or the truth's own pose and betas for a check.
        truth: from `truth_from_records`, on the same device.
        layer: the body both are posed on.
        protocol: over SMPL24; how joints are centred.

    Returns:
        float64 arrays of one number a picture: mpjpe_mm, pa_mpjpe_mm, pve_mm (vertices, pelvis-aligned),
        root_error_deg, flip (bool), mpjpe_root_aligned_mm, pck150, auc. Where an estimate or its truth is no finite
        number, so are its errors; its flip, pck150 and auc then say nothing.
    """
    vertices, joints = layer.vertices(estimate.pose.float(), estimate.betas.float())
    true_vertices, true_posed = layer.vertices(truth.pose, truth.betas)
    estimated_m = centred(_array(joints), protocol)
    true_m = centred(_array(truth.joints_cam_m), protocol)
    errors_mm = distances_mm(estimated_m, true_m)
    mesh_m, true_mesh_m = _array(vertices - joints[:, :1]), _array(true_vertices - true_posed[:, :1])
    answered = np.asarray(np.isfinite(estimated_m + true_m).all(axis=(1, 2)))
    root, true_root = _array(estimate.pose[:, 0]), _array(truth.pose[:, 0])
    turned_deg = root_error_deg(root, true_root)
    return {
        "mpjpe_mm": errors_mm.mean(axis=1),
        "pa_mpjpe_mm": _pa_mpjpe_mm(estimated_m, true_m, answered),
        "pve_mm": distances_mm(mesh_m, true_mesh_m).mean(axis=1),
        "root_error_deg": turned_deg,
        "flip": is_flip(turned_deg),
        "mpjpe_root_aligned_mm": distances_mm(root_aligned(estimated_m, root, true_root), true_m).mean(axis=1),
        "pck150": pck(errors_mm),
        "auc": auc(errors_mm),
    }


def _pa_mpjpe_mm(
    estimated_m: Float[np.ndarray, "batch joint 3"],
    true_m: Float[np.ndarray, "batch joint 3"],
    answered: Bool[np.ndarray, " batch"],
) -> Float[np.ndarray, " batch"]:
    """MPJPE after Procrustes; NaN where there is no finite answer, with which no rotation can be found."""
    found = np.full(len(answered), np.nan)
    if answered.any():
        near, true = estimated_m[answered], true_m[answered]
        found[answered] = distances_mm(procrustes(near, true), true).mean(axis=1)
    return found


def _array(values: torch.Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()
