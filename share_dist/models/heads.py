"""Regression heads with iterative error feedback: from a feature vector to pose, shape and camera.

Each head starts from mean parameters (buffers) and adds a correction a few times, seeing its last answer. Layer and
buffer names are those of SPIN's release, so published weights fit by name.
Sources: HMR (CVPR 2018; akanazawa/hmr, src/models.py); SPIN (ICCV 2019; nkolot/SPIN, models/hmr.py).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from share_dist.geometry import rotmat_from_sixd_rows, sixd_rows_from_rotmat
from share_dist.models.config import ModelConfig
from share_dist.models.dropout import KeyedDropout

JOINTS = 24
BETAS = 10
MEAN_CAMERA = (0.9, 0.0, 0.0)


def rotmat_from_rotvec_smooth(rotvec_rad: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rodrigues' formula for tensors, with finite gradients at zero: rotation vectors in radians to matrices."""
    angle_sq = rotvec_rad.square().sum(-1)
    small = angle_sq < 1e-8
    safe_sq = torch.where(small, torch.ones_like(angle_sq), angle_sq)
    angle = safe_sq.sqrt()
    a = torch.where(small, 1 - angle_sq / 6, torch.sin(angle) / angle)[..., None, None]
    b = torch.where(small, 0.5 - angle_sq / 24, (1 - torch.cos(angle)) / safe_sq)[..., None, None]
    x, y, z = rotvec_rad.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    identity = torch.eye(3, dtype=rotvec_rad.dtype, device=rotvec_rad.device)
    return identity + a * cross + b * (cross @ cross)


def _mean_rotmats() -> Float[Tensor, "24 3 3"]:
    """Upright and facing the camera: root diag(1, −1, −1), every other joint at rest."""
    mean = torch.eye(3).repeat(JOINTS, 1, 1)
    mean[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    return mean


class IterativeHead(nn.Module):
    """What both heads share: two hidden layers over [feature, pose, shape, camera] and three linear read-outs."""

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self, features: int, config: ModelConfig, mean_pose: Float[Tensor, "*pose"]) -> None:
        super().__init__()
        pose_size = mean_pose.numel()
        self.iterations = config.iterations
        self.activated = config.hidden_activation == "relu"
        self.fc1 = nn.Linear(features + pose_size + BETAS + 3, config.hidden)
        self.drop1 = KeyedDropout(config.dropout, stream=1)
        self.fc2 = nn.Linear(config.hidden, config.hidden)
        self.drop2 = KeyedDropout(config.dropout, stream=2)
        self.decpose = nn.Linear(config.hidden, pose_size)
        self.decshape = nn.Linear(config.hidden, BETAS)
        self.deccam = nn.Linear(config.hidden, 3)
        for layer in (self.decpose, self.decshape, self.deccam):
            # A near-zero read-out makes the untrained network answer with the mean parameters.
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
            nn.init.zeros_(layer.bias)
        self.register_buffer("init_pose", mean_pose.reshape(1, -1).clone())
        self.register_buffer("init_shape", torch.zeros(1, BETAS))
        self.register_buffer("init_cam", torch.tensor([MEAN_CAMERA]))

    def forward(
        self, feature: Float[Tensor, "batch feature"], keys: Int64[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch 24 3 3"], Float[Tensor, "batch 10"], Float[Tensor, "batch 3"]]:
        """Return rotation matrices, betas and the crop's camera (s, tx, ty) after the last iteration."""
        count = feature.shape[0]
        pose = self.init_pose.expand(count, -1)
        shape = self.init_shape.expand(count, -1)
        camera = self.init_cam.expand(count, -1)
        for turn in range(self.iterations):
            x = torch.cat([feature, pose, shape, camera], dim=1)
            x = self.drop1(self._activate(self.fc1(x)), keys, turn)
            x = self.drop2(self._activate(self.fc2(x)), keys, turn)
            pose = pose + self.decpose(x).float()
            shape = shape + self.decshape(x).float()
            camera = camera + self.deccam(x).float()
        return self.rotmats_from_pose(pose), shape, camera

    def _activate(self, x: Tensor) -> Tensor:
        return torch.relu(x) if self.activated else x

    def rotmats_from_pose(self, pose: Float[Tensor, "batch pose"]) -> Float[Tensor, "batch 24 3 3"]:
        """Return this head's own numbers as matrices."""
        raise NotImplementedError


class SixdHead(IterativeHead):
    """SPIN's head: 24 rotations of six numbers in row pairs, 157 outputs in all."""

    def __init__(self, features: int, config: ModelConfig) -> None:
        super().__init__(features, config, sixd_rows_from_rotmat(_mean_rotmats()))

    def rotmats_from_pose(self, pose: Float[Tensor, "batch pose"]) -> Float[Tensor, "batch 24 3 3"]:
        """Orthonormalise the row pairs, in float32 whatever the autocast."""
        return rotmat_from_sixd_rows(pose.float().reshape(-1, JOINTS, 6))


class AxisAngleHead(IterativeHead):
    """The HMR paper's head: 24 rotation vectors, 85 outputs in all."""

    def __init__(self, features: int, config: ModelConfig) -> None:
        mean = torch.zeros(JOINTS, 3)
        mean[0, 0] = math.pi
        super().__init__(features, config, mean)

    def rotmats_from_pose(self, pose: Float[Tensor, "batch pose"]) -> Float[Tensor, "batch 24 3 3"]:
        """Apply Rodrigues' formula, in float32 whatever the autocast."""
        return rotmat_from_rotvec_smooth(pose.float().reshape(-1, JOINTS, 3))
