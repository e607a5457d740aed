"""Ray Tune around a trial: as many at a time as there is room for, started again when their process dies."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.exceptions import StorageInternalError
from ray import tune
from ray.tune import TuneError

from share_dist import errors
from share_dist.sweep.search import Pruning, StudySearch
from share_dist.sweep.trial import TrialTask, run_trial

_QUIET_TUNE = {
    # Tune would answer Ctrl-C by ending with success.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # We say and keep ourselves what there is to say and to keep.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # A trial's relative paths are its driver's.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # A trial that failed has no figures, and must not end the others.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}
_LEADER_CPUS = 0.01
"""What the process that leads a trial books: it only waits for renderers and ranks, but Tune has it book something."""


@dataclass(frozen=True, slots=True)
class Crew:
    """How trials are run."""

    at_a_time: int
    restarts: int
    """How often a trial whose process died is started again."""

    progress: tune.Callback


def search_trials(task: TrialTask, search: StudySearch, count: int, crew: Crew) -> None:
    """Run so many trials that the search proposes.

    Raises:
        errors.ShareDistError: what ended a trial would end the others too.
    """
    config = tune.TuneConfig(
        search_alg=search,
        scheduler=Pruning(search),
        num_samples=count,
        max_concurrent_trials=crew.at_a_time,
        # The process of a trial that was ended early may still be at work.
        reuse_actors=not search.config.prunes,
    )
    _fit(task, config, crew, {})


def run_points(task: TrialTask, points: Sequence[dict[str, Any]], crew: Crew) -> None:
    """Run trials that are known beforehand, each a point as `run_trial` takes it.

    Raises:
        errors.ShareDistError: as `search_trials`.
    """
    config = tune.TuneConfig(max_concurrent_trials=crew.at_a_time, reuse_actors=True)
    _fit(task, config, crew, {"point": tune.grid_search(list(points))})


def _fit(task: TrialTask, config: tune.TuneConfig, crew: Crew, space: dict[str, Any]) -> None:
    """Let Tune run; it keeps nothing itself, for the study and the trials' folders hold all there is."""
    os.environ.update(_QUIET_TUNE)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    halt = _Halt()
    trainable = tune.with_resources(tune.with_parameters(run_trial, task=task), {"cpu": _LEADER_CPUS})
    with tempfile.TemporaryDirectory(prefix="share_dist-tune-") as folder:
        run = tune.RunConfig(
            name="sweep",
            storage_path=folder,
            verbose=0,
            stop=halt,
            failure_config=tune.FailureConfig(max_failures=crew.restarts),
            callbacks=[crew.progress],
        )
        try:
            tune.Tuner(trainable, tune_config=config, run_config=run, param_space=space).fit()
        except TuneError as error:
            cause = _cause(error)
            if cause is None:
                raise
            raise cause from error
    if halt.error is not None:
        raise halt.error


def _cause(error: BaseException) -> errors.ShareDistError | None:
    """What a user can put right of what ended Tune: our own error, or the study's database; None of other errors."""
    deeper: BaseException | None = error
    while deeper is not None:
        if isinstance(deeper, errors.ShareDistError):
            return deeper
        if isinstance(deeper, StorageInternalError):
            return errors.StudyRefused(
                f"the study's database was lost: {str(deeper.__cause__ or deeper).splitlines()[0]}\n"
                "  Everything that was finished is kept; run the same line again once it is back."
            )
        deeper = deeper.__cause__ or deeper.__context__
    return None


class _Halt(tune.Stopper):
    """Ends all trials when one reports what would befall the others too."""

    def __init__(self) -> None:
        self.error: errors.ShareDistError | None = None

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        if "halted" in result and self.error is None:
            self.error = getattr(errors, result["halted"])(result["why"])
        return self.error is not None

    def stop_all(self) -> bool:
        return self.error is not None
