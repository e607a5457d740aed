"""What a study has found: its trials in order, the best of them, and by what rule it is the best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from share_dist.report.words import is_number
from share_dist.sweep.config import FIGURES, SweepConfig
from share_dist.sweep.search import fate, settings_of
from share_dist.sweep.study import FAILED_REPEATS, REASON, REPEATS, ROUNDS

ENDED = ("done", "ended early", "failed")
"""The fates of trials of which nothing more is to come."""

Gains = Mapping[str, float]
"""Figures of a repair by their names; gains in per cent."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial as tables and pages tell it."""

    number: int
    fate: str
    settings: dict[str, Any]
    gains: Gains = field(default_factory=dict)
    """After its last round."""

    rounds: tuple[dict[str, Any], ...] = ()
    reason: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it worked, without what lay between a killed driver and its next start."""
        return self.rounds[-1]["trial_seconds"] if self.rounds else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study has found so far."""

    trials: list[TrialRow]
    figures: tuple[str, ...]
    """The objectives, the first one first."""

    repeats: dict[int, dict[int, Gains]]
    """Finalists on other seeds: number → seed → gains."""

    failed_repeats: dict[int, dict[int, str]]
    """Finalists that failed on another seed: number → seed → why."""

    @property
    def default(self) -> TrialRow | None:
        """The recipe's own settings, which are always tried first."""
        return next((row for row in self.trials if row.number == 0), None)

    @property
    def done(self) -> list[TrialRow]:
        """The trials that came to their end, with figures that can be compared."""
        return [row for row in self.trials if row.fate == "done"]

    @property
    def fates(self) -> Counter[str]:
        """How many trials ended how."""
        return Counter(row.fate for row in self.trials)

    @property
    def front(self) -> list[int]:
        """Numbers of the trials of which no other is better in every objective."""
        found = pareto_front([[row.gains[name] for name in self.figures] for row in self.done])
        return [self.done[place].number for place in found]

    @property
    def sound(self) -> list[TrialRow]:
        """Trials that came to their end wherever they were tried, and the default, against which they are measured."""
        return [row for row in self.done if row.number == 0 or row.number not in self.failed_repeats]

    @property
    def deciding_seeds(self) -> list[int]:
        """The seeds whose means decide: those on which the default and all other sound finalists have figures."""
        found = [self.repeats[row.number] for row in self.sound if row.number in self.repeats]
        compared = 0 in self.repeats or all(row.number != 0 for row in self.done)
        return sorted(set.intersection(*map(set, found))) if len(found) > 1 and compared else []

    @property
    def means(self) -> dict[int, Gains]:
        """Finalists' mean gains over the deciding seeds, by number; nothing where the search itself decides."""
        seeds = self.deciding_seeds
        repeated = [row.number for row in self.sound if seeds and row.number in self.repeats]
        return {number: _mean([self.repeats[number][seed] for seed in seeds], self.figures) for number in repeated}

    @property
    def best(self) -> TrialRow | None:
        """The trial that is recommended.

        Once finalists were repeated their means over those seeds decide, for of many trials the highest was lucky too;
        one that failed on another seed is not recommended.
        """
        means = self.means
        rows = [replace(row, gains=means[row.number]) for row in self.sound if row.number in means] or self.sound
        first = next(iter(candidates(rows, self.figures)), None)
        return next((row for row in self.done if first is not None and row.number == first.number), None)

    @property
    def ranking(self) -> list[TrialRow]:
        """The trials that may be recommended: the best, then those that gained most in the search."""
        best = self.best
        others = [row for row in candidates(self.sound, self.figures) if best is None or row.number != best.number]
        return [*([best] if best else []), *others]


def _mean(gains: Sequence[Gains], figures: Sequence[str]) -> Gains:
    return {name: float(np.mean([found[name] for found in gains])) for name in figures}


def outcome_of(study: optuna.Study, config: SweepConfig) -> Outcome:
    """Read a study."""
    rows = [_row(trial) for trial in study.get_trials(deepcopy=False)]
    return Outcome(rows, config.figures, _by_number(study, REPEATS), _by_number(study, FAILED_REPEATS))


def _by_number(study: optuna.Study, attribute: str) -> dict[int, dict[int, Any]]:
    kept = study.user_attrs.get(attribute, {})
    return {int(number): {int(seed): what for seed, what in found.items()} for number, found in kept.items()}


def _row(trial: FrozenTrial) -> TrialRow:
    rounds = tuple(trial.user_attrs.get(ROUNDS, ()))
    gains = {name: value for name, value in rounds[-1].items() if name.endswith("_gain_percent")} if rounds else {}
    return TrialRow(trial.number, fate(trial), settings_of(trial), gains, rounds, trial.user_attrs.get(REASON))


def candidates(done: Sequence[TrialRow], figures: Sequence[str]) -> list[TrialRow]:
    """The trials that are no worse than the default in all objectives but the first, highest in the first one first.

    So nothing is paid for with the other objectives, such as everyday views.
    """
    default = next((row for row in done if row.number == 0), None)
    allowed = [row for row in done if default is None or _no_worse(row.gains, default.gains, figures[1:])]
    return sorted(allowed, key=lambda row: -row.gains[figures[0]])


def _no_worse(gains: Gains, than: Gains, figures: Sequence[str]) -> bool:
    return all(gains[name] >= than[name] for name in figures)


def pareto_front(values: Sequence[Sequence[float]]) -> list[int]:
    """Places of the points of which no other is as good in every value and better in one; more is better."""

    def beaten(one: Sequence[float]) -> bool:
        return any(
            all(a >= b for a, b in zip(other, one, strict=True)) and any(a > b for a, b in zip(other, one, strict=True))
            for other in values
        )

    return [place for place, one in enumerate(values) if not beaten(one)]


def gains_in_words(gains: Mapping[str, Any]) -> str:
    """The figures of a repair, errors going down being good: `worst tenth -23.1 %, everyday +0.4 %`."""
    named = {word.replace("-", " "): gains[figure] for word, figure in FIGURES.items() if is_number(gains.get(figure))}
    # Rounded first, and a nought added: what is nothing has no minus.
    return ", ".join(f"{word} {round(-gain, 1) + 0.0:+.1f} %" for word, gain in named.items())
