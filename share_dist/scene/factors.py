"""The factors of views as columns: the numbers by which errors are explained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from share_dist.camera import table_columns
from share_dist.scene.parts import Occluder
from share_dist.scene.plan import View


def factor_columns(views: Sequence[View]) -> dict[str, np.ndarray]:
    """Return what the views were: number, split, pose family, the camera and the numbers of the scene."""
    columns = {
        "view_number": np.array([view.number for view in views], dtype=np.int64),
        "split": np.array([view.split for view in views], dtype=str),
        "family": np.array([view.person.family for view in views], dtype=str),
    }
    return columns | table_columns([view.camera for view in views]) | scene_columns(views)


def scene_columns(views: Sequence[View]) -> dict[str, np.ndarray]:
    """Return the factors of the scenes: clothes, light, background, and what stands in front.

    `occluder_share` is the area of the occluders as a share of the crop, overlaps counted twice and edges not cut.
    """
    scenes = [view.scene for view in views]
    words = {
        "palette": [scene.clothes.palette for scene in scenes],
        "shirt_pattern": [scene.clothes.shirt.pattern for scene in scenes],
        "background_kind": [scene.background.kind for scene in scenes],
    }
    numbers = {
        "sleeve_length": [scene.clothes.sleeve_length for scene in scenes],
        "trouser_length": [scene.clothes.trouser_length for scene in scenes],
        "hair_length": [scene.clothes.hair_length for scene in scenes],
        "ambient": [scene.ambient for scene in scenes],
        "light_azimuth_deg": [math.degrees(scene.light.azimuth_rad) for scene in scenes],
        "light_elevation_deg": [math.degrees(scene.light.elevation_rad) for scene in scenes],
        "light_strength": [scene.light.strength for scene in scenes],
        "second_light_strength": [scene.second_light.strength if scene.second_light else 0.0 for scene in scenes],
        "occluders": [len(scene.occluders) for scene in scenes],
        "occluder_share": [sum(map(_area, scene.occluders)) for scene in scenes],
        "floor_m": [view.floor_m for view in views],
    }
    columns = {name: np.array(values, dtype=str) for name, values in words.items()}
    return columns | {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}


def _area(occluder: Occluder) -> float:
    whole = math.pi if occluder.shape == "ellipse" else 4.0
    return whole * occluder.half_width * occluder.half_height
