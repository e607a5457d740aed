"""How sure a finalist is: its figures over seeds, and its paired difference to the default settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from share_dist.report.sweep_story import Repeat
from share_dist.report.sweep_words import gain_of
from share_dist.report.words import MISSING, NARROW, signed


@dataclass(frozen=True, slots=True)
class Compared:
    """What repeats say of one figure of one trial."""

    mean: float | None
    """Mean gain over its seeds, per cent."""

    words: str
    """The difference to the default, of the errors' changes: negative is better."""

    sense: str
    """`better` or `worse` where the interval leaves no doubt, else `same`; a CSS class."""


def compared(repeat: Repeat, default: Repeat | None, figure: str) -> Compared:
    """Compare a trial with the default over the seeds that both have."""
    own = _by_seed(repeat, figure)
    mean = sum(own.values()) / len(own) if own else None
    theirs = _by_seed(default, figure) if default is not None and default.number != repeat.number else {}
    pairs = [own[seed] - theirs[seed] for seed in own if seed in theirs]
    if not pairs:
        return Compared(mean, MISSING, "same")
    centre = sum(pairs) / len(pairs)
    points = f"{signed(-centre, 1)}{NARROW}points"
    if len(pairs) == 1:
        return Compared(mean, f"{points}, one seed only", "same")
    half = t_half_width(pairs)
    ends = f"{signed(-centre - half, 1)} to {signed(-centre + half, 1)}"
    # An end that is written as 0.0 leaves doubt.
    sense = "same" if abs(centre) - half < 0.05 else "better" if centre > 0 else "worse"
    return Compared(mean, f"{points} ({ends})", sense)


def t_half_width(values: Sequence[float], share: float = 0.95) -> float:
    """Half the width of Student's t interval around the mean of two or more values."""
    count = len(values)
    mean = sum(values) / count
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return float(stdtrit(count - 1, (1 + share) / 2)) * deviation / math.sqrt(count)


def _by_seed(repeat: Repeat, figure: str) -> dict[int, float]:
    gains = {seed: gain_of(figures, figure) for seed, figures in repeat.gains.items()}
    return {seed: gain for seed, gain in gains.items() if gain is not None}
