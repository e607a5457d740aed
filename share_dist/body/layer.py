"""`BodyLayer`: the same body on the model side, in torch, differentiable; and stock smplx on our arrays."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import smplx
import torch
from jaxtyping import Float
from smplx.utils import Struct
from torch import Tensor

from share_dist.body.model import Body


class BodyLayer(torch.nn.Module):
    """SMPL's forward pass as a layer. Buffers are not part of any state dict: the body's hash stands for them."""

    def __init__(self, body: Body) -> None:
        """Copy the body's arrays into buffers.

        Args:
            body: whose mesh and joints.
        """
        super().__init__()
        self.body_hash = body.hash
        self.levels = _levels(body.parents)
        # Coordinates first, vertices last: long rows are what elementwise arithmetic and GEMM like.
        tables = {
            "template": body.v_template.T.reshape(-1),
            "shapedirs": body.shapedirs.transpose(2, 1, 0).reshape(10, -1),
            "posedirs": body.posedirs.transpose(2, 1, 0).reshape(207, -1),
            "weights": body.weights.T,
            "joint_template": body.joint_template_m,
            "joint_shapedirs": body.joint_shapedirs.transpose(2, 0, 1).reshape(10, 72),
        }
        for name, array in tables.items():
            self.register_buffer(name, torch.from_numpy(np.array(array, order="C")), persistent=False)

    def joints(
        self, rotmats: Float[Tensor, "person 24 3 3"], betas: Float[Tensor, "person 10"]
    ) -> Float[Tensor, "person 24 3"]:
        """Joints in metres by forward kinematics alone: no mesh is made."""
        return self._chain(rotmats, betas)[1]

    def vertices(
        self, rotmats: Float[Tensor, "person 24 3 3"], betas: Float[Tensor, "person 10"]
    ) -> tuple[Float[Tensor, "person 6890 3"], Float[Tensor, "person 24 3"]]:
        """Vertices and joints in metres; the pelvis is not moved to the origin."""
        turns, joints, rest = self._chain(rotmats, betas)
        shifts = joints - (turns @ rest[..., None])[..., 0]
        people = len(betas)
        feature = (rotmats[:, 1:] - torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)).reshape(people, 207)
        mesh = (self.template + betas @ self.shapedirs + feature @ self.posedirs).reshape(people, 3, -1)
        turn = (turns.permute(0, 2, 3, 1).reshape(people, 9, 24) @ self.weights).reshape(people, 3, 3, -1)
        vertices = (turn * mesh[:, None]).sum(2) + shifts.transpose(1, 2) @ self.weights
        return vertices.transpose(1, 2), joints

    def _chain(self, rotmats: Tensor, betas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Global turns [B,24,3,3], posed joints [B,24,3] and rest joints [B,24,3], a tree level at a time."""
        rest = self.joint_template + (betas @ self.joint_shapedirs).reshape(-1, 24, 3)
        turns, joints = [rotmats[:, :1]], [rest[:, :1]]
        for children, parents, place in self.levels:
            bones = (rest[:, children] - rest[:, parents])[..., None]
            above = turns[-1][:, place]
            joints.append(joints[-1][:, place] + (above @ bones)[..., 0])
            turns.append(above @ rotmats[:, children])
        order = np.argsort([0, *(child for children, _, _ in self.levels for child in children)]).tolist()
        return torch.cat(turns, 1)[:, order], torch.cat(joints, 1)[:, order], rest


def _levels(parents: np.ndarray) -> list[tuple[list[int], list[int], list[int]]]:
    """Joints by depth below the root: children, their parents, and the parents' places in the level above."""
    levels, above = [], [0]
    while True:
        children = [joint for joint in range(1, len(parents)) if parents[joint] in above]
        if not children:
            return levels
        owners = [int(parents[child]) for child in children]
        levels.append((children, owners, [above.index(owner) for owner in owners]))
        above = children


def smplx_model(body: Body, batch_size: int = 1) -> smplx.SMPL:
    """Stock `smplx.SMPL` on this body's arrays: the reference our own forward passes are tested against."""
    with contextlib.redirect_stdout(io.StringIO()):  # it warns of ten betas, which are all SMPL files have
        return smplx.SMPL(
            model_path="", data_struct=Struct(**smpl_arrays(body)), create_transl=False, batch_size=batch_size
        )


def smpl_arrays(body: Body) -> dict[str, np.ndarray]:
    """The arrays under SMPL's own names: pickled as SMPL_NEUTRAL.pkl, any SMPL program can read them."""
    return {
        "v_template": body.v_template,
        "f": body.faces.astype(np.uint32),
        "shapedirs": body.shapedirs,
        "posedirs": body.posedirs,
        "J_regressor": body.joint_regressor,
        "weights": body.weights,
        "kintree_table": np.stack([body.parents, np.arange(24)]).astype(np.int64),
    }
