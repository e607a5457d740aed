"""Changes to pictures and truth that cost nothing to draw: colour and mirror, keyed by (seed, step, view)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from share_dist.body import SMPL24
from share_dist.losses import Truth
from share_dist.models import uniform_from_keys

_COLOUR_STREAM, _MIRROR_STREAM = 1001, 1002


def jitter_colours(
    image: Float[Tensor, "batch 3 side side"], keys: Int64[Tensor, " batch"], size: float
) -> Float[Tensor, "batch 3 side side"]:
    """Change contrast, brightness and each channel's gain by up to `size`, one draw a picture.

    Works on normalised pictures: a gain about mid-grey there is one about mid-grey in bytes, give or take the means.
    All three changes are one multiplication and one addition.
    """
    if size == 0.0:
        return image
    draw = (2 * uniform_from_keys(keys, _COLOUR_STREAM, 5) - 1) * size
    contrast, brightness, channel = 1 + draw[:, 0:1], draw[:, 1:2], 1 + draw[:, 2:5]
    # One unit of the normalised scale is about 57 grey levels, so half the byte range is about 2.2 units.
    gain, shift = contrast * channel, (brightness + draw[:, 2:5]) * 2.2
    return image * gain[:, :, None, None] + shift[:, :, None, None]


def mirrored(keys: Int64[Tensor, " batch"], share: float) -> Bool[Tensor, " batch"]:
    """Which pictures of a batch are shown as in a mirror."""
    return uniform_from_keys(keys, _MIRROR_STREAM, 1)[:, 0] < share


def mirror_images(
    image: Float[Tensor, "batch 3 side side"], chosen: Bool[Tensor, " batch"]
) -> Float[Tensor, "batch 3 side side"]:
    """Swap left and right in the chosen pictures."""
    return torch.where(chosen[:, None, None, None], image.flip(-1), image)


def mirror_truth(truth: Truth, chosen: Bool[Tensor, " batch"]) -> Truth:
    """Return the truth as the mirror shows it: x changes sign in the camera frame, left and right change names.

    The full frame is mirrored about x = 0, which no label can tell from any other vertical line: only the box's offset
    from the principal point is ever used. Pixel x of a crop spans x…x+1, so a mirrored joint is at side − x.
    """
    swap = list(SMPL24.mirror)
    sign = torch.tensor([-1.0, 1.0, 1.0], device=truth.pose.device)
    joints_px, crop = truth.joints_px.clone(), truth.crop_from_frame.clone()
    joints_px[..., 0] = truth.crop_side_px - joints_px[..., 0]
    crop[:, 0, 1] *= -1
    crop[:, 0, 2] = truth.crop_side_px - crop[:, 0, 2]
    crop[:, 1, 0] *= -1
    other = truth._replace(
        pose=truth.pose[:, swap] * sign[:, None] * sign,
        joints_cam_m=truth.joints_cam_m[:, swap] * sign,
        joints_px=joints_px[:, swap],
        principal_px=truth.principal_px * sign[:2],
        bbox_px=truth.bbox_px * sign,
        crop_from_frame=crop,
    )
    fields = {
        name: torch.where(chosen.reshape(-1, *[1] * (value.dim() - 1)), getattr(other, name), value)
        for name, value in truth._asdict().items()
        if isinstance(value, Tensor)
    }
    return Truth(**fields, crop_side_px=truth.crop_side_px)
