"""Where a run is and how long it will take: one line when a stage begins, with the time that is left."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from share_dist.storage import Store

log = logging.getLogger("share_dist")
SECONDS = "seconds.json"


class Progress:
    """Stages of a run in order, with what each is expected to cost.

    Expected costs are only relative: the time that is left is what is still to do times how this machine has kept
    up so far. Seconds spent are kept beside the results, so that a resumed run still reports them all.
    """

    def __init__(self, store: Store, expected_s: dict[str, float]):
        """Take the run's store and the stages in order, each with its expected seconds on two cores."""
        self.store, self.expected_s = store, expected_s
        self.seconds: dict[str, float] = json.loads(store.read(SECONDS)) if store.exists(SECONDS) else {}
        self.done: set[str] = set()
        self.spent_here_s, self.expected_here_s = 0.0, 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage, time it, and note its seconds; a stage nobody planned is announced without a number."""
        place = list(self.expected_s).index(name) + 1 if name in self.expected_s else None
        number = f"{place}/{len(self.expected_s)} " if place else ""
        log.info("[%s%s] about %s left", number, name, minutes(self.left_s()))
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        self.done.add(name)
        self.spent_here_s += took
        self.expected_here_s += self.expected_s.get(name, 0.0)
        self.seconds[name] = round(max(self.seconds.get(name, 0.0), took), 2)
        self.store.overwrite(SECONDS, json.dumps(self.seconds, indent=1).encode())

    def say(self, line: str) -> None:
        """Print one line about what just happened."""
        log.info("    %s", line)

    def left_s(self) -> float:
        """Seconds still to go, at the pace of this run so far."""
        todo = sum(cost for name, cost in self.expected_s.items() if name not in self.done)
        pace = self.spent_here_s / self.expected_here_s if self.expected_here_s else 1.0
        return todo * pace


def minutes(seconds: float) -> str:
    """Minutes and seconds as people say them: `6 min 20 s`."""
    whole = int(round(seconds / 5) * 5)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{max(whole, 5)} s"
