"""`Records`: pictures and their truth, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Pictures with everything that is true about them, one row a view.

    Attributes:
        numbers: which views of the plan.
        image: RGB crop.
        pose: rotations of SMPL's joints; the root's is in the camera frame.
        betas: shape.
        joints_cam_m: SMPL's 24 joints, camera frame (x right, y down, z forward), metres.
        joints_px: the same in pixels of the crop; a joint outside it is still a label.
        focal_px: focal length in pixels of the full frame.
        principal_px: principal point in the full frame.
        frame_size_px: width, height of the full frame.
        bbox_px: the crop in the full frame: centre x, y and side.
        crop_from_frame: affine map from pixels of the frame to pixels of the crop.
        everyday: whether the camera was drawn as an everyday one.
        depth_m: depth along the optical axis, 0 off the person; on request.
        parts: 0 off the person, else 1 + the SMPL joint that moves the surface most; on request.
        vertex_visible: whether a vertex is seen; on request.
    """

    numbers: Int64[np.ndarray, " view"]
    image: UInt8[np.ndarray, "view size size 3"]
    pose: Float32[np.ndarray, "view 24 3 3"]
    betas: Float32[np.ndarray, "view 10"]
    joints_cam_m: Float32[np.ndarray, "view 24 3"]
    joints_px: Float32[np.ndarray, "view 24 2"]
    focal_px: Float32[np.ndarray, " view"]
    principal_px: Float32[np.ndarray, "view 2"]
    frame_size_px: Float32[np.ndarray, "view 2"]
    bbox_px: Float32[np.ndarray, "view 3"]
    crop_from_frame: Float32[np.ndarray, "view 2 3"]
    everyday: Bool[np.ndarray, " view"]
    depth_m: Float32[np.ndarray, "view size size"] | None = None
    parts: UInt8[np.ndarray, "view size size"] | None = None
    vertex_visible: Bool[np.ndarray, "view vertex"] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def arrays(self) -> dict[str, np.ndarray]:
        """The fields that are there, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if array is not None}

    def take(self, indices: Int64[np.ndarray, " chosen"] | Sequence[int] | slice) -> Records:
        """The rows at these positions, in this order."""
        chosen = indices if isinstance(indices, slice) else np.asarray(indices, np.int64)
        return Records(**{name: array[chosen] for name, array in self.arrays().items()})

    @staticmethod
    def join(parts: Sequence[Records]) -> Records:
        """One after the other; all must have been made with the same settings.

        Raises:
            ValueError: there is nothing to join, or some have fields that others lack.
        """
        if not parts:
            raise ValueError("Records.join was given no records; give it at least one (it may be empty).")
        names = set(parts[0].arrays())
        for part in parts[1:]:
            if set(part.arrays()) != names:
                raise ValueError(f"Records with {sorted(names)} cannot be joined to {sorted(part.arrays())}.")
        return Records(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in sorted(names)})
