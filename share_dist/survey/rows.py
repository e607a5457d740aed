"""One row a view: what the view was, and how wrong the model is on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from share_dist.errors import NetworkFailed
from share_dist.losses import truth_from_records
from share_dist.metrics import error_columns
from share_dist.models import predict
from share_dist.scene import factor_columns
from share_dist.survey.config import SurveyConfig

if TYPE_CHECKING:
    from share_dist.body import BodyLayer
    from share_dist.losses import Truth
    from share_dist.models import Estimate, Regressor
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
    """Return the error columns of a block: fixed batches, one thread, so the bits do not depend on the worker.

    Raises:
        errors.NetworkFailed: an answer, or a body posed by it, is not finite; it says for which view first.
    """
    config = config or SurveyConfig()
    device = next(model.parameters()).device
    parts = []
    with one_torch_thread():
        for start in range(0, len(records), config.batch_size):
            batch = records.take(np.arange(start, min(start + config.batch_size, len(records))))
            estimate = predict(model, batch.image, config.precision)
            _require_finite(estimate._asdict(), batch.numbers)
            parts.append(_finite_columns(estimate, truth_from_records(batch, device), layer, batch.numbers))
            _require_finite({"rotations": _where_rotations(estimate.pose)}, batch.numbers)
    return {name: np.concatenate([part[name] for part in parts]) for name in ERROR_COLUMNS}


def _where_rotations(pose: Tensor) -> Tensor:
    """Return zeros for rotations, and NaN for what numbers become that are too large, or all zero, to have a direction.

    Normalised, they are zeros, of which a body that is a single point is posed: wrong, and finite.
    """
    is_one = (pose.square().sum(-1) - 1).abs() < 0.1
    return torch.where(is_one, 0.0, torch.nan)


def _finite_columns(estimate: Estimate, truth: Truth, layer: BodyLayer, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Return the errors of finite answers, which may yet be too large for a body."""
    try:
        columns = error_columns(estimate, truth, layer)
    except np.linalg.LinAlgError:  # numpy aligns no body whose joints are infinite
        _require_finite({"body": layer.joints(estimate.pose, estimate.betas)}, numbers)
        raise
    _require_finite({name: torch.as_tensor(values) for name, values in columns.items()}, numbers)
    return columns


def _require_finite(parts: Mapping[str, Tensor], numbers: np.ndarray) -> None:
    """Raise NetworkFailed for the first view of which a part, one row a view, is not finite."""
    bad = {name: ~torch.isfinite(part.reshape(len(part), -1)).all(1).cpu().numpy() for name, part in parts.items()}
    rows = np.flatnonzero(np.any(list(bad.values()), axis=0))
    if len(rows):
        part = next(name for name, found in bad.items() if found[rows[0]])
        raise NetworkFailed(int(numbers[rows[0]]), part)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute with one thread: with more, it splits sums differently and the last bits change."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
