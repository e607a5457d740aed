"""How sure the best is: the best few trials and the default again, on people and views that nothing was chosen by."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import optuna

from share_dist.sweep.config import SweepConfig
from share_dist.sweep.outcome import Outcome, TrialRow, candidates, outcome_of
from share_dist.sweep.progress import TrialProgress
from share_dist.sweep.search import died, failure, figures_of
from share_dist.sweep.study import FAILED_REPEATS, REPEATS

log = logging.getLogger("share_dist")


def finalists(outcome: Outcome, config: SweepConfig) -> list[TrialRow]:
    """The default, and the best few trials besides it; nobody where there is nothing to compare."""
    others = [row for row in candidates(outcome.done, config.figures) if row.number != 0][: config.finalists]
    default = [row for row in outcome.done if row.number == 0]
    return [*default, *others] if others else []


def points_to_repeat(study: optuna.Study, config: SweepConfig, seed: int) -> list[dict[str, Any]]:
    """What is still to be run: every finalist on every seed, one seed after the other, so that equals are compared."""
    outcome = outcome_of(study, config)
    done, failed = outcome.repeats, outcome.failed_repeats
    return [
        {"number": row.number, "settings": row.settings, "seed": other}
        for other in range(seed + 1, seed + 1 + config.repeats)
        for row in finalists(outcome, config)
        if other not in done.get(row.number, {}) and other not in failed.get(row.number, {})
    ]


class RepeatProgress(TrialProgress):
    """Keeps in the study what a finalist gained on another seed, or why nothing, and says so."""

    def __init__(self, study: optuna.Study, config: SweepConfig, total: int) -> None:
        self.study, self.config, self.total, self.done = study, config, total, 0

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Keep the figures of the last round, or why there are none."""
        super().on_trial_result(iteration, trials, trial, result)
        if "failed" in result or result.get("percent") == 100:
            self._keep(trial, figures_of(result), failure(result, self.config.figures))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Keep that its process died too often."""
        self._keep(trial, {}, died(self.config.restarts))

    def _keep(self, trial: Any, figures: Mapping[str, Any], failed: str | None) -> None:
        point = trial.config["point"]
        keep_repeat(self.study, point["number"], point["seed"], figures, failed)
        self.done += 1
        log.info("%d/%d repeats", self.done, self.total)


def keep_repeat(
    study: optuna.Study, number: int, seed: int, figures: Mapping[str, Any], failed: str | None = None
) -> None:
    """Write into the study what a trial gained on another seed, or why it failed there.

    Not into the trial: one that Optuna has finished takes no more.
    """
    name, what = (FAILED_REPEATS, failed) if failed else (REPEATS, dict(figures))
    kept = json.loads(json.dumps(study.user_attrs.get(name, {})))
    kept.setdefault(str(number), {})[str(seed)] = what
    study.set_user_attr(name, kept)
