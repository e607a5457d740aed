"""Every trial as a line through its settings: one rail for each setting, one below the other, and its figures last.

Rails lie flat so that long names have room beside them, and any number of settings fits a narrow screen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from share_dist.report.svg import Axis, drawing, element, label, line_key, robust_axis, segment
from share_dist.report.sweep_story import SweepStory, SweepTrial
from share_dist.report.sweep_words import (
    NOT_ASKED,
    best_of,
    breakable,
    default_of,
    gain_of,
    trial_in_words,
    written_ticks,
)
from share_dist.report.words import is_number

_ROW_PX = 54
_SHADES = 5
_NOTCH, _RAIL_WITH_NOTCH = 0.02, 0.13
"""Where those stand who were not asked, and where the rail begins beside them, as shares of the width."""

_MOST_WHOLE = 6
"""Whole numbers up to so many different ones are places of their own, as words are."""

Place = Callable[[SweepTrial], float | None]


@dataclass(frozen=True, slots=True)
class Rail:
    """One setting or figure, from left to right."""

    name: str
    room: str
    place: Place
    """Where a trial stands in [0, 1], or None where it was not asked."""

    ticks: Sequence[tuple[float, str]]

    absent: str = NOT_ASKED
    """What is said of trials without a place."""

    kind: str = ""
    """A CSS class."""


def rails_html(story: SweepStory) -> str:
    """Every trial that was done as a line, darker for less error; empty where none is."""
    figure, words = next(iter(story.figures.items()))
    found = {t.number: gain_of(t.gains, figure) for t in story.trials if t.fate == "done"}
    gains = {number: gain for number, gain in found.items() if gain is not None}
    if not gains or not story.space:
        return ""
    # What is drawn last lies on top: the default, then the best, and of the others the better ones.
    trials = sorted(
        (trial for trial in story.trials if trial.number in gains),
        key=lambda trial: (_is_named(trial, story), gains[trial.number]),
    )
    rails = [_setting_rail(name, words, trials) for name, words in story.space.items()]
    rails += [_figure_rail(name, words, trials, story) for name, words in story.figures.items()]
    shade_of = robust_axis(list(gains.values()))
    start = _RAIL_WITH_NOTCH if any(rail.place(trial) is None for rail in rails for trial in trials) else 0.0
    layers = [_beam(rail, _down(row, rails), start, trials) for row, rail in enumerate(rails)]
    layers += [_trace(t, rails, start, _kind(t, story, shade_of.place(gains[t.number])), story) for t in trials]
    layers += [_numbers(rail, _down(row, rails), start) for row, rail in enumerate(rails)]
    words_of_it = "every trial as a line through its settings and figures"
    picture = drawing("".join(layers), _ROW_PX * len(rails), words_of_it)
    names = "".join(_name(rail, trials) for rail in rails)
    return f"<p class='keys'>{_keys(story, words, trials)}</p><div class='rails'><div>{names}</div>{picture}</div>"


def _setting_rail(name: str, words: str, trials: Sequence[SweepTrial]) -> Rail:
    room, _, last = name.rpartition(".")
    values = [trial.settings[name] for trial in trials if name in trial.settings]
    whole = all(isinstance(value, int) for value in values) and len(set(values)) <= _MOST_WHOLE
    if not values or whole or not all(is_number(value) for value in values):
        return _rail_of_choices(last, room, name, trials, values)
    low, high = float(min(values)), float(max(values))
    axis = Axis(low, high, log=bool(re.search(r"\blog\b", words)) and low > 0 and high > 10 * low)
    ticks = [(axis.place(value), written) for value, written in ((low, f"{low:.3g}"), (high, f"{high:.3g}"))]
    return Rail(last, room, lambda trial: _placed(axis, trial.settings.get(name)), ticks[: 1 if low == high else 2])


def _placed(axis: Axis, value: Any) -> float | None:
    return None if value is None else axis.place(float(value))


def _rail_of_choices(last: str, room: str, name: str, trials: Sequence[SweepTrial], values: Sequence[Any]) -> Rail:
    """Choices evenly spaced; the lines of one choice are spread a little, so that one sees how many they are."""
    number = all(is_number(value) for value in values)
    options = sorted({repr(value): value for value in values}.values(), key=lambda v: v if number else str(v))
    at = {repr(value): (k + 0.5) / len(options) for k, value in enumerate(options)}
    places: dict[int, float] = {}
    for value in options:
        same = [trial for trial in trials if name in trial.settings and repr(trial.settings[name]) == repr(value)]
        width = 0.16 / len(options)
        for rank, trial in enumerate(same):
            places[trial.number] = at[repr(value)] + width * ((rank + 0.5) / len(same) - 0.5)
    return Rail(last, room, lambda trial: places.get(trial.number), [(at[repr(v)], str(v)) for v in options])


def _figure_rail(figure: str, words: str, trials: Sequence[SweepTrial], story: SweepStory) -> Rail:
    """A figure as the last of the rails; the right end is the better one, as in a setting it is the greater one."""
    gains = [gain for trial in trials if (gain := gain_of(trial.gains, figure)) is not None]
    named = [gain for trial in trials if _is_named(trial, story) and (gain := gain_of(trial.gains, figure)) is not None]
    axis = robust_axis(gains, named) if gains else Axis(0, 0)
    at = axis.ticks(4)
    ticks = [(axis.place(tick), text) for tick, text in zip(at, written_ticks(at), strict=True)] if gains else []
    return Rail(words, "error", lambda trial: _placed(axis, gain_of(trial.gains, figure)), ticks, "unknown", "figure")


def _is_named(trial: SweepTrial, story: SweepStory) -> int:
    """2 for the best trial and 1 for the default, which are drawn over the others."""
    return 2 if trial.number == story.best else int(trial.number == 0)


def _kind(trial: SweepTrial, story: SweepStory, share: float) -> str:
    named = ("", "default", "best")[_is_named(trial, story)]
    return named or f"shade{min(int(share * _SHADES), _SHADES - 1)}"


def _down(row: int, rails: Sequence[Rail]) -> float:
    return (row + 0.4) / len(rails)


def _across(place: float | None, start: float) -> float:
    return _NOTCH if place is None else start + (1 - start) * place


def _trace(trial: SweepTrial, rails: Sequence[Rail], start: float, kind: str, story: SweepStory) -> str:
    """A trial's line; where it was not asked it goes faintly by the side."""
    places = [rail.place(trial) for rail in rails]
    at = [(_across(place, start), _down(row, rails)) for row, place in enumerate(places)]
    lines = "".join(
        segment(at[row], at[row + 1], "aside" if None in places[row : row + 2] else None) for row in range(len(at) - 1)
    )
    title = element("title", escape(trial_in_words(trial, story)))
    return element("g", title + lines, class_=f"trace {kind}", data_trial=trial.number)


