"""Before and after, on people that decided nothing."""

from __future__ import annotations

from share_dist.loop.plans import EXTRA_DISTRIBUTIONS, MAIN_DISTRIBUTIONS, judge_plans
from share_dist.loop.rounds import Run, Surveys
from share_dist.storage import inside

EXTRA_SHARE = 0.25
"""The two extra distributions are shown beside the headline and need no worst tenths: a quarter of the views does."""


def judge_counts(judge_views: int) -> dict[str, int]:
    """How many judge views each camera distribution gets."""
    extra = max(int(judge_views * EXTRA_SHARE), 1)
    return {name: judge_views for name in MAIN_DISTRIBUTIONS} | {name: extra for name in EXTRA_DISTRIBUTIONS}


def judge_surveys(run: Run, model: bytes, folder: str, label: str) -> Surveys:
    """Survey a model on the judge views of every distribution."""
    counts = judge_counts(run.config.survey.judge_views)
    return {
        name: run.fleet.survey(
            model, plan, counts[name], inside(run.store, f"{folder}/{name}"), run.config.survey, f"{label} {name}"
        )
        for name, plan in judge_plans(run.config).items()
    }
