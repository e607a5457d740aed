"""The camera's numbers as columns and as named axes, for tables and landscapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, radians
from typing import Literal

import numpy as np
from jaxtyping import Float

from share_dist.camera.pose import Camera
from share_dist.errors import BadSetting

CAMERA_COLUMNS = (
    "azimuth_rad",
    "elevation_rad",
    "distance_m",
    "roll_rad",
    "offset_right_rad",
    "offset_up_rad",
    "fov_rad",
    "crop_scale",
    "crop_right",
    "crop_down",
)
"""The fields of `Camera` in order; tables write `_deg` instead of `_rad`."""

CAMERA_TABLE_COLUMNS = tuple(name.replace("_rad", "_deg") for name in CAMERA_COLUMNS)
"""The same in degrees, as tables name them."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A named axis along which views differ.

    Attributes:
        name: as in reports.
        kind: sphere (two columns, azimuth and elevation), rotation (three, and roll), periodic, interval or category.
        low: usual lower end, in the columns' own units; for a sphere the lowest elevation.
        high: usual upper end.
        columns: the columns of a camera that hold it.
    """

    name: str
    kind: Literal["sphere", "rotation", "periodic", "interval", "category"]
    low: float
    high: float
    columns: tuple[str, ...] = ()


CAMERA_FACTORS: tuple[Factor, ...] = (
    Factor("direction", "sphere", -pi / 2, pi / 2, ("azimuth_rad", "elevation_rad")),
    Factor("distance", "interval", 1.2, 6.0, ("distance_m",)),
    Factor("roll", "periodic", -pi, pi, ("roll_rad",)),
    Factor("offset_right", "interval", -radians(60), radians(60), ("offset_right_rad",)),
    Factor("offset_up", "interval", -radians(60), radians(60), ("offset_up_rad",)),
    Factor("fov", "interval", radians(40), radians(120), ("fov_rad",)),
    Factor("crop_scale", "interval", 0.9, 1.15, ("crop_scale",)),
    Factor("crop_right", "interval", -0.1, 0.1, ("crop_right",)),
    Factor("crop_down", "interval", -0.1, 0.1, ("crop_down",)),
)
"""The camera's axes; ranges are those of `all_cameras`, beyond which little is known and landscapes extrapolate."""


def camera_columns(
    cameras: Sequence[Camera] | Mapping[str, np.ndarray] | np.ndarray,
) -> Float[np.ndarray, "camera 10"]:
    """Cameras as a float64 array, one column for each of CAMERA_COLUMNS.

    Args:
        cameras: cameras, or a survey's columns (`azimuth_deg`, …, or `azimuth_rad`, …), or such an array already.

    Raises:
        BadSetting: a table lacks one of the columns.
    """
    if isinstance(cameras, np.ndarray):
        return cameras.astype(np.float64)
    if isinstance(cameras, Mapping):
        return np.stack([_column(cameras, name) for name in CAMERA_COLUMNS], axis=1)
    rows = [[getattr(camera, name) for name in CAMERA_COLUMNS] for camera in cameras]
    return np.array(rows, np.float64).reshape(-1, len(CAMERA_COLUMNS))


def cameras_from_columns(columns: Float[np.ndarray, "camera 10"]) -> list[Camera]:
    """The inverse of `camera_columns`."""
    return [Camera(*row) for row in np.asarray(columns, np.float64).tolist()]


def table_columns(cameras: Sequence[Camera]) -> dict[str, Float[np.ndarray, " camera"]]:
    """The cameras' numbers as a table writes them: CAMERA_TABLE_COLUMNS, degrees and metres."""
    values = camera_columns(cameras)
    return {
        name.replace("_rad", "_deg"): np.degrees(values[:, i]) if name.endswith("_rad") else values[:, i]
        for i, name in enumerate(CAMERA_COLUMNS)
    }


def _column(table: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """One column in radians or metres, whichever way the table writes it."""
    if name in table:
        return np.asarray(table[name], np.float64)
    shown = name.replace("_rad", "_deg")
    if shown not in table:
        raise BadSetting(f"The table has no column '{shown}'; a camera needs {', '.join(CAMERA_TABLE_COLUMNS)}.")
    return np.radians(np.asarray(table[shown], np.float64))