def _beam(rail: Rail, down: float, start: float, trials: Sequence[SweepTrial]) -> str:
    """The rail itself, and beside it the notch of those that were not asked."""
    drawn = segment((start, down), (1, down), f"beam {rail.kind}".strip())
    return drawn + (segment((0, down), (2 * _NOTCH, down), "beam") if _absent(rail, trials) else "")


def _absent(rail: Rail, trials: Sequence[SweepTrial]) -> int:
    return sum(rail.place(trial) is None for trial in trials)


def _name(rail: Rail, trials: Sequence[SweepTrial]) -> str:
    """What stands beside a rail."""
    absent = _absent(rail, trials)
    without = f" · {absent} {rail.absent}" if absent else ""
    return f"<div><small>{escape(rail.room)}{without}</small><b>{breakable(rail.name)}</b></div>"


def _numbers(rail: Rail, down: float, start: float) -> str:
    """Values under the rail; those at its ends stay within the drawing."""
    return "".join(
        label(text, (_across(at, start), down), "tick" if at < 0.02 else "tick end" if at > 0.98 else "tick middle",
              (0, 17))
        for at, text in rail.ticks
    )  # fmt: skip


def _keys(story: SweepStory, words: str, trials: Sequence[SweepTrial]) -> str:
    """The legend: the two named lines, and the shades from much to little error."""
    numbers = {trial.number for trial in trials}
    named: Mapping[str, SweepTrial | None] = {"best": best_of(story), "default": default_of(story)}
    keys = "".join(
        line_key(kind, f"{kind}, trial {trial.number}")
        for kind, trial in named.items()
        if trial is not None and trial.number in numbers and (kind == "best" or trial.number != story.best)
    )
    shades = "".join(f"<i class='shade{k}'></i>" for k in range(_SHADES))
    return f"{keys}<span class='key ramp'>more {shades} less error, {escape(words)}</span>"
