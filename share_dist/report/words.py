"""Numbers as words: the sentence a report opens with, and how errors and changes are written everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NARROW = "\u202f"
MINUS = "\u2212"
MISSING = "–"

WHY_NO_VALUE = "the network’s answer there, or the truth, is no finite number"
"""Why a view may have no value of a metric; said wherever some have none."""

DISTRIBUTIONS = {
    "all_cameras": "all cameras",
    "everyday": "everyday",
    "full_sphere": "full sphere, no floor",
    "close_up": "close up",
}
"""Camera distributions in reading order, with their names on the page."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How one number of a model is called and written."""

    key: str
    label: str
    unit: str
    digits: int = 0
    more_is_better: bool = False


FIGURES = (
    Figure("mpjpe_mm", "MPJPE", "mm", 1),
    Figure("worst_tenth_fixed_mpjpe_mm", "worst tenth, fixed", "mm", 1),
    Figure("worst_tenth_own_mpjpe_mm", "worst tenth, own", "mm", 1),
    Figure("pa_mpjpe_mm", "PA-MPJPE", "mm", 1),
    Figure("pve_mm", "PVE", "mm", 1),
    Figure("mpjpe_root_aligned_mm", "MPJPE, root aligned", "mm", 1),
    Figure("root_error_deg", "root error", "°", 1),
    Figure("flip_share", "flips, root > 90°", "%", 1),
    Figure("pck150", "PCK at 150 mm", "%", 1, more_is_better=True),
    Figure("auc", "AUC of PCK", "%", 1, more_is_better=True),
)
"""The figures of a model, in reading order; those a summary lacks are left out."""


def figure_of(summary: Mapping[str, Any], when: str, distribution: str, key: str) -> float | None:
    """One number of summary.json, such as ("before", "all_cameras", "mpjpe_mm"); None when missing or not finite."""
    value: Any = ((summary.get(when) or {}).get(distribution) or {}).get(key)
    return float(value) if is_number(value) else None


def is_number(value: Any) -> bool:
    """True for finite ints and floats, numpy's included; False for bool, None, NaN and all else."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def written(value: float | None, figure: Figure) -> str:
    """A figure with its unit: "131.2 mm"; a dash when missing."""
    if not is_number(value) or value is None:
        return MISSING
    scaled = value * 100 if figure.unit == "%" else value
    space = "" if figure.unit == "°" else NARROW
    return f"{scaled:.{figure.digits}f}{space}{figure.unit}".replace("-", MINUS)


def change_share(before: float | None, after: float | None) -> float | None:
    """Relative change, −0.3 for 30 % less; None when it cannot be told."""
    if before is None or after is None or not (is_number(before) and is_number(after)) or before == 0:
        return None
    return after / before - 1.0


def written_change(before: float | None, after: float | None, figure: Figure | None = None) -> str:
    """A change as "−30 %", one decimal below ten per cent; shares change in percentage points, as "−4.1 points"."""
    if figure is not None and figure.unit == "%":
        if before is None or after is None or not (is_number(before) and is_number(after)):
            return MISSING
        return f"{signed((after - before) * 100, 1)}{NARROW}points"
    share = change_share(before, after)
    if share is None:
        return MISSING
    digits = 0 if abs(share) >= 0.0995 else 1
    return f"{signed(share * 100, digits)}{NARROW}%"


def signed(value: float, digits: int) -> str:
    """A number with its sign, a true minus, and no sign on zero; a dash where it is none."""
    if not is_number(value):
        return MISSING
    text = f"{value:+.{digits}f}".replace("-", MINUS)
    return text[1:] if not any(digit in text for digit in "123456789") else text


def mm(value: float | None, digits: int = 0) -> str:
    """Millimetres: "131 mm"; a dash where there is no number."""
    return f"{value:.{digits}f}{NARROW}mm" if is_number(value) else MISSING


def views_without(before: int, after: int) -> str:
    """How many views lack a value: "3 have no value before, 1 after"; nothing where all have one."""
    counts = [f"{count:,} {{}}{when}" for when, count in (("before", before), ("after", after)) if count]
    first, *others = [*counts, ""]
    has = "has no value " if first.startswith("1 ") else "have no value "
    return ", ".join([first.format(has), *(each.format("") for each in others if each)])


def lacking_in_words(summary: Mapping[str, Any], distribution: str, key: str = "mpjpe_mm") -> str:
    """How many of a distribution's views lack a value of a figure, by what the summary counted."""
    counts = [
        ((summary.get(when) or {}).get(distribution) or {}).get("without_value") or {} for when in ("before", "after")
    ]
    # A worst tenth is of MPJPE, and has no count of its own.
    return views_without(*(count.get(key, count.get("mpjpe_mm", 0)) for count in counts))


def headline(summary: Mapping[str, Any], repaired: bool) -> str:
    """The one sentence, with the judge's true numbers; it says so when nothing was repaired."""
    before, after = (figure_of(summary, when, "all_cameras", "mpjpe_mm") for when in ("before", "after"))
    if not repaired:
        now = "" if before is None else f" Seen from all cameras its mean error is still {mm(before)}."
        return f"FAILED: no round was accepted, so the model is as it was.{now}"
    if before is None or after is None:
        return "The run was repaired, but its summary lacks the figures for all cameras."
    verb = "fell" if after < before else "rose" if after > before else "stayed"
    return (
        f"Seen from all cameras, the model’s mean error {verb} from {mm(before)} to {mm(after)} "
        f"({written_change(before, after)})."
    )


def second_line(summary: Mapping[str, Any]) -> str:
    """Both worst tenths and the everyday views, in one line; empty when the summary has none of them."""
    parts = []
    for key, text in (
        ("worst_tenth_fixed_mpjpe_mm", "in the tenth of camera space where the base model is worst, {}"),
        ("worst_tenth_own_mpjpe_mm", "in the tenth where each model is itself worst, {}"),
    ):
        pair = _pair(summary, "all_cameras", key)
        if pair:
            parts.append(text.format(pair))
    pair = _pair(summary, "everyday", "mpjpe_mm")
    if pair:
        parts.append(f"on everyday views, {pair}")
    line = "; ".join(parts)
    return f"{line[:1].upper()}{line[1:]}." if line else ""


def _pair(summary: Mapping[str, Any], distribution: str, key: str) -> str:
    """One comparison, as 253 → 149 mm (−41 %), or nothing."""
    before, after = (figure_of(summary, when, distribution, key) for when in ("before", "after"))
    if before is None or after is None:
        return ""
    return f"{before:.0f} → {mm(after)} ({written_change(before, after)})"
