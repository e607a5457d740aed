"""A sweep in words: the sentence its page opens with, and how gains and settings are written on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from share_dist.report.sweep_story import SweepStory, SweepTrial
from share_dist.report.words import MISSING, NARROW, is_number, signed

FATES = ("done", "ended early", "failed", "running", "waiting")
NOT_ASKED = "not asked"
_STEER = "All figures here are of short runs, seen on steer views: they choose settings, they are not results."


def gain_of(gains: Mapping[str, Any], figure: str) -> float | None:
    """One gain in per cent; None when it is missing or not finite."""
    value: Any = gains.get(figure)
    return float(value) if is_number(value) else None


def written_gain(gain: float | None) -> str:
    """A gain as the change of the error that it is: "−31.2 %" for a gain of 31.2."""
    return MISSING if gain is None else f"{signed(-gain, 1)}{NARROW}%"


def written_ticks(gains: Sequence[float]) -> list[str]:
    """The numbers along an axis, all with the same decimals."""
    digits = 0 if all(abs(gain - round(gain)) < 1e-9 for gain in gains) else 1
    return [f"{signed(-gain, digits)}{NARROW}%" for gain in gains]


def written_setting(value: Any, digits: int = 4) -> str:
    """A setting's value in few characters."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def breakable(name: str) -> str:
    """A setting's name as HTML that may be broken after dots and underscores."""
    return re.sub(r"([._])", r"\1<wbr>", escape(name))


def best_of(story: SweepStory) -> SweepTrial | None:
    """The trial that is recommended, if there is one."""
    return next((trial for trial in story.trials if trial.number == story.best), None)


def default_of(story: SweepStory) -> SweepTrial | None:
    """The trial with the recipe's own settings, if it was made."""
    return next((trial for trial in story.trials if trial.number == 0), None)


def deciding_gain(trial: SweepTrial, figure: str, story: SweepStory) -> float | None:
    """A trial's gain as it was compared: the mean over other seeds where those chose the best, else the search's."""
    return gain_of(story.means.get(trial.number, trial.gains), figure)


def fates_in_words(story: SweepStory) -> str:
    """How many trials ended how: "31 done, 3 failed"."""
    fates = Counter(trial.fate for trial in story.trials)
    known = [*FATES, *(fate for fate in fates if fate not in FATES)]
    return ", ".join(f"{fates[fate]} {fate}" for fate in known if fates[fate])


def is_going_on(story: SweepStory) -> bool:
    """Whether there are trials of which something is still to come."""
    return not story.trials or any(trial.fate in ("running", "waiting") for trial in story.trials)


def gains_in_words(trial: SweepTrial, story: SweepStory) -> str:
    """A trial's figures: "worst tenth −31.2 %, everyday +0.4 %"."""
    named = {words: gain_of(trial.gains, figure) for figure, words in story.figures.items()}
    return ", ".join(f"{words} {written_gain(gain)}" for words, gain in named.items() if gain is not None)


def trial_in_words(trial: SweepTrial, story: SweepStory) -> str:
    """What a reader sees who points at a trial: who it is, its figures, its settings."""
    role = {0: ", the default settings"}.get(trial.number, "")
    role += ", the best" if trial.number == story.best else ""
    settings = [f"{name} {written_setting(value)}" for name, value in trial.settings.items()]
    why = [trial.reason] if trial.reason else []
    lines = [f"trial {trial.number}{role}: {trial.fate}{how_far(trial)}", gains_in_words(trial, story), *why, *settings]
    return "\n".join(line for line in lines if line)


def how_far(trial: SweepTrial) -> str:
    """Where a trial that did not reach its end was stopped, as " after 50 % of its views"."""
    percent = gain_of(trial.rounds[-1], "percent") if trial.rounds else None
    return f" after {percent:.0f}{NARROW}% of its views" if trial.fate != "done" and percent is not None else ""


def sweep_headline(story: SweepStory) -> str:
    """The one sentence: what the best settings do to the first figure, and what the default ones do."""
    best, default = best_of(story), default_of(story)
    if best is None:
        return _nothing_yet(story)
    figure, words = next(iter(story.figures.items()))
    gain = deciding_gain(best, figure, story)
    own = deciding_gain(default, figure, story) if default else None
    if gain is None:
        return f"Trial {best.number} is the best, but its figures are missing."
    if best.number == 0:
        return f"Nothing better was found than the default settings, which {_effect(gain, f'the {words} error')}."
    if own is None:
        return f"The best settings found {_effect(gain, f'the {words} error')}."
    alike = abs(gain) >= 0.05 and abs(own) >= 0.05 and (gain > 0) == (own > 0)
    other = f", the default ones by {abs(own):.1f}{NARROW}%" if alike else f"; the default ones {_effect(own, 'it')}"
    return f"The best settings found {_effect(gain, f'the {words} error')}{other}."


def _nothing_yet(story: SweepStory) -> str:
    if not story.trials:
        return "No trial was made yet."
    if any(trial.fate == "done" for trial in story.trials):
        return f"No trial can be called the best yet: {fates_in_words(story)}."
    return f"No trial {'is finished yet' if is_going_on(story) else 'was finished'}: {fates_in_words(story)}."


def _effect(gain: float, what: str) -> str:
    if abs(gain) < 0.05:
        return f"leave {what} as it was"
    return f"{'lower' if gain > 0 else 'raise'} {what} by {abs(gain):.1f}{NARROW}%"


def sweep_second_line(story: SweepStory) -> str:
    """The other figures of the best trial, and what kind of figures these are."""
    best, default = best_of(story), default_of(story)
    if best is None:
        return _STEER if story.trials else ""
    parts = []
    for figure, words in list(story.figures.items())[1:]:
        gain = deciding_gain(best, figure, story)
        own = deciding_gain(default, figure, story) if default else None
        against = f" ({written_gain(own)} with the default)" if own is not None and best.number != 0 else ""
        if gain is not None:
            parts.append(f"{words[:1].upper()}{words[1:]} error: {written_gain(gain)}{against}.")
    seeds = len(story.deciding_seeds)
    over = "On a seed" if seeds == 1 else f"Means over {seeds} seeds"
    means = [f"{over} that the search did not use."] if seeds else []
    return " ".join([*parts, *means, _STEER])
