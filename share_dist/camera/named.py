"""The camera distributions that have names in every report: everyday, all_cameras, full_sphere, close_up.

A change of any default below is a new version of the name, with a line in the changelog.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from share_dist.camera import draw
from share_dist.camera.draw import CropJitter, Lens, Unit, sample_with_retries
from share_dist.camera.pose import Camera, look_at_axes
from share_dist.camera.space import Clearance, Space
from share_dist.errors import BadSetting, require_numbers, require_ranges, require_share

HEAD_SPHERE, CHEST_SPHERE = 15, 9
"""SMPL's joints at which a close-up looks."""

ANYWHERE = Clearance(floor_m=None, body_m=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyday:
    """Where people's pictures are usually taken from: mostly the front, eye level, a few metres away."""

    NAME: ClassVar[str] = "everyday-v1"

    front_sd_deg: float = 60.0
    """Spread of the azimuth about the person's front, a wrapped normal."""
    any_share: float = 0.2
    """Share of cameras with any azimuth at all."""
    elevation_mean_deg: float = 5.0
    """A standing photographer's eye is a little above the pelvis's horizon."""
    elevation_sd_deg: float = 8.0
    """Spread of the elevation, a normal cut off at the two limits."""
    elevation_low_deg: float = -20.0
    """Lowest elevation."""
    elevation_high_deg: float = 30.0
    """Highest elevation."""
    distance_low_m: float = 3.0
    """Nearest camera; distances are uniform."""
    distance_high_m: float = 6.0
    """Farthest camera."""
    roll_sd_deg: float = 3.0
    """Hands are not spirit levels."""
    lens: Lens = Lens()
    """Diagonal field of view."""
    crop: CropJitter = CropJitter()
    """The detector's box."""
    clearance: Clearance = ANYWHERE
    """No rule: the definition is one of angles and metres, and at 3 m nothing is near."""

    def __post_init__(self) -> None:
        """Check shares, angles and distances."""
        require_numbers(self, "everyday.")
        require_share(self.any_share, "everyday.any_share")
        draw.require_elevations(self.elevation_low_deg, self.elevation_high_deg, "everyday")
        draw.require_distances(self.distance_low_m, self.distance_high_m, "everyday")
        _require_angles(self)

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map; None where the clearance forbids the camera."""
        azimuth = draw.front_heavy(u[draw.CHOICE], u[draw.AZIMUTH], self.front_sd_deg, self.any_share)
        elevation = draw.normal_within(
            u[draw.ELEVATION],
            self.elevation_mean_deg,
            self.elevation_sd_deg,
            self.elevation_low_deg,
            self.elevation_high_deg,
        )
        distance = draw.between(u[draw.DISTANCE], self.distance_low_m, self.distance_high_m)
        roll = math.radians(self.roll_sd_deg) * draw.normal(u[draw.ROLL])
        angles = (azimuth, math.radians(elevation))
        return _placed(self, u, space, angles, distance, roll)

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one camera for one person."""
        return sample_with_retries(self, rng, space)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllCameras:
    """Wherever a camera can be: directions uniform by area, above the floor, clear of the body."""

    NAME: ClassVar[str] = "all_cameras-v1"

    elevation_low_deg: float = -90.0
    """Lowest elevation; the floor is a rule of its own."""
    elevation_high_deg: float = 90.0
    """Highest elevation."""
    distance_low_m: float = 1.2
    """Nearest camera; distances are log-uniform, so halving counts like doubling."""
    distance_high_m: float = 6.0
    """Farthest camera."""
    roll_sd_deg: float = 10.0
    """Cameras that are held high, low or while moving are rarely level."""
    lens: Lens = Lens()
    """Diagonal field of view."""
    crop: CropJitter = CropJitter()
    """The detector's box."""
    clearance: Clearance = Clearance()
    """At least 0.1 m above the floor the person is on, nothing nearer than 0.3 m."""

    def __post_init__(self) -> None:
        """Check angles and distances."""
        require_numbers(self, "all_cameras.")
        draw.require_elevations(self.elevation_low_deg, self.elevation_high_deg, "all_cameras")
        draw.require_distances(self.distance_low_m, self.distance_high_m, "all_cameras")
        _require_angles(self)

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map; None below the floor or too near the body."""
        return _on_sphere(self, u, space)

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one camera for one person."""
        return sample_with_retries(self, rng, space)


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSphere:
    """As all_cameras, but without a floor: people who jump, climb, or stand on glass."""

    NAME: ClassVar[str] = "full_sphere-v1"

    elevation_low_deg: float = -90.0
    """Lowest elevation."""
    elevation_high_deg: float = 90.0
    """Highest elevation."""
    distance_low_m: float = 1.2
    """Nearest camera, as for all_cameras."""
    distance_high_m: float = 6.0
    """Farthest camera, as for all_cameras."""
    roll_sd_deg: float = 10.0
    """As for all_cameras."""
    lens: Lens = Lens()
    """Diagonal field of view."""
    crop: CropJitter = CropJitter()
    """The detector's box."""
    clearance: Clearance = Clearance(floor_m=None)
    """No floor; nothing nearer than 0.3 m."""

    def __post_init__(self) -> None:
        """Check angles and distances."""
        require_numbers(self, "full_sphere.")
        draw.require_elevations(self.elevation_low_deg, self.elevation_high_deg, "full_sphere")
        draw.require_distances(self.distance_low_m, self.distance_high_m, "full_sphere")
        _require_angles(self)

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map; None too near the body."""
        return _on_sphere(self, u, space)

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one camera for one person."""
        return sample_with_retries(self, rng, space)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseUp:
    """The selfie and the video call: an arm's length from head or chest, and looking there, not at the pelvis."""

    NAME: ClassVar[str] = "close_up-v1"

    head_share: float = 0.5
    """Share of cameras that look at the head; the others look at the chest."""
    front_sd_deg: float = 60.0
    """Spread of the azimuth about the front, seen from the point looked at."""
    any_share: float = 0.2
    """Share of cameras with any azimuth: a friend's phone from the side or from behind."""
    elevation_mean_deg: float = 10.0
    """Selfies are taken from a little above."""
    elevation_sd_deg: float = 25.0
    """Wide: laptops look up from the table, arms reach high."""
    elevation_low_deg: float = -60.0
    """Lowest elevation, seen from the point looked at."""
    elevation_high_deg: float = 80.0
    """Highest elevation, seen from the point looked at."""
    distance_low_m: float = 0.5
    """Nearest camera, from the point looked at; distances are uniform."""
    distance_high_m: float = 1.2
    """Farthest camera: where all_cameras begins."""
    roll_sd_deg: float = 10.0
    """As for all_cameras."""
    lens: Lens = Lens(low_deg=65.0, high_deg=90.0, widest_deg=90.0)
    """A phone's front camera; never widened, so the frame cuts the person off."""
    crop: CropJitter = CropJitter()
    """The detector's box, round the part of the person that is in the frame."""
    clearance: Clearance = Clearance()
    """As for all_cameras."""

    def __post_init__(self) -> None:
        """Check shares, angles and distances."""
        require_numbers(self, "close_up.")
        require_share(self.head_share, "close_up.head_share")
        require_share(self.any_share, "close_up.any_share")
        draw.require_elevations(self.elevation_low_deg, self.elevation_high_deg, "close_up")
        draw.require_distances(self.distance_low_m, self.distance_high_m, "close_up")
        _require_angles(self)

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map; None below the floor or too near the body."""
        at_head = u[draw.CHOICE] < self.head_share
        share = self.head_share if at_head else 1.0 - self.head_share
        rest = (u[draw.CHOICE] - (0.0 if at_head else self.head_share)) / share
        azimuth = draw.front_heavy(rest, u[draw.AZIMUTH], self.front_sd_deg, self.any_share)
        elevation = draw.normal_within(
            u[draw.ELEVATION],
            self.elevation_mean_deg,
            self.elevation_sd_deg,
            self.elevation_low_deg,
            self.elevation_high_deg,
        )
        distance = draw.between(u[draw.DISTANCE], self.distance_low_m, self.distance_high_m)
        target = space.points_m[HEAD_SPHERE if at_head else CHEST_SPHERE].astype(np.float64)
        angles, pelvis_m, offset = aimed_at(target, azimuth, math.radians(elevation), distance)
        roll = math.radians(self.roll_sd_deg) * draw.normal(u[draw.ROLL])
        return _placed(self, u, space, angles, pelvis_m, roll, offset)

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one camera for one person."""
        return sample_with_retries(self, rng, space)


def aimed_at(
    target_m: np.ndarray, azimuth_rad: float, elevation_rad: float, distance_m: float
) -> tuple[tuple[float, float], float, tuple[float, float]]:
    """Turn a camera placed around, and looking at, a point of the body into angles about the pelvis.

    Args:
        target_m: [3] the point looked at, person's frame.
        azimuth_rad: of the camera, seen from the target.
        elevation_rad: of the camera, seen from the target.
        distance_m: from the target.

    Returns:
        (azimuth, elevation) and distance from the pelvis, and the offsets (right, up) of the optical axis.
    """
    away = -look_at_axes(azimuth_rad, elevation_rad)[2]
    position = target_m + distance_m * away
    pelvis_m = max(math.sqrt(float((position**2).sum())), 1e-6)
    elevation = math.asin(min(max(position[1] / pelvis_m, -1.0), 1.0))
    azimuth = math.atan2(position[0], position[2])
    x, y, z = (look_at_axes(azimuth, elevation) * (target_m - position)).sum(axis=1)
    return (azimuth, elevation), pelvis_m, (math.atan2(x, z), math.atan2(-y, math.hypot(x, z)))


def _on_sphere(distribution: AllCameras | FullSphere, u: Unit, space: Space) -> Camera | None:
    """Directions uniform by area, distances log-uniform."""
    azimuth = math.tau * (u[draw.AZIMUTH] - 0.5)
    elevation = draw.elevation_by_area(
        u[draw.ELEVATION], distribution.elevation_low_deg, distribution.elevation_high_deg
    )
    distance = draw.log_between(u[draw.DISTANCE], distribution.distance_low_m, distribution.distance_high_m)
    roll = math.radians(distribution.roll_sd_deg) * draw.normal(u[draw.ROLL])
    return _placed(distribution, u, space, (azimuth, elevation), distance, roll)


def _placed(
    distribution: Everyday | AllCameras | FullSphere | CloseUp,
    u: Unit,
    space: Space,
    angles_rad: tuple[float, float],
    distance_m: float,
    roll_rad: float,
    offset_rad: tuple[float, float] = (0.0, 0.0),
) -> Camera | None:
    """The finished camera, or None where it has no room; the rule comes first because most tries end there."""
    if not distribution.clearance.allows(Camera(*angles_rad, distance_m), space):
        return None
    return draw.finish(u, space, distribution.lens, distribution.crop, angles_rad, distance_m, roll_rad, offset_rad)


def _require_angles(distribution: Everyday | AllCameras | FullSphere | CloseUp) -> None:
    """Raise BadSetting for a negative standard deviation, or an angle of more than a turn."""
    owner = f"{distribution.NAME.partition('-')[0]}."
    spreads = ("front_sd_deg", "elevation_sd_deg", "roll_sd_deg")
    limits = {name: (0.0, 360.0) for name in spreads if hasattr(distribution, name)}
    for name in limits:
        if not (value := getattr(distribution, name)) >= 0:
            raise BadSetting(f"{owner}{name} is {value}°, but a standard deviation is never negative.")
    if hasattr(distribution, "elevation_mean_deg"):
        limits["elevation_mean_deg"] = (-90.0, 90.0)
    require_ranges(distribution, owner, **limits)
