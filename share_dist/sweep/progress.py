"""What a sweep says while it runs: a line for each round and each trial, with the best so far and the time left."""

from __future__ import annotations

import logging
import math
from typing import Any

from ray.tune import Callback

from share_dist.loop.progress import minutes
from share_dist.sweep.outcome import ENDED, Outcome, gains_in_words, outcome_of
from share_dist.sweep.search import StudySearch
from share_dist.sweep.trial import Point

log = logging.getLogger("share_dist")


class TrialProgress(Callback):
    """Prints what becomes of trials."""

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Say what a round of a trial brought, or why it failed."""
        name = name_of(trial)
        if "round" in result:
            log.info("  %s, round %d: %s", name, result["round"], gains_in_words(result))
        if "failed" in result:
            log.info("  %s failed: %s", name, result["failed"].splitlines()[0])

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say that a trial lost its process."""
        log.info("  %s lost its process, and goes on in another one from its last checkpoint", name_of(trial))


def name_of(trial: Any) -> str:
    """What one of Tune's trials is called."""
    return Point(**trial.config["point"]).name


class SweepProgress(TrialProgress):
    """Prints also how far the sweep is, whenever a trial ends."""

    def __init__(self, search: StudySearch, trials: int, at_a_time: int) -> None:
        self.search, self.trials, self.at_a_time = search, trials, at_a_time

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say how many trials are done, which is the best, and how long the rest will take."""
        log.info("%s", self.line())

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """The same for a trial whose process died."""
        log.info("%s", self.line())

    def line(self) -> str:
        """The sweep in one line."""
        outcome = outcome_of(self.search.study, self.search.config)
        done = sum(outcome.fates[word] for word in ENDED)
        best = outcome.best
        found = f"best is trial {best.number}: {gains_in_words(best.gains)}" if best else "no best yet"
        fates = "".join(f", {outcome.fates[word]} {word}" for word in ("ended early", "failed") if outcome.fates[word])
        return f"{done}/{self.trials} trials{fates}; {found}{self._left(outcome, self.trials - done)}"

    def _left(self, outcome: Outcome, todo: int) -> str:
        """How long the rest takes if trials go on as they did, the repeats at the end not counted."""
        took = [row.seconds for row in outcome.trials if row.seconds is not None and row.fate in ENDED]
        if not took or todo <= 0:
            return ""
        return f"; about {minutes(sum(took) / len(took) * math.ceil(todo / self.at_a_time))} left"
