"""What training punishes: wrong rotations, shape, joints in space and joints in the picture.

The truth is exact, because it was rendered; every term is on for every picture. The picture term uses the true
perspective of the full frame: the crop's weak camera becomes a position in space (CLIFF) and the joints are projected
with the record's own lens. With a camera at arm's length anything less would teach the network a wrong body.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from share_dist.camera import full_from_weak
from share_dist.errors import BadSetting, require_numbers, require_ranges
from share_dist.models import Estimate, tensor_from_array

if TYPE_CHECKING:
    from share_dist.body import BodyLayer
    from share_dist.render import Records

NEAREST_TRUSTED_M = 0.1
"""A joint nearer to the camera's plane than this has no useful projection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Weights of the loss terms; 0 leaves a term out."""

    pose: float = 1.0
    """On the mean squared difference of rotation matrices, the measure the others are relative to."""

    betas: float = 0.02
    """On the mean squared difference of shape numbers: they are of size 1 and hard to see at 96 px, so a larger
    weight would spend the network on guesses. At 0.005 the joints' term bent the shape to its own ends, to worse
    than always answering 0."""

    joints_3d: float = 5.0
    """On the mean distance per axis of pelvis-aligned joints in metres; 0.1 m counts about as much as the pose does
    at that stage of training."""

    joints_2d: float = 0.5
    """On joints in the picture, half the crop's side being 1. Needed for the camera, which no other term sees."""

    vertices: float = 0.0
    """On the mean distance per axis of pelvis-aligned vertices in metres. Off: skinning 6,890 vertices costs as much
    as the network itself, and the joints and betas say nearly the same."""

    anchor: float = 3.0
    """On what moves an everyday view's answer away from the base model's, right or wrong, in the same measure as the
    truth's pose and joints; only where a training has such a model, as the rounds of SHARE have. At 3 a round of
    17,000 views repaired 17 % for 0.2 % lost on everyday steer views, at 1 it repaired 14 % for 0.3 %
    (results/forgetting.md). Source: Li and Hoiem, Learning without Forgetting, ECCV 2016."""

    scale: float = 1.0
    """On exp(−10 s)², SPIN's term that keeps the crop's camera scale positive; zero in effect once s is near 0.9. Below
    s = −1 it goes on as a straight line."""

    def __post_init__(self) -> None:
        require_numbers(self, "--losses.", endless=tuple(field.name for field in fields(self)))
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise BadSetting(f"--losses.{field.name.replace('_', '-')} is {value}, but a weight must be 0 or more.")
        # float32 holds the square of a million and of what it weighs.
        require_ranges(self, "--losses.", **{field.name: (0.0, 1e6) for field in fields(self)})
        if not any((self.pose, self.joints_3d, self.vertices)):
            names = "losses.pose, losses.joints-3d and losses.vertices"
            raise BadSetting(f"{names} are all 0, so nothing would teach the pose; set one of them above 0.")


class Truth(NamedTuple):
    """The fields of `Records` that losses and metrics read, as float32 tensors on one device.

    Attributes:
        pose: rotation matrices [B, 24, 3, 3], the root's in the camera frame.
        betas: [B, 10].
        joints_cam_m: [B, 24, 3], metres, camera frame.
        joints_px: [B, 24, 2], pixels of the crop.
        focal_px: [B], of the full frame.
        principal_px: [B, 2], of the full frame.
        bbox_px: [B, 3], centre x, centre y and side in the full frame.
        crop_from_frame: [B, 2, 3].
        everyday: [B], 1 for a view of the everyday distribution, else 0.
        crop_side_px: side of the crop.
    """

    pose: Tensor
    betas: Tensor
    joints_cam_m: Tensor
    joints_px: Tensor
    focal_px: Tensor
    principal_px: Tensor
    bbox_px: Tensor
    crop_from_frame: Tensor
    everyday: Tensor
    crop_side_px: int


def truth_from_records(records: Records, device: torch.device | str | None = None) -> Truth:
    """Copy the truth of a batch of records to `device`."""
    names = [name for name in Truth._fields if name != "crop_side_px"]
    arrays = {name: tensor_from_array(getattr(records, name), device).float() for name in names}
    return Truth(**arrays, crop_side_px=records.image.shape[1])


def translation_m(camera: Float[Tensor, "batch 3"], truth: Truth) -> Float[Tensor, "batch 3"]:
    """Where the body's origin is in the full frame's camera, in metres, by CLIFF's reading of the crop's weak camera.

    Where the network says s ≤ 0, the person is taken to be one pixel small: far away, but in front of the camera.
    """
    scale = torch.maximum(camera[:, 0], 1 / truth.bbox_px[:, 2])
    weak = torch.stack([scale, camera[:, 1], camera[:, 2]], dim=1)
    return full_from_weak(weak, truth.bbox_px, truth.focal_px, truth.principal_px)


