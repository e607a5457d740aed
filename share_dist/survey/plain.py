"""The plain loop: a survey in this process, without workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from share_dist.models import model_hash, settled_precision
from share_dist.survey.blocks import block_ranges, parquet_from_rows, rows_from_parquet
from share_dist.survey.config import SurveyConfig
from share_dist.survey.rows import evaluate_block
from share_dist.survey.table import Survey, survey_meta

if TYPE_CHECKING:
    from share_dist.body import BodyLayer
    from share_dist.models import Regressor
    from share_dist.render import Renderer
    from share_dist.scene import ViewPlan


def plain_survey(
    model: Regressor,
    plan: ViewPlan,
    count: int,
    renderer: Renderer,
    layer: BodyLayer,
    config: SurveyConfig | None = None,
) -> Survey:
    """Measure a model on the views 0…count−1, one block after the other.

    This is what a survey *is*; the fleet's only differs in being faster and in surviving its workers.

    Args:
        model: the network under test.
        plan: which views.
        count: how many.
        renderer: makes the pictures.
        layer: the renderer's body, for the metrics.
        config: batch size and precision.
    """
    config = config or SurveyConfig()
    config = replace(config, precision=settled_precision(config.precision, next(model.parameters()).device))
    parts = []
    for numbers in block_ranges(count):
        views = plan.views(numbers, renderer.body)
        rows = evaluate_block(model, layer, renderer.records(views), views, config)
        parts.append(rows_from_parquet(parquet_from_rows(rows), "a block"))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    meta = survey_meta(plan, count, model_hash(model), renderer.body.hash, renderer.config, config)
    return Survey(columns, meta)
