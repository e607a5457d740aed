"""Charts as SVG without scripts: axes, ticks, marks and legends.

Places are shares of the drawing's width and height. Browsers stretch shares to the room there is and leave type and
marks at their size, so that one drawing serves a wide screen and a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

MARKS = {
    "done": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "early": "M-4.6-3.6h9.2l-4.6 8z",
    "running": "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
    "failed": "M-4-4l8 8M-4 4l8-8",
    "default": "M0-6.4l6.4 6.4l-6.4 6.4l-6.4-6.4z",
    "best": "M-6.4 0a6.4 6.4 0 1 0 12.8 0a6.4 6.4 0 1 0-12.8 0z",
}
"""Outlines around (0, 0), in pixels; each has a CSS class of its name."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values between two ends."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies on the way from low to high, in [0, 1]; what lies outside is put at the end."""
        if self.high <= self.low:
            return 0.5
        ends = (self.low, self.high, min(max(value, self.low), self.high))
        low, high, at = map(math.log, ends) if self.log else ends
        return (at - low) / (high - low)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers in even steps within the axis."""
        rough = (self.high - self.low) / max(about, 1)
        if not rough > 0:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [count * step for count in range(first, last + 1)]


def robust_axis(values: Sequence[float], always: Sequence[float] = ()) -> Axis:
    """An axis around gains that is not squeezed by a few very bad ones.

    Args:
        values: the gains; at least one of these or of `always`.
        always: those that must lie inside.
    """
    ordered = sorted([*values, *always])
    quarter, three = (ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.75))
    floor = quarter - 3 * max(three - quarter, 1.0)
    low, high = min([v for v in values if v >= floor] + list(always), default=floor), ordered[-1]
    room = max(0.07 * (high - low), 0.2)
    return Axis(low - room, high + room)


def element(kind: str, content: str = "", **attributes: object) -> str:
    """One SVG element; a trailing underscore of an attribute is left out, others become hyphens, and None is none."""
    said = "".join(
        f" {name.rstrip('_').replace('_', '-')}='{escape(str(value))}'"
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{kind}{said}>{content}</{kind}>" if content else f"<{kind}{said}/>"


def percent(share: float) -> str:
    """A share as SVG wants a place."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def segment(start: tuple[float, float], end: tuple[float, float], kind: str | None = None) -> str:
    """A straight line between two places, (across, down)."""
    (x1, y1), (x2, y2) = start, end
    return element("line", x1=percent(x1), y1=percent(y1), x2=percent(x2), y2=percent(y2), class_=kind)


def label(text: str, at: tuple[float, float], kind: str, shift_px: tuple[float, float] = (0, 0), **more: object) -> str:
    """Words at a place, moved by some pixels."""
    x, y = (f"{px:g}" if px else None for px in shift_px)
    return element("text", escape(text), x=percent(at[0]), y=percent(at[1]), dx=x, dy=y, class_=kind, **more)


def mark(kind: str, at: tuple[float, float], trial: int, text: str, extra: str = "") -> str:
    """A trial's mark; `text` is shown to whoever points at it."""
    content = element("title", escape(text)) + element("path", d=MARKS[kind])
    group = element("g", content, class_=f"mark {kind} {extra}".strip(), data_trial=trial)
    return element("svg", group, x=percent(at[0]), y=percent(at[1]))


def key(kind: str, text: str) -> str:
    """An entry of a legend: a mark and what it means."""
    drawn = element("g", element("path", d=MARKS[kind]), class_=f"mark {kind}")
    return f"<span class='key'><svg viewBox='-8 -8 16 16'>{drawn}</svg>{escape(text)}</span>"


def line_key(kind: str, text: str) -> str:
    """An entry of a legend: a line and what it means."""
    drawn = element("line", x1=0, y1=8, x2=22, y2=8, class_=kind)
    return f"<span class='key'><svg class='long' viewBox='0 0 22 16'>{drawn}</svg>{escape(text)}</span>"


def drawing(content: str, height_px: int, words: str) -> str:
    """A whole picture, as wide as its place."""
    return element("svg", content, height=height_px, role="img", aria_label=words)
