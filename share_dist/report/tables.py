"""The figures of a run as tables: for the terminal, and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from share_dist.report.story import RoundMark
from share_dist.report.words import (
    DISTRIBUTIONS,
    FIGURES,
    MINUS,
    MISSING,
    NARROW,
    WHY_NO_VALUE,
    Figure,
    figure_of,
    is_number,
    lacking_in_words,
    written,
    written_change,
)

_MPJPE = FIGURES[0]


def table_text(summary: Mapping[str, Any]) -> str:
    """The end of a run in a terminal: before, after and change of every figure, plain characters only."""
    lines = []
    for distribution, figures in figure_rows(summary):
        views = figure_of(summary, "before", distribution, "views")
        counts = [f"{views:,.0f} judge views" if views else "", lacking_in_words(summary, distribution)]
        noted = "; ".join(filter(None, counts))
        lines.append(f"{DISTRIBUTIONS[distribution]}{f' ({noted})' if noted else ''}")
        for figure, before, after in figures:
            change = written_change(before, after, figure)
            row = f"  {figure.label:<22}{written(before, figure):>10}{written(after, figure):>12}{change:>14}"
            own = _own_count(summary, distribution, figure)
            row += f"  ({own})" if own else ""
            lines.append(row)
    if not lines:
        return "No figures: the summary has no before and after."
    heading = f"{'':<24}{'before':>10}{'after':>12}{'change':>14}"
    why = [f"No value: {WHY_NO_VALUE}; means are over the other views."] if lacks_values(summary) else []
    return (
        "\n".join([heading, *lines, *why, rounds_text(summary.get("rounds") or ())])
        .replace(NARROW, " ")
        .replace(MINUS, "-")
        .replace(MISSING, "-")
        .replace("’", "'")
    )


def rounds_text(tries: Sequence[Mapping[str, Any]]) -> str:
    """How many rounds were kept; each may have been tried several times, and every try is a row."""
    rounds = {row["round"] for row in tries}
    accepted = {row["round"] for row in tries if row["accepted"]}
    count = f"{len(tries)} {'try' if len(tries) == 1 else 'tries'}"
    if not accepted:
        return f"FAILED: no round was accepted in {count}"
    return f"{len(accepted)} of {len(rounds)} rounds accepted in {count}"


def figure_rows(
    summary: Mapping[str, Any],
) -> list[tuple[str, list[tuple[Figure, float | None, float | None]]]]:
    """Distributions in reading order, each with the figures it has: (figure, before, after).

    A figure that was reported and has no value at all is one of them, so that its row can say so.
    """
    found = []
    for distribution in DISTRIBUTIONS:
        rows = []
        for figure in FIGURES:
            pair = [figure_of(summary, when, distribution, figure.key) for when in ("before", "after")]
            if pair != [None, None] or _is_reported(summary, distribution, figure.key):
                rows.append((figure, *pair))
        if any(pair != [None, None] for _, *pair in rows):
            found.append((distribution, rows))
    return found


def _is_reported(summary: Mapping[str, Any], distribution: str, key: str) -> bool:
    """Whether a summary names a figure, with a value or without."""
    return any(key in ((summary.get(when) or {}).get(distribution) or {}) for when in ("before", "after"))


def lacks_values(summary: Mapping[str, Any]) -> bool:
    """Whether some view of a run has no value of some metric, or a metric has none at all."""
    rows = [pair for _, figures in figure_rows(summary) for _, *pair in figures]
    return [None, None] in rows or any(
        lacking_in_words(summary, distribution, figure.key) for distribution in DISTRIBUTIONS for figure in FIGURES
    )


def figures_html(summary: Mapping[str, Any]) -> str:
    """One table for each camera distribution."""
    tables = []
    for distribution, rows in figure_rows(summary):
        views = figure_of(summary, "before", distribution, "views")
        counts = [f"{views:,.0f} judge views" if views else "", lacking_in_words(summary, distribution)]
        count = f"<small>{'; '.join(filter(None, counts))}</small>" if any(counts) else ""
        body = "".join(_figure_row(*row, _own_count(summary, distribution, row[0])) for row in rows)
        tables.append(
            f"<table class='figures'><caption>{escape(DISTRIBUTIONS[distribution])} {count}</caption>"
            "<thead><tr><th scope='col'></th><th scope='col'>before</th><th scope='col'>after</th>"
            f"<th scope='col'>change</th></tr></thead><tbody>{body}</tbody></table>"
        )
    why = f"<p class='quiet'>Views have no value where {WHY_NO_VALUE}; means are over the others.</p>"
    return "".join(tables) + (why if tables and lacks_values(summary) else "")


def _own_count(summary: Mapping[str, Any], distribution: str, figure: Figure) -> str:
    """How many views lack a value of this figure, where that is another number than the heading gives."""
    own = lacking_in_words(summary, distribution, figure.key)
    return own if own != lacking_in_words(summary, distribution) else ""


def _figure_row(figure: Figure, before: float | None, after: float | None, own_count: str) -> str:
    """One figure of one distribution."""
    change = written_change(before, after, figure)
    if before is None and after is None:
        change = "no view has a value"
    note = f" <small>{own_count}</small>" if own_count else ""
    return (
        f"<tr><th scope='row'>{escape(figure.label)}{note}</th><td>{written(before, figure)}</td>"
        f"<td>{written(after, figure)}</td>"
        f"<td class='{verdict(before, after, figure)}'>{change}</td></tr>"
    )


def verdict(before: float | None, after: float | None, figure: Figure = _MPJPE) -> str:
    """better, worse or same, as a CSS class."""
    if before is None or after is None or not (is_number(before) and is_number(after)):
        return "same"
    # As small as what the text beside it rounds to nothing.
    little = 0.0005 if figure.unit == "%" else 0.0005 * abs(before)
    if abs(after - before) < little:
        return "same"
    return "better" if (after > before) == figure.more_is_better else "worse"


def tiles_html(summary: Mapping[str, Any]) -> str:
    """The four figures that judge a run, each with a bar for either model on one common scale."""
    wanted = (
        ("all_cameras", "mpjpe_mm", "all cameras"),
        ("all_cameras", "worst_tenth_fixed_mpjpe_mm", "worst tenth, the base model’s"),
        ("all_cameras", "worst_tenth_own_mpjpe_mm", "worst tenth, each model’s own"),
        ("everyday", "mpjpe_mm", "everyday views"),
    )
    pairs = {
        text: [figure_of(summary, when, distribution, key) for when in ("before", "after")]
        for distribution, key, text in wanted
        if _is_reported(summary, distribution, key)
    }
    most = max((value for pair in pairs.values() for value in pair if value is not None), default=1.0) or 1.0
    return "".join(_tile(text, before, after, most) for text, (before, after) in pairs.items())


def _tile(text: str, before: float | None, after: float | None, most: float) -> str:
    """One figure with its two bars."""
    bars = "".join(
        f"<span class='bar {name}'><i style='width:{100 * value / most:.1f}%'></i><b>{value:.0f}</b></span>"
        for name, value in (("before", before), ("after", after))
        if value is not None
    )
    change = f"<strong class='{verdict(before, after)}'>{written_change(before, after)}</strong>"
    if before is None or after is None:
        change += f"<small>no value: {WHY_NO_VALUE}</small>"
    return f"<div class='tile'><h3>{escape(text)}</h3>{change}{bars}</div>"


def rounds_html(rounds: Sequence[RoundMark]) -> str:
    """Every attempt at a round: what steer views said, whether it was kept, and why."""
    names = [n for n in DISTRIBUTIONS if any(n in r.steer_before_mm or n in r.steer_after_mm for r in rounds)]
    heads = "".join(f"<th scope='col'>steer: {escape(DISTRIBUTIONS[n])}</th>" for n in names)
    body = "".join(_round_row(mark, names) for mark in rounds)
    return (
        "<div class='scroll'><table class='rounds'><thead><tr><th scope='col'>round</th><th scope='col'></th>"
        f"{heads}<th scope='col'>why</th><th scope='col'>settings</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def _round_row(mark: RoundMark, names: Sequence[str]) -> str:
    """One attempt."""
    cells = []
    for name in names:
        before, after = (
            float(d[name]) if is_number(d.get(name)) else None for d in (mark.steer_before_mm, mark.steer_after_mm)
        )
        change = f"<span class='{verdict(before, after)}'>{written_change(before, after)}</span>"
        label = f"steer: {escape(DISTRIBUTIONS[name])}"
        numbers = f"{written(before, _MPJPE)} → {written(after, _MPJPE)} {change}"
        cells.append(f"<td data-label='{label}'>{numbers}</td>")
    attempt = f" <small>attempt {mark.attempt}</small>" if mark.attempt > 1 else ""
    badge = "<em class='badge kept'>accepted</em>" if mark.accepted else "<em class='badge refused'>rejected</em>"
    settings = ", ".join(f"{escape(str(k))} {escape(_short(v))}" for k, v in mark.settings.items())
    return (
        f"<tr><th scope='row'>{mark.round}{attempt}</th><td>{badge}</td>{''.join(cells)}"
        f"<td class='why'>{escape(mark.why)}</td><td class='why'><small>{settings}</small></td></tr>"
    )


def _short(value: Any) -> str:
    """A setting in few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def seconds_html(summary: Mapping[str, Any]) -> str:
    """Wall time by stage as bars; nested stages are named by their path."""
    seconds = {name: value for name, value in flat(summary.get("seconds") or {}) if is_number(value)}
    total = seconds.pop("total", None)
    most = max(seconds.values(), default=1.0) or 1.0
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{value:,.1f}{NARROW}s</td>"
        f"<td class='wide'><i class='time' style='width:{100 * max(value, 0) / most:.1f}%'></i></td></tr>"
        for name, value in seconds.items()
    )
    if total is not None:
        rows += f"<tr><th scope='row'><b>total</b></th><td><b>{total:,.1f}{NARROW}s</b></td><td></td></tr>"
    return f"<table class='seconds'><tbody>{rows}</tbody></table>" if rows else ""


def pairs_html(values: Mapping[str, Any]) -> str:
    """Names and values as a definition list."""
    rows = "".join(f"<div><dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd></div>" for k, v in values.items())
    return f"<dl class='pairs'>{rows}</dl>" if rows else "<p class='quiet'>none recorded</p>"


def flat(nested: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Leaves of nested mappings with dotted names."""
    leaves: list[tuple[str, Any]] = []
    for name, value in nested.items():
        if isinstance(value, Mapping):
            leaves += flat(value, f"{before}{name}.")
        else:
            leaves.append((f"{before}{name}", value))
    return leaves