def project_to_crop(points_cam_m: Float[Tensor, "batch point 3"], truth: Truth) -> Float[Tensor, "batch point 2"]:
    """Project points through the full frame's lens and into the crop, in pixels of the crop.

    Points behind or nearer than 0.1 m are projected from 0.1 m, so that nothing is infinite.
    """
    depth = points_cam_m[..., 2:].clamp(min=NEAREST_TRUSTED_M)
    frame_px = truth.focal_px[:, None, None] * points_cam_m[..., :2] / depth + truth.principal_px[:, None]
    return frame_px @ truth.crop_from_frame[:, :, :2].transpose(1, 2) + truth.crop_from_frame[:, None, :, 2]


def _picture_loss(estimate: Estimate, joints_m: Tensor, truth: Truth) -> Tensor:
    """Robust distance of joints in the picture; joints whose truth has no projection are left out."""
    moved = translation_m(estimate.camera, truth)
    half = truth.crop_side_px / 2
    estimated = project_to_crop(joints_m + moved[:, None], truth) / half
    seen = (truth.joints_cam_m[..., 2] > NEAREST_TRUSTED_M).float()[..., None]
    # Past half a crop side the penalty stops growing: from very near, a limb beside the lens may lie
    # many crop sides outside the picture, and one such joint would drown the batch.
    residual = (estimated - truth.joints_px / half) * seen
    penalty = torch.nn.functional.smooth_l1_loss(residual, torch.zeros_like(residual), beta=0.1, reduction="none")
    robust = penalty / (1 + 0.25 * penalty)
    return robust.sum() / (2 * seen.sum()).clamp(min=1.0)


def _anchor_loss(
    estimate: Estimate, aligned_m: Tensor, anchor: Estimate, truth: Truth, layer: BodyLayer, config: LossConfig
) -> Tensor:
    """Distance from the anchor's answer in pose and pelvis-aligned joints, over the everyday pictures."""
    anchor_m = _pelvis_aligned(layer.joints(anchor.pose.float(), anchor.betas.float()))
    turned = (estimate.pose.float() - anchor.pose.float()).square().mean((1, 2, 3))
    shifted = (aligned_m - anchor_m).abs().mean((1, 2))
    return (truth.everyday * (config.pose * turned + config.joints_3d * shifted)).mean()


def _scale_loss(scale: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Return exp(−10 s)², and below s = −1, where it would soon be infinite, its tangent there: it still pushes."""
    steep = torch.exp(-10 * scale.clamp(min=-1)).square()
    return torch.where(scale < -1, math.exp(20) * (1 - 20 * (scale + 1)), steep)


def _pelvis_aligned(joints_m: Tensor) -> Tensor:
    return joints_m - joints_m[:, :1]


def total_loss(
    estimate: Estimate, truth: Truth, layer: BodyLayer, config: LossConfig, anchor: Estimate | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add up the weighted terms, in float32.

    Args:
        estimate: of a batch.
        truth: of the same batch, on the same device.
        layer: the body both are posed on.
        config: the weights.
        anchor: what the model that is not to be forgotten says about the same batch; None leaves that term out.

    Returns:
        The scalar to differentiate, and each term without its weight (detached), by the weight's name; "joints_3d" is
        in metres per axis, and "anchor" adds up its two parts by the weights of pose and joints_3d.
    """
    pose, betas = estimate.pose.float(), estimate.betas.float()
    estimate = estimate._replace(camera=estimate.camera.float())
    terms = {
        "pose": (pose - truth.pose).square().mean(),
        "betas": (betas - truth.betas).square().mean(),
        "scale": _scale_loss(estimate.camera[:, 0]).mean(),
    }
    if config.vertices:
        vertices_m, joints_m = layer.vertices(pose, betas)
        with torch.no_grad():
            true_vertices_m, true_joints_m = layer.vertices(truth.pose, truth.betas)
        aligned = (vertices_m - joints_m[:, :1]) - (true_vertices_m - true_joints_m[:, :1])
        terms["vertices"] = aligned.abs().mean()
    else:
        joints_m = layer.joints(pose, betas)
    aligned_m = _pelvis_aligned(joints_m)
    terms["joints_3d"] = (aligned_m - _pelvis_aligned(truth.joints_cam_m)).abs().mean()
    if config.joints_2d:
        terms["joints_2d"] = _picture_loss(estimate, joints_m, truth)
    if anchor is not None and config.anchor:
        terms["anchor"] = _anchor_loss(estimate, aligned_m, anchor, truth, layer, config)
    total = torch.stack([getattr(config, name) * term for name, term in terms.items()]).sum()
    return total, {name: term.detach() for name, term in terms.items()}
