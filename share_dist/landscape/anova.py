"""Which factors the error depends on, and how much of it is not the camera at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from share_dist.landscape.basis import Coordinates

if TYPE_CHECKING:
    from share_dist.landscape.surface import Landscape

NOT_CAMERA = "not the camera"
"""The share of people, poses and scenes, which the landscape sees as noise."""

_POOL = 4096


def shares(landscape: Landscape, points: Coordinates | None) -> dict[str, float]:
    """See `Landscape.shares`."""
    found = landscape.posterior
    second_moment = np.outer(found.coefficients, found.coefficients) + found.root @ found.root.T
    if points is None:
        points = landscape.basis.uniform(_POOL)
        per_term = np.diag(second_moment)  # orthonormal: the covariance of the terms is the identity
    else:
        design = landscape.basis.design(points)
        design = design - design.mean(axis=0)
        per_term = (design.T @ design / len(design) * second_moment).sum(axis=1)
    parts = {name: float(per_term[members].sum()) for name, members in landscape.basis.groups.items()}
    parts[NOT_CAMERA] = float(np.square(landscape.noise_sd_at(points)).mean())
    whole = sum(parts.values())
    return {name: part / whole for name, part in parts.items()}
