"""How a sweep went, drawn: its figures trial by trial, and one figure against another."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from share_dist.report.svg import Axis, drawing, key, label, line_key, mark, robust_axis, segment
from share_dist.report.sweep_story import SweepStory, SweepTrial
from share_dist.report.sweep_words import default_of, gain_of, trial_in_words, written_ticks

_HEIGHT_PX = 320
_KEYS = {
    "best": "best",
    "default": "default settings",
    "done": "done",
    "early": "ended early, at its last figure",
    "running": "running, at its last figure",
    "failed": "failed",
}
_FATE_MARKS = {"done": "done", "ended early": "early", "failed": "failed"}


def mark_of(trial: SweepTrial, story: SweepStory) -> str:
    """Which mark a trial has in every chart."""
    if trial.number == story.best:
        return "best"
    plain = _FATE_MARKS.get(trial.fate, "running")
    return "default" if trial.number == 0 and plain == "done" else plain


def history_html(story: SweepStory) -> str:
    """The first figure trial by trial, with the best so far; empty where no trial has a figure."""
    figure, words = next(iter(story.figures.items()))
    gains = {trial.number: gain_of(trial.gains, figure) for trial in story.trials if trial.fate != "failed"}
    known = {number: gain for number, gain in gains.items() if gain is not None}
    if not known:
        return ""
    up = robust_axis(list(known.values()), _always(story, known))
    across = Axis(-0.6, max(trial.number for trial in story.trials) + 0.6)
    shown = [trial for trial in story.trials if trial.fate == "failed" or trial.number in known]
    places = {t.number: (across.place(t.number), 1 - up.place(known[t.number]) if t.number in known else 1.0)
              for t in shown}  # fmt: skip
    default = known.get(0)
    drawn = [_up_grid(up), _trial_ticks(across)]
    drawn += [segment((0, places[0][1]), (1, places[0][1]), "level")] if default is not None else []
    drawn += [_steps(story, known, places), _marks(shown, story, places)]
    lines = line_key("level", "the default’s error") if default is not None else ""
    lines += line_key("steps", "least error so far")
    below = sum(gain < up.low for gain in known.values())
    caption = f"{words} error, trial by trial"
    picture = drawing("".join(drawn), _HEIGHT_PX, f"{caption}; higher up is better")
    return _figure(caption, "up is better", _keys(shown, story) + lines, picture, _left_out(below))


def scatter_html(story: SweepStory, other: str) -> str:
    """The first figure against another; the front is connected where these two are all there are."""
    figure, words = next(iter(story.figures.items()))
    pairs = {t.number: (gain_of(t.gains, other), gain_of(t.gains, figure)) for t in story.trials if t.fate != "failed"}
    known = {number: (x, y) for number, (x, y) in pairs.items() if x is not None and y is not None}
    if not known:
        return ""
    sides = [{number: pair[side] for number, pair in known.items()} for side in (0, 1)]
    across, up = (robust_axis(list(side.values()), _always(story, side)) for side in sides)
    places = {number: (across.place(x), 1 - up.place(y)) for number, (x, y) in known.items()}
    shown = [trial for trial in story.trials if trial.number in known]
    front = sorted((number for number in story.front if number in known), key=lambda number: known[number])
    drawn = [_up_grid(up), _across_grid(across), label(f"{story.figures[other]} error", (0.5, 1), "title", (0, 38))]
    connected = len(story.figures) == 2 and len(front) > 1
    if connected:
        drawn += [segment(places[a], places[b], "front") for a, b in zip(front, front[1:], strict=False)]
    drawn += [_marks(shown, story, places, front), _front_numbers(front, places)]
    below = sum(x < across.low or y < up.low for x, y in known.values())
    caption = f"{words} error against {story.figures[other]} error"
    keys = _keys(shown, story) + (line_key("front", "front: no other is better in both") if connected else "")
    picture = drawing("".join(drawn), _HEIGHT_PX, f"{caption}; up and to the right is better")
    return _figure(caption, "up and right are better", keys, picture, _left_out(below))


def _always(story: SweepStory, known: dict[int, float]) -> list[float]:
    """Figures that must lie inside a chart, however far they are from the others."""
    return [known[number] for number in {0, story.best} if number in known]


def _up_grid(axis: Axis) -> str:
    """Level lines with the error's change beside them."""
    ticks = axis.ticks()
    return "".join(
        segment((0, 1 - axis.place(tick)), (1, 1 - axis.place(tick)), "grid zero" if abs(tick) < 1e-9 else "grid")
        + label(words, (0, 1 - axis.place(tick)), "up", (-8, 4))
        for tick, words in zip(ticks, written_ticks(ticks), strict=True)
    )


