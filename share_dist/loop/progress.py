"""Where a run is and how long it will take: one line when a stage begins, with the time that is left."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from share_dist.errors import DamagedFile, ShareDistError
from share_dist.storage import MAKE_AGAIN, Store, read_sealed, sealed

log = logging.getLogger("share_dist")
SECONDS = "seconds.json"
NOTE_EVERY_S = 5.0


class StageProgress:
    """Stages of a run in order, with what each is expected to cost.

    Expected costs are only relative: the time that is left is what is still to do times how this machine has kept
    up so far. Seconds spent are kept beside the results every few seconds, so that a killed run that goes on still
    reports them all. A stage that was finished before costs nothing again and says nothing about the pace.
    """

    def __init__(self, store: Store, expected_s: dict[str, float]):
        """Take the run's store and the stages in order, each with its expected seconds on two cores."""
        self.store, self.expected_s = store, expected_s
        self.seconds, self.finished = _kept(store)
        self.done: set[str] = set()
        self.spent_here_s, self.expected_here_s = 0.0, 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage, time it, and note its seconds; a stage nobody planned is announced without a number."""
        place = list(self.expected_s).index(name) + 1 if name in self.expected_s else None
        number = f"{place}/{len(self.expected_s)} " if place else ""
        log.info("[%s%s] about %s left", number, name, minutes(self.left_s()))
        if name in self.finished:
            yield
        else:
            with self._timed(name):
                yield
        self.done.add(name)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        """Add the time inside to the stage's, and keep the sum every few seconds in case this process is killed."""
        # Set here, because the thread below may not add a key while another part of the run reads the table.
        earlier = self.seconds.setdefault(name, 0.0)
        started, over = time.monotonic(), threading.Event()

        def note() -> None:
            self.seconds[name] = round(earlier + time.monotonic() - started, 2)
            self._keep()

        def note_now_and_then() -> None:
            while not over.wait(NOTE_EVERY_S):
                # A full disk is for the work itself to report.
                with contextlib.suppress(ShareDistError):
                    note()

        noting = threading.Thread(target=note_now_and_then, daemon=True)
        noting.start()
        try:
            yield
        finally:
            over.set()
            noting.join()
        self.finished.append(name)
        note()
        self.spent_here_s += self.seconds[name] - earlier
        self.expected_here_s += self.expected_s.get(name, 0.0)

    def _keep(self) -> None:
        kept = {"spent": self.seconds, "finished": self.finished}
        self.store.overwrite(SECONDS, sealed(kept))

    def say(self, line: str) -> None:
        """Print one line about what just happened."""
        log.info("    %s", line)

    def left_s(self) -> float:
        """Seconds still to go, at the pace of this run so far."""
        over = self.done.union(self.finished)
        todo = sum(cost for name, cost in self.expected_s.items() if name not in over)
        pace = self.spent_here_s / self.expected_here_s if self.expected_here_s else 1.0
        return todo * pace


def _kept(store: Store) -> tuple[dict[str, float], list[str]]:
    """Return the seconds spent by stage, and the stages that were finished.

    Raises:
        errors.DamagedFile: they have changed since they were written, or are something else.
    """
    kept = read_sealed(store, SECONDS) if store.exists(SECONDS) else {"spent": {}, "finished": []}
    match kept:
        case {"spent": dict(spent), "finished": list(finished)}:
            return spent, finished
    raise DamagedFile(f"{store.uri(SECONDS)} does not say how long which stage took.\n  {MAKE_AGAIN}")


def minutes(seconds: float) -> str:
    """Minutes and seconds as people say them: `6 min 20 s`."""
    whole = int(round(seconds / 5) * 5)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{max(whole, 5)} s"
