"""The tables of the proof: every run before and after, and by how much each method changes each figure over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from share_dist.report.sweep_repeats import t_half_width

FIGURES = (
    ("all_cameras", "mpjpe_mm"),
    ("all_cameras", "pa_mpjpe_mm"),
    ("all_cameras", "worst_tenth_fixed_mpjpe_mm"),
    ("all_cameras", "worst_tenth_own_mpjpe_mm"),
    ("everyday", "mpjpe_mm"),
)
CONFIDENCE = 0.95

Summary = Mapping[str, Any]


def runs_table(runs: Mapping[str, Summary]) -> str:
    """Lay every run out as a row of a Markdown table."""
    rows = [
        [name, *(change_text(summary, *figure) for figure in FIGURES), f"{sum(summary['seconds'].values()) / 60:.1f}"]
        for name, summary in runs.items()
    ]
    return markdown(["run", *titles(), "minutes"], rows)


def changes_table(methods: Mapping[str, Sequence[Summary]]) -> str:
    """Lay every method out as a row of a Markdown table: the relative change of each figure over its seeds."""
    rows = [
        [name, str(len(summaries)), *(interval_text([change(s, *figure) for s in summaries]) for figure in FIGURES)]
        for name, summaries in methods.items()
    ]
    return markdown(["method", "seeds", *titles()], rows)


def titles() -> list[str]:
    """Heads of the figures' columns."""
    return [f"{distribution} {figure}" for distribution, figure in FIGURES]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def change(summary: Summary, distribution: str, figure: str) -> float:
    """By what share of itself a figure rose."""
    before, after = (summary[when][distribution][figure] for when in ("before", "after"))
    return after / before - 1


def change_text(summary: Summary, distribution: str, figure: str) -> str:
    """Write a figure before and after, and by how much it fell or rose."""
    before, after = (summary[when][distribution][figure] for when in ("before", "after"))
    return f"{before:.1f} → {after:.1f} ({100 * change(summary, distribution, figure):+.1f} %)"


def half_width(values: Sequence[float]) -> float:
    """Half of the confidence interval of a mean, by Student's t; NaN for a single value, which has no spread."""
    return math.nan if len(values) < 2 else t_half_width(values, CONFIDENCE)


def interval_text(changes: Sequence[float]) -> str:
    """Write the mean of relative changes with its interval; of a single seed only the change."""
    mean, half = 100 * float(np.mean(changes)), 100 * half_width(changes)
    return f"{mean:+.1f} %" if math.isnan(half) else f"{mean:+.1f} ± {half:.1f} %"
