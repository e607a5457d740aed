"""What a person occupies, and the rule that a camera must stand clear of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from share_dist.camera.pose import Camera, camera_position
from share_dist.errors import BadSetting, require_numbers, require_ranges


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The room a posed person takes up, seen from the pelvis.

    Attributes:
        floor_m: height of the floor the person stands, sits or lies on, relative to the pelvis; negative.
        points_m: centres of the body's spheres, person's frame; the first 24 are SMPL's joints in order.
        radii_m: their radii.
    """

    floor_m: float
    points_m: Float[np.ndarray, "sphere 3"]
    radii_m: Float[np.ndarray, " sphere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """How far a camera keeps from floor and body; None leaves that rule out."""

    floor_m: float | None = 0.1
    """A camera has a size: its centre is at least this far above the floor."""

    body_m: float | None = 0.3
    """Nearer than this to the skin a picture shows a patch of cloth, not a person."""

    def __post_init__(self) -> None:
        """Refuse negative distances."""
        require_numbers(self, "clearance.")
        for name, value in (("floor_m", self.floor_m), ("body_m", self.body_m)):
            if value is not None and not value >= 0:
                raise BadSetting(f"clearance.{name} is {value}, but it must be zero or more; leave it out with None.")
        require_ranges(self, "clearance.", floor_m=(0.0, 1000.0), body_m=(0.0, 1000.0))

    def allows(self, camera: Camera, space: Space) -> bool:
        """Whether the camera stands clear of this person and floor."""
        if self.floor_m is not None:
            height_m = camera.distance_m * math.sin(camera.elevation_rad)
            if height_m < space.floor_m + self.floor_m:
                return False
        if self.body_m is None:
            return True
        away = space.points_m - camera_position(camera)
        gap_m = np.sqrt(away[:, 0] ** 2 + away[:, 1] ** 2 + away[:, 2] ** 2) - space.radii_m
        return bool(gap_m.min() >= self.body_m)
