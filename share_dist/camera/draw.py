"""The parts every camera distribution is made of: unit numbers in, lens, crop and retries out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from share_dist.camera.pose import FRAME_SIZE_PX, NEAR_M, Camera, fov_from_focal_px, points_in_camera
from share_dist.camera.space import Space
from share_dist.errors import BadSetting, require_numbers, require_ranges

UNIT_DIMENSIONS = 9
"""Every distribution maps the same nine numbers of [0, 1) to a camera, so one low-discrepancy sequence serves all."""

CHOICE, AZIMUTH, ELEVATION, DISTANCE, ROLL, FOV, CROP_SCALE, CROP_RIGHT, CROP_DOWN = range(UNIT_DIMENSIONS)

MAX_TRIES = 1000
"""Tries before a distribution gives up on a person. A rule that leaves a hundredth of the cameras still fails only
once in 20,000 people."""

FARTHEST_M = 1000.0
"""Beyond a kilometre a person fills no pixel of any frame."""

Unit = Float[np.ndarray, " 9"]


@runtime_checkable
class CameraDistribution(Protocol):
    """A measure on cameras: a value with a versioned name, stored as JSON by that name and its numbers."""

    NAME: ClassVar[str]

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map from the unit cube; None where this person leaves no room for that camera."""
        ...

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one camera for one person."""
        ...


def sample_with_retries(distribution: CameraDistribution, rng: np.random.Generator, space: Space) -> Camera:
    """Draw until a camera has room around this person.

    Raises:
        BadSetting: none of MAX_TRIES cameras had room.
    """
    for _ in range(MAX_TRIES):
        camera = distribution.from_unit(rng.random(UNIT_DIMENSIONS), space)
        if camera is not None:
            return camera
    raise no_room(distribution, space, MAX_TRIES)


def no_room(distribution: CameraDistribution, space: Space, tries: int) -> BadSetting:
    """The error for a person around whom no camera of a distribution can stand."""
    return BadSetting(
        f"No camera of '{distribution.NAME}' has room around this person after {tries} tries: its floor is "
        f"{space.floor_m:.2f} m from the pelvis, and these are the numbers: {distribution}.\n"
        "  Allow other elevations, greater distances or a smaller clearance."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Which lens the photographer takes: a plausible one, widened where it must be to hold the person."""

    low_deg: float = 40.0
    """Diagonal field of view of a portrait lens (about 60 mm on full frame)."""

    high_deg: float = 70.0
    """Diagonal field of view of a phone's main camera, a little narrowed by video (about 31 mm on full frame)."""

    widest_deg: float = 120.0
    """Where the person does not fit, the lens is widened up to this, a phone's ultra-wide camera; what still does
    not fit is cut off by the frame. Equal to high_deg where a lens is never widened."""

    room: float = 1.3
    """A widened lens leaves this much room round the person, so that the crop, jitter included, seldom reaches past
    the frame: black borders would tell a network how near the camera stands."""

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be."""
        require_numbers(self, "lens.")
        if not self.room >= 1:
            raise BadSetting(f"A lens leaves room for {self.room} of the person, but it must be 1 or more.")
        if not 0 < self.low_deg <= self.high_deg <= self.widest_deg < 180:
            raise BadSetting(
                f"A lens from {self.low_deg}° to {self.high_deg}°, at widest {self.widest_deg}°: the three must "
                "rise and lie between 0° and 180°."
            )
        require_ranges(self, "lens.", room=(1.0, 1000.0), low_deg=(0.01, 180.0))

    def fov_rad(self, u: float, camera: Camera, space: Space) -> float:
        """The diagonal field of view for a camera already placed and turned."""
        fov = math.radians(between(u, self.low_deg, self.high_deg))
        widest = math.radians(self.widest_deg)
        if self.widest_deg == self.high_deg or fov >= widest:
            return fov
        return min(max(fov, _fov_to_hold(camera, space, self.room)), widest)


@dataclass(frozen=True, slots=True, kw_only=True)
class CropJitter:
    """How loosely and how far off centre detectors box a person."""

    scale_low: float = 0.9
    """Tightest box, as a multiple of the usual one."""

    scale_high: float = 1.15
    """Loosest box."""

    shift_sd: float = 0.03
    """Standard deviation of the box's centre, as a share of its side."""

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be."""
        require_numbers(self, "crop.")
        if not 0 < self.scale_low <= self.scale_high or not self.shift_sd >= 0:
            raise BadSetting(f"{self} cannot be: the scales must be positive and rise, the shift must not be negative.")
        require_ranges(self, "crop.", scale_low=(0.01, 100.0), scale_high=(0.01, 100.0), shift_sd=(0.0, 100.0))


def finish(
    u: Unit,
    space: Space,
    lens: Lens,
    crop: CropJitter,
    angles_rad: tuple[float, float],
    distance_m: float,
    roll_rad: float,
    offset_rad: tuple[float, float] = (0.0, 0.0),
) -> Camera:
    """A camera with its place and turn given, lens and crop drawn from `u`."""
    crop_scale = between(u[CROP_SCALE], crop.scale_low, crop.scale_high)
    right, down = crop.shift_sd * normal(u[CROP_RIGHT]), crop.shift_sd * normal(u[CROP_DOWN])
    azimuth, elevation = wrap(angles_rad[0]), angles_rad[1]
    bare = Camera(azimuth, elevation, distance_m, roll_rad, *offset_rad)
    fov = lens.fov_rad(u[FOV], bare, space)
    return Camera(azimuth, elevation, distance_m, roll_rad, *offset_rad, fov, crop_scale, right, down)


def between(u: float, low: float, high: float) -> float:
    """Uniform on [low, high)."""
    return low + float(u) * (high - low)


def log_between(u: float, low: float, high: float) -> float:
    """Log-uniform on [low, high)."""
    return low * (high / low) ** float(u)


def normal(u: float) -> float:
    """Standard normal."""
    return float(ndtri(min(max(u, 1e-12), 1 - 1e-12)))


def normal_within(u: float, mean: float, sd: float, low: float, high: float) -> float:
    """Normal restricted to [low, high]: nothing piles up at the ends."""
    if sd == 0:
        return min(max(mean, low), high)
    first, last = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    return min(max(mean + sd * normal(first + u * (last - first)), low), high)


def elevation_by_area(u: float, low_deg: float, high_deg: float) -> float:
    """Elevation, radians, uniform by area on the sphere between two latitudes."""
    low, high = math.sin(math.radians(low_deg)), math.sin(math.radians(high_deg))
    return math.asin(min(max(between(u, low, high), -1.0), 1.0))


def front_heavy(u_choice: float, u: float, sd_deg: float, any_share: float) -> float:
    """Azimuth, radians: a wrapped normal about the person's front, or any direction at all for a share of draws."""
    return math.tau * (u - 0.5) if u_choice < any_share else wrap(math.radians(sd_deg) * normal(u))


