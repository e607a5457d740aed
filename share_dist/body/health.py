"""Is the body well on this machine? The doctor asks."""

from __future__ import annotations

import numpy as np
import torch

from share_dist.body.find import find_body_file
from share_dist.body.layer import smplx_model
from share_dist.body.model import Body, BodyConfig, load_body
from share_dist.body.posing import pose_body
from share_dist.body.quaternions import rotmats_from_rotvecs
from share_dist.errors import Finding, ShareDistError, printable
from share_dist.seeds import stream

AGREEMENT_M = 1e-5


def check(config: BodyConfig | None = None) -> list[Finding]:
    """Load the body that the settings name, and compare our posing of it with smplx."""
    config = config or BodyConfig()
    try:
        body = load_body(config)
    except ShareDistError as error:
        first, *rest = str(error).splitlines()
        return [Finding("body", False, first, " ".join(line.strip() for line in rest))]
    where = "built-in figure"
    if config.folder is not None:
        where = f"SMPL {config.gender} from {printable(find_body_file(config.folder, config.gender))}"
    return [Finding("body", True, f"{where}, {body.name}"), _compare_with_smplx(body)]


def _compare_with_smplx(body: Body) -> Finding:
    rng = stream(0, "body-check")
    rotmats = rotmats_from_rotvecs(rng.normal(size=(2, 24, 3)) * 0.4)
    betas = rng.normal(size=(2, 10)).astype(np.float32)
    with torch.no_grad():
        truth = smplx_model(body, batch_size=2)(
            betas=torch.from_numpy(betas),
            global_orient=torch.from_numpy(rotmats[:, :1]),
            body_pose=torch.from_numpy(rotmats[:, 1:]),
            pose2rot=False,
        )
    error_m = float(np.abs(truth.vertices.numpy() - pose_body(body, rotmats, betas).vertices_m).max())
    return Finding(
        "posing",
        error_m < AGREEMENT_M,
        f"ours and smplx differ by {1e3 * error_m:.4f} mm at most",
        "" if error_m < AGREEMENT_M else "remove share_dist/body/__pycache__ (stale compiled code) and try again",
    )
