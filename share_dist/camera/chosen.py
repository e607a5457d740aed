"""Camera distributions made of chosen cameras: a grid, points with a kernel, and mixtures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from share_dist.camera import draw
from share_dist.camera.draw import CameraDistribution, CropJitter, Lens, Unit, sample_with_retries
from share_dist.camera.factors import CAMERA_COLUMNS, camera_columns
from share_dist.camera.pose import Camera, look_at_axes
from share_dist.camera.space import Clearance, Space
from share_dist.errors import BadSetting, require_between, require_numbers, require_ranges

_TRIES = draw.MAX_TRIES // 10
"""Cameras that points draw before one is raised instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every combination of some azimuths, elevations and distances, equally likely, level and centred."""

    NAME: ClassVar[str] = "grid-v1"

    azimuths_deg: tuple[float, ...] = tuple(float(a) for a in range(-180, 180, 30))
    """Twelve steps round the person."""
    elevations_deg: tuple[float, ...] = (-60.0, -30.0, 0.0, 30.0, 60.0)
    """From the ground up; the poles are left out because there every azimuth is the same direction."""
    distances_m: tuple[float, ...] = (3.0,)
    """One usual distance."""
    lens: Lens = Lens()
    """Diagonal field of view."""
    crop: CropJitter = CropJitter(scale_low=1.0, scale_high=1.0, shift_sd=0.0)
    """No jitter: a grid is for comparing cells."""
    clearance: Clearance = Clearance(floor_m=None)
    """Cells below the floor are kept, or people would see different grids."""

    def __post_init__(self) -> None:
        """Check angles and distances."""
        if not (self.azimuths_deg and self.elevations_deg and self.distances_m):
            raise BadSetting("A grid of cameras needs at least one azimuth, one elevation and one distance.")
        require_numbers(self, "grid.")
        for azimuth in self.azimuths_deg:
            require_between(azimuth, "grid.azimuths_deg", -360.0, 360.0)
        draw.require_elevations(min(self.elevations_deg), max(self.elevations_deg), "grid")
        draw.require_distances(min(self.distances_m), max(self.distances_m), "grid")

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map; None where the clearance forbids the cell."""
        count = len(self.azimuths_deg) * len(self.elevations_deg) * len(self.distances_m)
        cell, distance = divmod(min(int(u[draw.CHOICE] * count), count - 1), len(self.distances_m))
        azimuth, elevation = divmod(cell, len(self.elevations_deg))
        angles = (math.radians(self.azimuths_deg[azimuth]), math.radians(self.elevations_deg[elevation]))
        if not self.clearance.allows(Camera(*angles, self.distances_m[distance]), space):
            return None
        return draw.finish(u, space, self.lens, self.crop, angles, self.distances_m[distance], 0.0)

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one cell that has room."""
        return sample_with_retries(self, rng, space)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How far a drawn camera may stray from its point, so that a few points cover a region without gaps."""

    direction_deg: float = 5.0
    """Spread of the direction along each axis of the sphere (von Mises-like: a normal on the tangent plane)."""
    log_distance: float = 0.05
    """Spread of the logarithm of the distance: about 5 %."""
    roll_deg: float = 2.0
    """Spread of the roll."""

    def __post_init__(self) -> None:
        """Refuse negative spreads."""
        require_numbers(self, "kernel.")
        if min(self.direction_deg, self.log_distance, self.roll_deg) < 0:
            raise BadSetting(f"{self} has a negative spread; 0 switches a jitter off.")
        require_ranges(self, "kernel.", direction_deg=(0.0, 180.0), log_distance=(0.0, 10.0), roll_deg=(0.0, 360.0))


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Weighted cameras, each blurred by a kernel; what RoME proposes.

    The direction, distance, roll and offset come from a point; lens and crop are drawn afresh for the person at hand.

    Attributes:
        cameras: the points, or their columns [point, 10] in the order of CAMERA_COLUMNS.
        weights: [point] how likely each is, relative to the others.
        kernel: the blur.
    """

    NAME: ClassVar[str] = "points-v1"

    cameras: Float[np.ndarray, "point 10"] | Sequence[Camera]
    weights: Float[np.ndarray, " point"] | Sequence[float]
    kernel: Kernel = Kernel()
    lens: Lens = Lens()
    crop: CropJitter = CropJitter()
    clearance: Clearance = Clearance()
    distance_low_m: float = 1.2
    """The kernel never leaves the distances of all_cameras…"""
    distance_high_m: float = 6.0
    """…on either side, unless the point itself lies outside."""
    _edges: Float[np.ndarray, " point"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Turn both sequences into arrays and check them."""
        columns = np.array(camera_columns(self.cameras), np.float64)
        weights = np.array(self.weights, np.float64)
        if columns.shape != (len(weights), len(CAMERA_COLUMNS)) or not len(weights):
            raise BadSetting(
                f"Points has cameras of shape {columns.shape} and weights of shape {weights.shape}, but needs "
                f"[point, {len(CAMERA_COLUMNS)}] and [point] with at least one point."
            )
        if not (np.isfinite(columns).all() and np.isfinite(weights).all() and weights.min() >= 0 < weights.sum()):
            raise BadSetting("The points' numbers and weights must be finite, and no weight negative, not all zero.")
        require_numbers(self, "points.")
        draw.require_distances(self.distance_low_m, self.distance_high_m, "points")
        elevations = np.degrees(columns[:, CAMERA_COLUMNS.index("elevation_rad")])
        # Degrees of ±π/2 may round to a hair beyond 90.
        draw.require_range(elevations.min(), elevations.max(), "points.elevation_deg", -90 - 1e-6, 90 + 1e-6)
        distances = columns[:, CAMERA_COLUMNS.index("distance_m")]
        draw.require_distances(distances.min(), distances.max(), "points")
        for name in ("azimuth_rad", "roll_rad", "offset_right_rad", "offset_up_rad"):
            degrees = np.degrees(columns[:, CAMERA_COLUMNS.index(name)])
            shown = f"points.{name.replace('_rad', '_deg')}"
            draw.require_range(degrees.min(), degrees.max(), shown, -360 - 1e-6, 360 + 1e-6)
        edges = np.cumsum(weights / weights.sum())
        object.__setattr__(self, "cameras", columns)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "_edges", edges / edges[-1])

    def __eq__(self, other: object) -> bool:
        """Equal numbers; arrays have no plain equality of their own."""
        return isinstance(other, Points) and self._numbers() == other._numbers()

    def __hash__(self) -> int:
        """By the same numbers."""
        return hash(self._numbers())

    def _numbers(self) -> tuple[object, ...]:
        arrays = (np.asarray(self.cameras).tobytes(), np.asarray(self.weights).tobytes())
        return (*arrays, self.kernel, self.lens, self.crop, self.clearance, self.distance_low_m, self.distance_high_m)

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map; None where the jittered point has no room around this person."""
        camera = self._jittered(u)
        return self._finished(u, space, camera) if self.clearance.allows(camera, space) else None

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw one point that has room; if none has, the nearest place above it that has.

        Regions below a standing person's horizon may hold no camera at all for somebody who lies on the floor: there
        the camera is raised, rather than the training stopped.
        """
        first = None
        for _ in range(_TRIES):
            u = rng.random(draw.UNIT_DIMENSIONS)
            first = u if first is None else first
            camera = self.from_unit(u, space)
            if camera is not None:
                return camera
        assert first is not None
        start = self._jittered(first)
        for lift in np.linspace(start.elevation_rad, math.pi / 2, 46):
            raised = Camera(
                start.azimuth_rad, min(float(lift), math.pi / 2), start.distance_m, start.roll_rad,
                start.offset_right_rad, start.offset_up_rad,
            )  # fmt: skip
            if self.clearance.allows(raised, space):
                return self._finished(first, space, raised)
        raise draw.no_room(self, space, _TRIES)

    def _jittered(self, u: Unit) -> Camera:
        """A point chosen by its weight and moved by the kernel."""
        row = np.asarray(self.cameras)[int(np.searchsorted(self._edges, u[draw.CHOICE], side="right"))]
        azimuth, elevation, distance, roll, right, up = (float(value) for value in row[:6])
        turn = math.radians(self.kernel.direction_deg) * math.sqrt(-2 * math.log1p(-min(u[draw.ELEVATION], 1 - 1e-12)))
        azimuth, elevation = moved_direction(azimuth, elevation, turn, math.tau * u[draw.AZIMUTH])
        jittered = distance * math.exp(self.kernel.log_distance * draw.normal(u[draw.DISTANCE]))
        low, high = min(self.distance_low_m, distance), max(self.distance_high_m, distance)
        roll += math.radians(self.kernel.roll_deg) * draw.normal(u[draw.ROLL])
        return Camera(azimuth, elevation, min(max(jittered, low), high), roll, right, up)

    def _finished(self, u: Unit, space: Space, camera: Camera) -> Camera:
        """Lens and crop for a camera that has room."""
        return draw.finish(
            u, space, self.lens, self.crop, (camera.azimuth_rad, camera.elevation_rad), camera.distance_m,
            camera.roll_rad, (camera.offset_right_rad, camera.offset_up_rad),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mixture:
    """Several distributions, each with its share of the cameras; weights are relative to each other.

    Each camera first draws its part, then a camera with room from that part, so the shares hold for every person.
    """

    NAME: ClassVar[str] = "mixture-v1"

    parts: tuple[CameraDistribution, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check and scale the weights."""
        weights = [float(weight) for weight in self.weights]
        if not weights or len(weights) != len(self.parts):
            raise BadSetting(f"A mixture of {len(self.parts)} distributions has {len(weights)} weights; give one each.")
        if not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise BadSetting(
                f"The weights of a mixture are {weights}, but none may be negative and one must be above 0."
            )
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "weights", tuple(weights))

    def from_unit(self, u: Unit, space: Space) -> Camera | None:
        """Inverse-CDF map: the first number chooses the part and is stretched again for it."""
        part, rest = self._choose(float(u[draw.CHOICE]))
        inner = np.array(u)
        inner[draw.CHOICE] = rest
        return part.from_unit(inner, space)

    def sample(self, rng: np.random.Generator, space: Space) -> Camera:
        """Draw a part, then one of its cameras that has room."""
        return drawn_part(self, rng).sample(rng, space)

    def draw_part(self, rng: np.random.Generator) -> CameraDistribution:
        """Draw the part that the next camera comes from."""
        return self._choose(float(rng.random()))[0]

    def _choose(self, u: float) -> tuple[CameraDistribution, float]:
        """The part that `u` falls in, and where in it, in [0, 1)."""
        left = u * sum(self.weights)
        chosen = 0
        for number, weight in enumerate(self.weights):
            if weight > 0:
                chosen = number
                if left < weight:
                    break
                left -= weight
        return self.parts[chosen], min(left / self.weights[chosen], 1 - 1e-12)


def drawn_part(distribution: CameraDistribution, rng: np.random.Generator) -> CameraDistribution:
    """Draw from mixtures, and mixtures in mixtures, the distribution that the next camera comes from."""
    while isinstance(distribution, Mixture):
        distribution = distribution.draw_part(rng)
    return distribution


def moved_direction(
    azimuth_rad: float, elevation_rad: float, turn_rad: float, bearing_rad: float
) -> tuple[float, float]:
    """Azimuth and elevation after walking `turn_rad` along the sphere, `bearing_rad` from right towards up."""
    right, down, forward = look_at_axes(azimuth_rad, elevation_rad)
    sideways = math.cos(bearing_rad) * right - math.sin(bearing_rad) * down
    x, y, z = (float(value) for value in math.sin(turn_rad) * sideways - math.cos(turn_rad) * forward)
    if turn_rad == 0.0:
        return azimuth_rad, elevation_rad
    return math.atan2(x, z), math.asin(min(max(y, -1.0), 1.0))
