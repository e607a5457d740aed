"""Which settings to try next: Ray Tune's OptunaSearch, made to lose nothing when its driver dies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from share_dist.config import RunConfig, setting_of, setting_types
from share_dist.recipes import OneOf, SearchSpace, is_asked
from share_dist.seeds import derived_seed
from share_dist.sweep.config import SweepConfig
from share_dist.sweep.study import REASON, ROUNDS, unfinished
from share_dist.sweep.trial import is_finite


def ask(trial: Any, space: SearchSpace) -> None:
    """Let a trial of Optuna's choose settings from a space, in order; what is not asked for is left out."""
    chosen: dict[str, Any] = {}
    for name, part in space.items():
        if not is_asked(part, chosen):
            continue
        if isinstance(part, OneOf):
            chosen[name] = trial.suggest_categorical(name, list(part.options))
        else:
            suggest = trial.suggest_int if setting_types()[name] is int else trial.suggest_float
            chosen[name] = suggest(name, part.low, part.high, log=part.log)


def settings_of(trial: FrozenTrial) -> dict[str, Any]:
    """The settings of a trial of Optuna's, as they are used.

    A number that was proposed has three digits, as people would write it; more would say nothing about a setting. One
    that was given, such as the recipe's own, is left alone.
    """
    given = trial.system_attrs.get("fixed_params", {})
    return {
        name: value if name in given else rounded(value, trial.distributions[name])
        for name, value in trial.params.items()
    }


def rounded(value: Any, limits: BaseDistribution) -> Any:
    """A number with three digits, inside its limits; what is not one of a range of them, as it is."""
    if not isinstance(limits, FloatDistribution):
        return value
    return min(max(float(f"{value:.3g}"), limits.low), limits.high)


def default_point(config: RunConfig, space: SearchSpace) -> dict[str, Any]:
    """The recipe's own values of the settings that a space asks for."""
    chosen: dict[str, Any] = {}
    for name, part in space.items():
        if is_asked(part, chosen):
            chosen[name] = setting_of(config, name)
    return chosen


class StudySearch(OptunaSearch):
    """Proposes settings to Tune and keeps every trial in the study at once.

    What the study holds decides everything: trials that were running when a driver died are taken up first, and the
    settings of trial n follow from the sweep's seed and the trials that are finished, so that a sweep that was stopped
    goes on as if it had not been. Weak, failed and unfinished trials are told apart, which OptunaSearch does not do.
    """

    def __init__(self, space: SearchSpace, config: SweepConfig, storage: BaseStorage, name: str, seed: int):
        self.config, self.seed = config, seed
        single = len(config.objectives) == 1
        super().__init__(
            space=lambda trial: ask(trial, space),
            metric=config.figures[0] if single else list(config.figures),
            mode="max" if single else ["max"] * len(config.objectives),
            storage=storage,
            study_name=name,
        )
        self.study.pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=50, reduction_factor=2)
        self.left_over = unfinished(self.study.trials)
        self.weak = set[str]()

    @property
    def study(self) -> optuna.Study:
        """The study itself."""
        assert self._ot_study is not None
        return self._ot_study

    def first_try(self, points: list[Mapping[str, Any]]) -> None:
        """Put settings at the head of the queue of a new study; one that has trials knows them already."""
        if not self.study.trials:
            for point in points:
                self.study.enqueue_trial(dict(point), skip_if_exists=True)

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """See `Searcher`: the next trial's `Point`, as `run_trial` takes it."""
        if trial_id not in self._ot_trials:
            self._ot_trials[trial_id] = self._left_over() or self._asked()
        trial = self._ot_trials[trial_id]
        assert callable(self._space)
        self._space(trial)
        settings = settings_of(self.study.get_trials(deepcopy=False)[trial.number])
        return {"point": {"number": trial.number, "settings": settings}}

    def _left_over(self) -> optuna.Trial | None:
        return optuna.Trial(self.study, self.left_over.pop(0)._trial_id) if self.left_over else None

    def _asked(self) -> optuna.Trial:
        number = len(self.study.trials)
        self.study.sampler = TPESampler(
            seed=derived_seed(self.seed, f"trial-{number}") % 2**32, multivariate=True, group=True, constant_liar=True
        )
        return self.study.ask()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """See `Searcher`; figures are kept by `note`, which is called before it is known whether the trial goes on."""

    def note(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Keep a round's figures, and return whether the trial is to be ended early."""
        if "percent" not in result:
            return False
        trial, percent = self._ot_trials[trial_id], int(result["percent"])
        kept = [row for row in trial.user_attrs.get(ROUNDS, []) if row["round"] != result["round"]]
        trial.set_user_attr(ROUNDS, [*kept, figures_of(result)])
        if not self.config.prunes or percent >= 100 or not is_finite(figures_of(result)):
            return False
        trial.report(result[self.config.figures[0]], percent)
        if trial.should_prune():
            self.weak.add(trial_id)
        return trial_id in self.weak

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """See `Searcher`: write the trial's fate into the study."""
        if trial_id in self._completed_trials or trial_id not in self._ot_trials:
            return
        found, trial = result or {}, self._ot_trials[trial_id]
        cut_short = found.get("percent", 0) < 100 and trial_id not in self.weak
        # What stopped the sweep is not this trial's fault: it stays unfinished, and is taken up again.
        if not error and "failed" not in found and cut_short:
            return
        self._completed_trials.add(trial_id)
        reason = self._reason(found, error)
        if reason:
            trial.set_user_attr(REASON, reason)
            self.study.tell(trial, state=TrialState.FAIL)
        elif found["percent"] < 100:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, [found[name] for name in self.config.figures])

    def save(self, checkpoint_path: str) -> None:
        """See `Searcher`: there is nothing to keep that the study does not hold."""
        Path(checkpoint_path).touch()

    def _reason(self, found: Mapping[str, Any], error: bool) -> str | None:
        return died(self.config.restarts) if error and "failed" not in found else failure(found, self.config.figures)


def died(restarts: int) -> str:
    """Why a trial failed that was started again and again."""
    return f"its process died {restarts + 1} times"


def failure(result: Mapping[str, Any], figures: Sequence[str]) -> str | None:
    """Why a trial failed by the last that it reported; None where it has all the figures that are compared."""
    if "failed" in result:
        return str(result["failed"])
    broken = [name for name in figures if not is_finite({name: result[name]})]
    return f"{', '.join(broken)}: not a number" if broken else None


def figures_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """What we reported ourselves, without what Tune adds."""
    ours = ("round", "percent", "accepted", "surveyed", "survey_seconds", "trial_seconds")
    return {name: value for name, value in result.items() if name in ours or name.endswith("_percent")}


class Pruning(FIFOScheduler):
    """Asks the study after each round whether a trial is worth going on with.

    Ray's own scheduler of this kind forgets with its driver which trials came how far; the study does not.
    """

    def __init__(self, search: StudySearch) -> None:
        super().__init__()
        self.search = search

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """See `TrialScheduler`."""
        return TrialScheduler.STOP if self.search.note(trial.trial_id, result) else TrialScheduler.CONTINUE


def fate(trial: FrozenTrial) -> str:
    """A trial's state in our words."""
    words = {
        TrialState.COMPLETE: "done",
        TrialState.PRUNED: "ended early",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }
    return words[trial.state]
