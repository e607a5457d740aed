"""One row a view: what the view was, and how wrong the model is on it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
    from share_dist.scene import View

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
    with one_thread():
        for start in range(0, len(records), config.batch_size):
            batch = records.take(np.arange(start, min(start + config.batch_size, len(records))))
            estimate = predict(model, batch.image, config.precision)
            parts.append(error_columns(estimate, truth_from_records(batch, device), layer))
    return {name: np.concatenate([part[name] for part in parts]) for name in ERROR_COLUMNS}


@contextmanager
def one_thread() -> Iterator[None]:
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
    """Return every plain number and word of the scenes, named by its place: ``light_ambient``, ``background_kind``."""
    rows = [dict(_plain_fields(view.scene, "")) for view in views]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _plain_fields(value: Any, prefix: str) -> Iterator[tuple[str, float | str]]:
    for field in dataclasses.fields(value):
        item, name = getattr(value, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(item):
            yield from _plain_fields(item, f"{name}_")
        elif isinstance(item, str):
            yield name, item
        elif isinstance(item, (bool, int, float, np.number)):
            degrees = name.endswith("_rad")
            yield (name[:-4] + "_deg" if degrees else name), math.degrees(float(item)) if degrees else float(item)


def _column(values: list[Any]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values], dtype=str)
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