def wrap(angle_rad: float) -> float:
    """The same angle in [−π, π); exact for angles already there."""
    if -math.pi <= angle_rad < math.pi:
        return float(angle_rad)
    return float((angle_rad + math.pi) % math.tau - math.pi)


def require_range(low: float, high: float, setting: str, least: float, most: float, remedy: str = "") -> None:
    """Raise BadSetting unless least ≤ low ≤ high ≤ most; `remedy` is the message's last line."""
    if not least <= low <= high <= most:
        raise BadSetting(f"{setting} is {low}…{high}, but the range must rise and lie in {least:g}…{most:g}.{remedy}")


def require_elevations(low_deg: float, high_deg: float, owner: str, are_options: bool = False) -> None:
    """Raise BadSetting unless both elevations lie in −90…90° and rise."""
    remedy = _options(owner, "elevation", "deg") if are_options else ""
    require_range(low_deg, high_deg, f"{owner}.elevation_deg", -90.0, 90.0, remedy)


def require_distances(low_m: float, high_m: float, owner: str, are_options: bool = False) -> None:
    """Raise BadSetting unless both distances are ones at which a person may be seen, and rise."""
    remedy = _options(owner, "distance", "m") if are_options else ""
    require_range(low_m, high_m, f"{owner}.distance_m", 1e-3, FARTHEST_M, remedy)


def _options(owner: str, what: str, unit: str) -> str:
    return f"\n  Set --{owner}.{what}-low-{unit} and --{owner}.{what}-high-{unit} within."


def _fov_to_hold(camera: Camera, space: Space, room: float) -> float:
    """The narrowest diagonal field of view whose frame holds every sphere of the body with some room, radians."""
    points = points_in_camera(space.points_m, camera)
    depth = np.maximum(points[:, 2], NEAR_M)
    across = float(((np.abs(points[:, 0]) + space.radii_m) / depth).max())
    along = float(((np.abs(points[:, 1]) + space.radii_m) / depth).max())
    return fov_from_focal_px(min(FRAME_SIZE_PX[0] / 2 / across, FRAME_SIZE_PX[1] / 2 / along) / room)
