"""One camera: where it stands, how it is turned, its lens; and what falls where in its frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from share_dist.errors import BadSetting

FRAME_SIZE_PX = (640, 480)
"""Width and height of the full frame. The model never sees it, only a crop; it gives the lens its pixels."""

PRINCIPAL_PX = (FRAME_SIZE_PX[0] / 2, FRAME_SIZE_PX[1] / 2)
"""Where the optical axis meets the frame. Pixel coordinates are continuous: (0, 0) is the frame's top-left corner,
so the centre of the first pixel is (0.5, 0.5)."""

NEAR_M = 0.05
"""Points nearer to the camera's plane than this, or behind it, are projected as if they stood here."""

_HALF_DIAGONAL_PX = math.hypot(*FRAME_SIZE_PX) / 2


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a picture is taken from and how; the person's frame has y up, faces +z, and its origin is the pelvis.

    Attributes:
        azimuth_rad: angle from the way the person faces, towards the person's left (+x).
        elevation_rad: angle above the pelvis's horizon, in [−π/2, π/2]; at the poles azimuth is a roll.
        distance_m: from the pelvis.
        roll_rad: clockwise turn of the camera about its optical axis.
        offset_right_rad: how far the optical axis is turned to the right of the pelvis; the position stays.
        offset_up_rad: how far it is then turned up.
        fov_rad: field of view across the diagonal of the full frame.
        crop_scale: side of the crop, as a multiple of the person's box.
        crop_right: shift of the crop to the right, as a share of its side.
        crop_down: shift of the crop downwards, as a share of its side.

    Raises:
        BadSetting: an elevation beyond ±90°, a distance, lens or crop that cannot be.
    """

    azimuth_rad: float
    elevation_rad: float
    distance_m: float
    roll_rad: float = 0.0
    offset_right_rad: float = 0.0
    offset_up_rad: float = 0.0
    fov_rad: float = math.radians(55.0)
    crop_scale: float = 1.0
    crop_right: float = 0.0
    crop_down: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not abs(self.elevation_rad) <= math.pi / 2 + 1e-9:
            raise BadSetting(
                f"The camera's elevation is {math.degrees(self.elevation_rad):.1f}°, but it must lie in −90…90°; "
                "to look from the other side turn the azimuth by 180°."
            )
        if not self.distance_m > 0:
            raise BadSetting(f"The camera's distance is {self.distance_m} m, but it must be greater than zero.")
        if not 0 < self.fov_rad < math.pi:
            raise BadSetting(
                f"The camera's field of view is {math.degrees(self.fov_rad):.1f}°, but it must lie between "
                "0 and 180°; 55° is a usual lens."
            )
        if not self.crop_scale > 0:
            raise BadSetting(f"The camera's crop scale is {self.crop_scale}, but it must be greater than zero.")


def focal_px(camera: Camera) -> float:
    """Focal length in pixels of the full frame; square pixels."""
    return _HALF_DIAGONAL_PX / math.tan(camera.fov_rad / 2)


def fov_from_focal_px(focal: float) -> float:
    """Diagonal field of view, radians, of a focal length in pixels of the full frame."""
    return 2 * math.atan(_HALF_DIAGONAL_PX / focal)


def camera_position(camera: Camera) -> Float[np.ndarray, "3"]:
    """Position in the person's frame, metres: d·(cos ε sin φ, sin ε, cos ε cos φ)."""
    level = camera.distance_m * math.cos(camera.elevation_rad)
    return np.array(
        [
            level * math.sin(camera.azimuth_rad),
            camera.distance_m * math.sin(camera.elevation_rad),
            level * math.cos(camera.azimuth_rad),
        ]
    )


def look_at_axes(azimuth_rad: float, elevation_rad: float) -> Float[np.ndarray, "3 3"]:
    """Rotation from the person's frame to a camera that looks at the pelvis: rows right, down, forward.

    The same as `geometry.cam_from_person_rotation` without roll, in scalar arithmetic because plans call it for
    every view.
    """
    sin_a, cos_a = math.sin(azimuth_rad), math.cos(azimuth_rad)
    sin_e, cos_e = math.sin(elevation_rad), math.cos(elevation_rad)
    return np.array(
        [
            [cos_a, 0.0, -sin_a],
            [sin_e * sin_a, -cos_e, sin_e * cos_a],
            [-cos_e * sin_a, -sin_e, -cos_e * cos_a],
        ]
    )


def camera_rotation(camera: Camera) -> Float[np.ndarray, "3 3"]:
    """Rotation from the person's frame to the camera's (x right, y down, z forward), float64.

    The camera first looks at the pelvis, then turns right, then up, then rolls. Each camera is computed by itself,
    so its bits do not depend on the batch around it.
    """
    look = look_at_axes(camera.azimuth_rad, camera.elevation_rad)
    if not (camera.roll_rad or camera.offset_right_rad or camera.offset_up_rad):
        return look
    sin_r, cos_r = math.sin(camera.offset_right_rad), math.cos(camera.offset_right_rad)
    sin_u, cos_u = math.sin(camera.offset_up_rad), math.cos(camera.offset_up_rad)
    right = cos_r * look[0] - sin_r * look[2]
    ahead = sin_r * look[0] + cos_r * look[2]
    down = cos_u * look[1] + sin_u * ahead
    forward = cos_u * ahead - sin_u * look[1]
    sin_o, cos_o = math.sin(camera.roll_rad), math.cos(camera.roll_rad)
    return np.stack([cos_o * right + sin_o * down, cos_o * down - sin_o * right, forward])


def cam_from_person(camera: Camera) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """The rigid move into the camera's frame: ``x_cam = rotation @ x_person + translation``."""
    rotation = camera_rotation(camera)
    x, y, z = camera_position(camera)
    return rotation, -(rotation[:, 0] * x + rotation[:, 1] * y + rotation[:, 2] * z)


def points_in_camera(points_person_m: Float[np.ndarray, "point 3"], camera: Camera) -> Float[np.ndarray, "point 3"]:
    """Points of the person's frame (pelvis = origin) in the camera's frame, metres, float64."""
    rotation, translation = cam_from_person(camera)
    x, y, z = (np.asarray(points_person_m[:, axis], np.float64)[:, None] for axis in range(3))
    return x * rotation[:, 0] + y * rotation[:, 1] + z * rotation[:, 2] + translation


def project(
    points_cam_m: Float[np.ndarray, "*point 3"],
    focal: float,
    principal: tuple[float, float] = PRINCIPAL_PX,
) -> Float[np.ndarray, "*point 2"]:
    """Pinhole projection to pixels of the full frame, x right, y down.

    Points outside the frame are returned as they fall, because a joint out of frame is still a label. Points behind
    the camera (z < NEAR_M) are projected as if at NEAR_M: finite, far away, on the right side.

    Args:
        points_cam_m: points in the camera's frame, metres.
        focal: focal length, pixels.
        principal: where the optical axis meets the frame, pixels.
    """
    depth = np.maximum(points_cam_m[..., 2:], NEAR_M)
    return points_cam_m[..., :2] / depth * focal + np.asarray(principal)
