"""One row a view: what the view was, and how wrong the model is on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from share_dist.losses import truth_from_records
from share_dist.metrics import error_columns
from share_dist.models import predict
from share_dist.scene import factor_columns
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
