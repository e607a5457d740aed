"""One row a view: what the view was, and how wrong the model is on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from share_dist.camera import table_columns
from share_dist.losses import truth_from_records
from share_dist.metrics import error_columns
from share_dist.models import predict
from share_dist.survey.config import SurveyConfig

if TYPE_CHECKING:
    from share_dist.body import BodyLayer
    from share_dist.models import Regressor
    from share_dist.render import Records
    from share_dist.scene import Occluder, View

ERROR_COLUMNS = (
    "mpjpe_mm",
    "pa_mpjpe_mm",
    "pve_mm",
    "root_error_deg",
    "flip",
    "mpjpe_root_aligned_mm",
    "pck150",
    "auc",
)


def evaluate_block(
    model: Regressor,
    layer: BodyLayer,
    records: Records,
    views: Sequence[View],
    config: SurveyConfig | None = None,
) -> dict[str, np.ndarray]:
    """Return the rows of one block of views, as columns: the factors of the views, then the model's errors.

    Args:
        model: the network under test, on any device.
        layer: the body, on the same device.
        records: the views' pictures and truth, in their order.
        views: what the pictures show.
        config: batch size and precision.
    """
    return {**factor_columns(views), **error_rows(model, layer, records, config)}


def error_rows(
    model: Regressor, layer: BodyLayer, records: Records, config: SurveyConfig | None = None
) -> dict[str, np.ndarray]:
    """Return the error columns of a block: fixed batches, one thread, so the bits do not depend on the worker."""
    config = config or SurveyConfig()
    device = next(model.parameters()).device
    parts = []
    with one_torch_thread():
        for start in range(0, len(records), config.batch_size):
            batch = records.take(np.arange(start, min(start + config.batch_size, len(records))))
            estimate = predict(model, batch.image, config.precision)
            parts.append(error_columns(estimate, truth_from_records(batch, device), layer))
    return {name: np.concatenate([part[name] for part in parts]) for name in ERROR_COLUMNS}


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute with one thread: with more, it splits sums differently and the last bits change."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
