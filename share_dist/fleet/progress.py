"""Progress a person can follow in `ray job logs`: one line an event, at most every ten seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

log = logging.getLogger("share_dist")

EVERY_S = 10.0


class ViewProgress:
    """Counts views, or another unit, and says now and then how many are done, how fast, and when it will be over."""

    def __init__(
        self,
        label: str,
        total: int,
        found: int = 0,
        workers: str = "",
        say: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        unit: str = "views",
    ):
        self.unit = unit
        self.label, self.total, self.done, self.found = label, total, found, found
        self.workers, self.say, self.clock = workers, say or log.info, clock
        self.started = self.last = clock()
        if found > 0:
            self.say(f"{label}  {found:,}/{total:,} {unit} were there already")

    def add(self, views: int) -> None:
        """Note that views were finished."""
        self.done += views
        now = self.clock()
        if now - self.last >= EVERY_S or self.done == self.total:
            self.last = now
            self.say(self.line())

    def line(self) -> str:
        """Return the line as it stands: done, share, rate since the start, time to go, workers."""
        seconds = max(self.clock() - self.started, 1e-9)
        rate = (self.done - self.found) / seconds
        left = (self.total - self.done) / rate if rate > 0 else 0.0
        unit = self.unit
        tail = f"eta {timedelta(seconds=round(left))}" if self.done < self.total else f"in {seconds:,.0f} s"
        share = 100 * self.done // self.total
        return (
            f"{self.label}  {self.done:>6,}/{self.total:,} {unit}  {share:3d} %  {rate:7,.1f} {unit}/s  {tail}"
            f"{'  ' + self.workers if self.workers else ''}"
        )
