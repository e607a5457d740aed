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

    template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    weights: Tensor
    joint_template: Tensor
    joint_shapedirs: Tensor
    order: Tensor

    def __init__(self, body: Body) -> None:
        """Copy the body's arrays into buffers.

        Args:
            body: whose mesh and joints.
        """
        super().__init__()
        self.body_hash = body.hash
        # Coordinates first, vertices last: long rows are what elementwise arithmetic and GEMM like.
        tables = {
            "template": body.v_template.T.reshape(-1),
            "shapedirs": body.shapedirs.transpose(2, 1, 0).reshape(10, -1),
            "posedirs": body.posedirs.transpose(2, 1, 0).reshape(207, -1),
            "weights": body.weights.T,
            "joint_template": body.joint_template_m,
            "joint_shapedirs": body.joint_shapedirs.transpose(2, 0, 1).reshape(10, 72),
        }
        levels = _levels(body.parents)
        self.level_count = len(levels)
        order = np.argsort([0, *(child for children, _, _ in levels for child in children)])
        indices = {"order": order} | {
            f"{name}_{number}": np.array(numbers)
            for number, level in enumerate(levels)
            for name, numbers in zip(("children", "parents", "place"), level, strict=True)
        }
        for name, array in (tables | indices).items():
            self.register_buffer(name, torch.from_numpy(np.array(array, order="C")), persistent=False)

    def joints(
        self, rotmats: Float[Tensor, "person 24 3 3"], betas: Float[Tensor, "person 10"]
    ) -> Float[Tensor, "person 24 3"]:
        """Joints in metres by forward kinematics alone: no mesh is made."""
        with _full_precision(rotmats):
            return self._chain(rotmats, betas)[1]

    def vertices(
        self, rotmats: Float[Tensor, "person 24 3 3"], betas: Float[Tensor, "person 10"]
    ) -> tuple[Float[Tensor, "person 6890 3"], Float[Tensor, "person 24 3"]]:
        """Vertices and joints in metres; the pelvis is not moved to the origin."""
        people = len(betas)
        with _full_precision(rotmats):
            turns, joints, rest = self._chain(rotmats, betas)
            shifts = joints - (turns @ rest[..., None])[..., 0]
            identity = torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)
            feature = (rotmats[:, 1:] - identity).reshape(people, 207).to(turns)
            mesh = (self.template + betas.to(turns) @ self.shapedirs + feature @ self.posedirs).reshape(people, 3, -1)
            turn = (turns.permute(0, 2, 3, 1).reshape(people, 9, 24) @ self.weights).reshape(people, 3, 3, -1)
            vertices = (turn * mesh[:, None]).sum(2) + shifts.transpose(1, 2) @ self.weights
            return vertices.transpose(1, 2), joints

    def _chain(self, rotmats: Tensor, betas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Global turns [B,24,3,3], posed joints [B,24,3] and rest joints [B,24,3], a tree level at a time."""
        rotmats, betas = rotmats.to(self.template), betas.to(self.template)
        rest = self.joint_template + (betas @ self.joint_shapedirs).reshape(-1, 24, 3)
        turns, joints = [rotmats[:, :1]], [rest[:, :1]]
        for number in range(self.level_count):
            children, parents, place = (getattr(self, f"{name}_{number}") for name in ("children", "parents", "place"))
            bones = (rest[:, children] - rest[:, parents])[..., None]
            above = turns[-1][:, place]
            joints.append(joints[-1][:, place] + (above @ bones)[..., 0])
            turns.append(above @ rotmats[:, children])
        return torch.cat(turns, 1)[:, self.order], torch.cat(joints, 1)[:, self.order], rest


def _full_precision(like: Tensor) -> torch.autocast:
    """Keep mixed-precision training out: bfloat16 is good to 4 mm at a metre, which is what we measure."""
    return torch.autocast(like.device.type, enabled=False)


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