def _across_grid(axis: Axis) -> str:
    """Upright lines with the error's change under them."""
    ticks = axis.ticks()
    return "".join(
        segment((axis.place(tick), 0), (axis.place(tick), 1), "grid zero" if abs(tick) < 1e-9 else "grid")
        + label(words, (axis.place(tick), 1), "across", (0, 18))
        for tick, words in zip(ticks, written_ticks(ticks), strict=True)
    )


def _trial_ticks(axis: Axis) -> str:
    """Trial numbers under the chart."""
    ticks = [tick for tick in axis.ticks() if tick == round(tick)]
    numbers = "".join(label(f"{tick:.0f}", (axis.place(tick), 1), "across", (0, 18)) for tick in ticks)
    return segment((0, 1), (1, 1), "grid") + numbers + label("trial", (0.5, 1), "title", (0, 38))


def _steps(story: SweepStory, known: dict[int, float], places: dict[int, tuple[float, float]]) -> str:
    """The greatest gain of the trials that were done by then, as a staircase."""
    done = [trial.number for trial in story.trials if trial.fate == "done" and trial.number in known]
    drawn, at = [], None
    for number in sorted(done):
        x, y = places[number]
        if at is None or known[number] > at[0]:
            if at is not None:
                drawn += [segment((at[1], at[2]), (x, at[2]), "steps"), segment((x, at[2]), (x, y), "steps")]
            at = (known[number], x, y)
    return "".join(drawn) + (segment((at[1], at[2]), (1, at[2]), "steps") if at is not None else "")


def _marks(
    trials: Sequence[SweepTrial],
    story: SweepStory,
    places: dict[int, tuple[float, float]],
    front: Sequence[int] = (),
) -> str:
    """All trials, those with a name last so that nothing hides them."""
    ordered = sorted(trials, key=lambda trial: (mark_of(trial, story) in ("default", "best"), trial.number))
    return "".join(
        mark(mark_of(t, story), places[t.number], t.number, trial_in_words(t, story), "on-front" * (t.number in front))
        for t in ordered
    )


def _front_numbers(front: Sequence[int], places: dict[int, tuple[float, float]]) -> str:
    """Numbers beside the front, where no other trial can be; those that would touch another number are left out."""
    written: list[tuple[float, float]] = []
    drawn = []
    for number in front:
        x, y = places[number]
        if x < 0.94 and all(abs(x - a) > 0.08 or abs(y - b) > 0.06 for a, b in written):
            written.append((x, y))
            drawn.append(label(str(number), (x, y), "number", (8, -7)))
    return "".join(drawn)


def _keys(trials: Sequence[SweepTrial], story: SweepStory) -> str:
    """The legend of the marks that occur."""
    found = {mark_of(trial, story) for trial in trials}
    default = default_of(story)
    also = " and default" if default is not None and story.best == default.number else ""
    return "".join(key(kind, text + also * (kind == "best")) for kind, text in _KEYS.items() if kind in found)


def _left_out(count: int) -> str:
    if count == 1:
        return "One trial lies beyond the edge and is drawn on it."
    return f"{count} trials lie beyond the edge and are drawn on it." if count else ""


def _figure(caption: str, better: str, keys: str, picture: str, note: str) -> str:
    """A chart with its caption and legend."""
    small = f"<p class='note'>{escape(note)}</p>" if note else ""
    return (
        f"<figure class='plot'><figcaption>{escape(caption)} <small>{escape(better)}</small></figcaption>"
        f"<p class='keys'>{keys}</p><div class='frame'>{picture}</div>{small}</figure>"
    )
