"""A scene's words turned into the numbers that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from share_dist.render.sight import Sight
from share_dist.scene import View


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Everything about a picture's look that does not follow from geometry.

    Attributes:
        cuts: where clothes and hair end, and their patterns; see `wardrobe`.
        colours: linear albedo of each of the wardrobe's slots.
        up: the world's up in the camera frame.
        ambient: linear light from everywhere.
        lights: unit direction towards each light in the camera frame, and its linear colour.
        background_kind: a name of `backdrop.KINDS`, "indoors", "outdoors" or "picture".
        background_colours: screen values 0…255.
        occluders: as `finish.draw_occluders` reads them.
        seed: for every hash of this picture.
    """

    cuts: Float32[np.ndarray, "8"]
    colours: Float32[np.ndarray, "11 3"]
    up: Float32[np.ndarray, "3"]
    ambient: Float32[np.ndarray, "3"]
    lights: Float32[np.ndarray, "light 6"]
    background_kind: str
    background_colours: Float32[np.ndarray, "3 3"]
    background_scale: np.float32
    background_angle: np.float32
    picture: Float32[np.ndarray, "size size 3"] | None
    occluders: Float32[np.ndarray, "occluder 9"]
    seed: int


def look_of(view: View, sight: Sight, marks: Float32[np.ndarray, "18"]) -> Look:
    """Translate a view's scene."""
    return view.scene(sight, marks)
