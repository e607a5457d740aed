"""What the page of a sweep tells: plain numbers and words, gathered by whoever ran the sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepTrial:
    """One trial."""

    number: int
    fate: str
    """`done`, `ended early`, `failed`, `running` or `waiting`."""

    settings: Mapping[str, Any]
    """By dotted names; a setting that was not asked for is missing."""

    gains: Mapping[str, float] = field(default_factory=dict)
    """Figures after the last round that it finished, by their names in `SweepStory.figures` and more; gains in per
    cent, so more is better."""

    rounds: Sequence[Mapping[str, float]] = ()
    """The same after each round, with `percent`, how much of its views the trial had learned from by then."""

    reason: str | None = None
    """Why it failed."""

    minutes: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    """How much a setting decides whether a trial is among the best quarter, as a share of all settings' together."""

    setting: str
    mean: float
    low: float
    high: float
    """A 90 % interval, from trials drawn anew with replacement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat:
    """A finalist on other people and views: the figures by seed, the seed of the search not among them."""

    number: int
    gains: Mapping[int, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStory:
    """A sweep."""

    title: str
    recipe: str
    figures: Mapping[str, str]
    """The objectives, the first one first: their names among the gains, and in words."""

    space: Mapping[str, str]
    """What was searched: settings and their limits in words."""

    defaults: Mapping[str, Any]
    """The recipe's own values of those settings; trial 0 has them."""

    trials: Sequence[SweepTrial]
    front: Sequence[int] = ()
    """Numbers of the trials of which no other is better in every objective."""

    best: int | None = None
    rule: str = ""
    """In a sentence, why it is the best."""

    importances: Mapping[str, Sequence[Importance]] = field(default_factory=dict)
    """By objective, greatest first; missing where there are too few trials to say."""

    repeats: Sequence[Repeat] = ()
    deciding_seeds: Sequence[int] = ()
    """Those of the repeats that chose the best; none where the search itself did."""

    means: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    """Finalists' mean gains over those seeds, by the number of the trial."""

    commands: Mapping[str, str] = field(default_factory=dict)
    """What to do next, in words, with the line to paste."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """What else is worth knowing: times, what sharing saved, versions."""
