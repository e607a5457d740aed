"""How much each setting matters to a figure, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from share_dist.report import Importance
from share_dist.seeds import stream

BEST = 0.25
"""Which part of the trials counts as good: ten of forty; a smaller part would rest on too few."""
FEWEST = 20
"""Trials below which importances would be read out of noise."""
DRAWS = 100


def importances(study: optuna.Study, figures: Sequence[str]) -> dict[str, list[Importance]]:
    """Return what each setting explains of each objective, greatest first; nothing of too few finished trials.

    The shares are those of PED-ANOVA: how much each setting decides whether a trial is among the best quarter. The
    intervals hold nine tenths of what it says of trials drawn anew from the same ones.

    Source: Watanabe et al., PED-ANOVA, IJCAI 2023, as Optuna computes it, conditional settings included.
    """
    done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if len(done) < FEWEST:
        return {}
    return {figure: _of_objective(done, place) for place, figure in enumerate(figures)}


def _of_objective(done: Sequence[FrozenTrial], place: int) -> list[Importance]:
    random = stream(0, "importances", place)
    drawn = [_shares([done[index] for index in random.integers(0, len(done), len(done))], place) for _ in range(DRAWS)]
    whole = _shares(done, place)
    found = []
    for name, mean in whole.items():
        values = [shares.get(name, 0.0) for shares in drawn]
        low, high = np.quantile(values, (0.05, 0.95))
        found.append(Importance(setting=name, mean=mean, low=min(float(low), mean), high=max(float(high), mean)))
    return sorted(found, key=lambda importance: -importance.mean)


def _shares(trials: Sequence[FrozenTrial], place: int) -> dict[str, float]:
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(params=trial.params, distributions=trial.distributions, value=trial.values[place])
            for trial in trials
        ]
    )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST)
    try:
        return optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (RuntimeError, ValueError):
        # All trials of a draw may have one value of a setting, or of the figure: it explains nothing then.
        return {}
