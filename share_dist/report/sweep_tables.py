"""The tables of a sweep: settings, commands, repeats, importances, trials."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from share_dist.report.svg import element, percent
from share_dist.report.sweep_repeats import compared
from share_dist.report.sweep_story import Importance, Repeat, SweepStory, SweepTrial
from share_dist.report.sweep_words import (
    NOT_ASKED,
    best_of,
    breakable,
    deciding_gain,
    default_of,
    fates_in_words,
    gain_of,
    how_far,
    written_gain,
    written_setting,
)
from share_dist.report.words import MISSING, NARROW, is_number, signed


def sweep_tiles_html(story: SweepStory) -> str:
    """Each figure with the default and the best settings, on one common scale, and how many trials there are."""
    best, default = best_of(story), default_of(story)
    named = [("default", default)] if default is not None and default.number != story.best else []
    named += [("best", best)] if best is not None else []
    gains = {f: [(kind, deciding_gain(t, f, story)) for kind, t in named] for f in story.figures}
    most = max((gain for pairs in gains.values() for _, gain in pairs if gain is not None), default=0.0)
    tiles = [_tile(words, gains[f], max(most, 1e-9)) for f, words in story.figures.items() if best is not None]
    counts = f"<span class='counts'>{escape(fates_in_words(story))}</span>"
    tiles.append(f"<div class='tile'><h3>trials</h3><strong>{len(story.trials)}</strong>{counts}</div>")
    return "".join(tiles)


def _tile(words: str, gains: Sequence[tuple[str, float | None]], most: float) -> str:
    bars = "".join(
        f"<span class='bar {kind}'><i style='width:{70 * max(gain, 0) / most:.1f}%'></i>"
        f"<b>{written_gain(gain)} {kind}</b></span>"
        for kind, gain in gains
        if gain is not None
    )
    by_kind = dict(gains)
    gain, own = by_kind.get("best"), by_kind.get("default")
    figure = f"<strong>{written_gain(gain)}</strong>"
    if gain is not None and own is not None:
        sense = "same" if abs(gain - own) < 0.05 else "better" if gain > own else "worse"
        figure = f"<strong class='{sense}'>{signed(own - gain, 1)}{NARROW}points</strong>"
    return f"<div class='tile'><h3>{escape(words)} error</h3>{figure}{bars}</div>"


def settings_html(story: SweepStory) -> str:
    """What was searched: each setting with its limits, the recipe's own value and the best one."""
    best = best_of(story)
    rows = "".join(_setting_row(name, words, story, best) for name, words in story.space.items())
    last = f"<th scope='col'>best, trial {best.number}</th>" if best else ""
    return (
        "<div class='scroll'><table class='chosen'><thead><tr><th scope='col'>setting</th><th scope='col'>searched</th>"
        f"<th scope='col'>default</th>{last}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _setting_row(name: str, words: str, story: SweepStory, best: SweepTrial | None) -> str:
    own = written_setting(story.defaults[name]) if name in story.defaults else NOT_ASKED
    cells = f"<td>{escape(words)}</td><td class='{'quiet' * (own == NOT_ASKED)}'>{escape(own)}</td>"
    if best is not None:
        value = written_setting(best.settings[name]) if name in best.settings else NOT_ASKED
        kind = "quiet" if value in (own, NOT_ASKED) else "best"
        cells += f"<td class='{kind}'>{escape(value)}</td>"
    return f"<tr><th scope='row'>{breakable(name)}</th>{cells}</tr>"


def commands_html(commands: Mapping[str, str]) -> str:
    """What to do next, each with its line to paste."""
    return "".join(
        f"<p class='todo'>{escape(words)}</p><pre class='paste'>{_whole_options(line)}</pre>"
        for words, line in commands.items()
    )


def _whole_options(line: str) -> str:
    """A command whose options are not broken at their hyphens."""
    return re.sub(r"(?<!\S)--[\w.-]+", r"<span>\g<0></span>", escape(line))


def repeats_html(story: SweepStory) -> str:
    """One table for each figure: finalists with their mean over seeds, the difference to the default, and each seed."""
    return "".join(_repeats_table(story.repeats, figure, words, story) for figure, words in story.figures.items())


def _repeats_table(repeats: Sequence[Repeat], figure: str, words: str, story: SweepStory) -> str:
    seeds = sorted({seed for repeat in repeats for seed in repeat.gains})
    heads = "".join(f"<th scope='col'>seed {seed}</th>" for seed in seeds)
    default = next((repeat for repeat in repeats if repeat.number == 0), None)
    more = "<th scope='col'>against the default</th>" if default and len(repeats) > 1 else ""
    body = ""
    for repeat in sorted(repeats, key=lambda one: (one.number != 0, one.number != story.best, one.number)):
        found = compared(repeat, default, figure)
        role = "default" if repeat.number == 0 else "best" if repeat.number == story.best else ""
        cells = "".join(f"<td>{written_gain(gain_of(repeat.gains.get(seed, {}), figure))}</td>" for seed in seeds)
        last = f"<td class='{found.sense} difference'>{escape(found.words)}</td>" if more else ""
        name = f"trial {repeat.number} <small>{role}</small>"
        body += f"<tr><th scope='row'>{name}</th><td><b>{written_gain(found.mean)}</b></td>{last}{cells}</tr>"
    return (
        f"<div class='scroll'><table class='repeats figures'><caption>{escape(words)} error</caption><thead><tr>"
        f"<th scope='col'></th><th scope='col'>mean</th>{more}{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def importances_html(story: SweepStory) -> str:
    """One table of bars for each figure, on one common scale; a sentence where there is nothing to show."""
    known = {
        figure: [row for row in story.importances.get(figure, ()) if is_number(row.mean)] for figure in story.figures
    }
    most = max((row.high if is_number(row.high) else row.mean for rows in known.values() for row in rows), default=1.0)
    if not any(known.values()):
        return "<p class='quiet'>There are too few finished trials to say.</p>"
    tables = []
    for figure, words in story.figures.items():
        body = "".join(_importance_row(row, max(most, 1e-9)) for row in known[figure])
        body = body or "<tr><td class='quiet'>There are too few finished trials to say.</td></tr>"
        tables.append(f"<table class='weights'><caption>{escape(words)} error</caption><tbody>{body}</tbody></table>")
    return "".join(tables)


def _importance_row(row: Importance, most: float) -> str:
    share = max(row.mean, 0.0)
    drawn = element("rect", x=0, y=3, width=percent(share / most), height=10, class_="weight")
    interval = ""
    if is_number(row.low) and is_number(row.high):
        low, high = percent(max(row.low, 0.0) / most), percent(row.high / most)
        drawn += element("line", x1=low, x2=high, y1=8, y2=8, class_="whisker")
        drawn += "".join(element("line", x1=end, x2=end, y1=4, y2=12, class_="whisker") for end in (low, high))
        interval = f" <small>{100 * row.low:.0f}–{100 * row.high:.0f}</small>"
    picture = element("svg", drawn, height=16, aria_hidden="true")
    return (
        f"<tr><th scope='row'>{breakable(row.setting)}</th><td class='wide'>{picture}</td>"
        f"<td>{100 * row.mean:.0f}{NARROW}%{interval}</td></tr>"
    )


def trials_html(story: SweepStory) -> str:
    """Every trial, in order; a failed one with its reason below it."""
    names = list(story.space)
    heads = "".join(f"<th scope='col'><small>error</small>{escape(words)}</th>" for words in story.figures.values())
    heads += "".join(
        f"<th scope='col' title='{escape(name)}'><small>{escape(name.rpartition('.')[0])}</small>"
        f"{breakable(name.rpartition('.')[2])}</th>"
        for name in names
    )
    body = "".join(_trial_rows(trial, names, story) for trial in story.trials)
    return (
        "<div class='scroll'><table class='trials'><thead><tr><th scope='col'>trial</th><th scope='col'></th>"
        f"<th scope='col'>minutes</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _trial_rows(trial: SweepTrial, names: Sequence[str], story: SweepStory) -> str:
    kind = "best" if trial.number == story.best else "default" if trial.number == 0 else ""
    role = " and ".join(word for word, holds in (("default", trial.number == 0), ("best", trial.number == story.best),
                                                 ("on the front", trial.number in story.front)) if holds)  # fmt: skip
    fate = f"{trial.fate}{how_far(trial)}"
    minutes = f"{trial.minutes:.1f}" if is_number(trial.minutes) else MISSING
    gains = "".join(f"<td>{written_gain(gain_of(trial.gains, figure))}</td>" for figure in story.figures)
    values = "".join(
        f"<td>{escape(written_setting(trial.settings[name], 3)) if name in trial.settings else MISSING}</td>"
        for name in names
    )
    badge = f"<em class='{escape(trial.fate.replace(' ', '-'))}'>{escape(fate)}</em> <small>{role}</small>"
    row = (
        f"<tr class='{kind}' data-trial='{trial.number}'><th scope='row'>{trial.number}</th>"
        f"<td class='fate'>{badge}</td><td>{minutes}</td>{gains}{values}</tr>"
    )
    if not trial.reason:
        return row
    width = 3 + len(story.figures) + len(names)
    return f"{row}<tr class='reason'><td colspan='{width}'><div>{escape(trial.reason)}</div></td></tr>"
