"""Evenly spread cameras: the fixed pool in which regions are searched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from share_dist.camera.draw import MAX_TRIES, UNIT_DIMENSIONS, CameraDistribution, no_room
from share_dist.camera.pose import Camera
from share_dist.camera.space import Space
from share_dist.errors import BadSetting

_BLOCK = 256


def low_discrepancy_pool(
    distribution: CameraDistribution, spaces: Sequence[Space], count: int, seed: int
) -> list[Camera]:
    """Cameras that fill a distribution more evenly than random ones, by a scrambled Sobol sequence.

    Each camera belongs to one person, who goes through points of the sequence until one has room; so the pool has
    the measure of `distribution.sample` over these people, floor rule included.

    Args:
        distribution: the target measure.
        spaces: people to stand around; they are used in turn.
        count: cameras wanted.
        seed: scrambles the sequence.

    Raises:
        BadSetting: no people, no cameras, or a person around whom no camera has room.
    """
    if not spaces or count < 1:
        raise BadSetting(f"A pool of {count} cameras around {len(spaces)} people: it needs at least one of each.")
    # Here, because scipy.stats takes half a second to import, and renderers, which import this room, need no pool.
    from scipy.stats import qmc

    sequence = qmc.Sobol(UNIT_DIMENSIONS, scramble=True, rng=np.random.default_rng(seed))
    cameras: list[Camera] = []
    tries = 0
    while len(cameras) < count:
        for u in sequence.random(_BLOCK):
            space = spaces[len(cameras) % len(spaces)]
            camera = distribution.from_unit(u, space)
            tries += 1
            if camera is not None:
                cameras.append(camera)
                tries = 0
            elif tries >= MAX_TRIES:
                raise no_room(distribution, space, tries)
            if len(cameras) == count:
                break
    return cameras
