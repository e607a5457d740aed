"""`ViewFeed`: a training rank's records, in exact order, rendered some steps ahead and kept for later passes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from share_dist.errors import WorkersLost
from share_dist.fleet.actors import plan_parcel
from share_dist.fleet.asking import fetch
from share_dist.fleet.pools import RenderHandles
from share_dist.render import Records
from share_dist.scene import ViewPlan

CHUNK = 64
"""Views asked of one renderer at a time: a batch is spread over several, and a call still lasts longer than its
dispatch."""

LOOK_EVERY_S = 5.0
"""How often a feed looks whether renderers joined or left."""

Row = tuple[dict[str, np.ndarray], int]


class PictureCache:
    """Records by view number, up to a limit of memory; what comes later is not kept."""

    def __init__(self, limit_bytes: int):
        self.limit_bytes, self.used_bytes = limit_bytes, 0
        self.rows: dict[int, Row] = {}

    def add(self, records: Records) -> dict[int, Row]:
        """Keep the records if there is room, and return them by number either way."""
        arrays = records.arrays()
        size = sum(array.nbytes for array in arrays.values())
        keep = self.used_bytes + size <= self.limit_bytes
        if keep:
            # What Ray hands out lies in its shared memory and would fill it; a copy is ours.
            arrays = {name: np.array(array) for name, array in arrays.items()}
        rows = {int(number): (arrays, row) for row, number in enumerate(records.numbers)}
        if keep:
            self.rows.update(rows)
            self.used_bytes += size
        return rows


@dataclass(slots=True)
class _Step:
    """A step that was asked for: its numbers, and what is under way for it."""

    numbers: Int64[np.ndarray, " batch"]
    asked: list[tuple[Int64[np.ndarray, " part"], Any]]


class ViewFeed:
    """Iterates over the records of given view numbers, step after step, in exactly their order.

    Lives in the process that trains. Renderers that die are Ray's to restart; their views are asked for again and are
    the same. `waited_s` says how long the process stood still for pictures.
    """

    def __init__(
        self,
        handles: RenderHandles,
        plan: ViewPlan,
        numbers_by_step: Iterable[Int64[np.ndarray, " batch"]],
        ahead: int = 4,
        cache_mb: int = 2048,
        timeout_s: float = 600.0,
    ):
        """Prepare a feed; nothing is asked for before the first step is.

        Args:
            handles: from `Fleet.handles`.
            plan: what the numbers mean.
            numbers_by_step: the view numbers of each step, in order; may be made on the way.
            ahead: steps to ask for in advance.
            cache_mb: memory for pictures that come again.
            timeout_s: longest silence of a renderer before the training gives up.
        """
        self.handles, self.plan, self.ahead, self.timeout_s = handles, plan, max(ahead, 0), timeout_s
        self.numbers_by_step = numbers_by_step
        self.cache = PictureCache(cache_mb * 1_000_000)
        self.waited_s, self.rendered = 0.0, 0
        self._turn, self._looked, self._names = 0, 0.0, list[str]()
        self.actors: list[Any] = []

    def __iter__(self) -> Iterator[Records]:
        """Yield a Records of each step."""
        self.parcel = plan_parcel(self.plan)
        self._await_renderers()
        under_way = deque[_Step]()
        for numbers in self.numbers_by_step:
            under_way.append(self._ask(np.asarray(numbers, dtype=np.int64)))
            if len(under_way) > self.ahead:
                yield self._deliver(under_way.popleft())
        while under_way:
            yield self._deliver(under_way.popleft())

    def _ask(self, numbers: Int64[np.ndarray, " batch"]) -> _Step:
        missing = np.array([number for number in dict.fromkeys(numbers.tolist()) if number not in self.cache.rows])
        parts = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
        return _Step(numbers, [(part, self._request(part)) for part in parts])

    def _request(self, numbers: Int64[np.ndarray, " part"]) -> Any:
        self._turn += 1
        if time.monotonic() - self._looked > LOOK_EVERY_S:
            self._find_renderers()
        return self.actors[self._turn % len(self.actors)].records.remote(self.parcel, numbers)

    def _await_renderers(self) -> None:
        deadline = time.monotonic() + self.timeout_s
        self._find_renderers()
        while not self.actors:
            if time.monotonic() > deadline:
                raise WorkersLost(
                    f"no renderer was ready within {self.timeout_s:g} s.\n"
                    "  See `share-dist explain`; then run the same command again."
                )
            time.sleep(0.5)
            self._find_renderers()

    def _find_renderers(self) -> None:
        """Look who renders now; while nobody does, keep asking those who did."""
        self._looked = time.monotonic()
        names = self.handles.names()
        found = self.handles.actors() if names != self._names else []
        if found:
            self.actors, self._names = found, names

    def _deliver(self, step: _Step) -> Records:
        started, fresh = time.perf_counter(), dict[int, Row]()
        for part, reference in step.asked:
            doing = f"rendering {len(part)} views, first {part[0]}"
            records = fetch(lambda part=part: self._request(part), reference, self.timeout_s, doing)
            fresh.update(self.cache.add(records))
            self.rendered += len(part)
        self.waited_s += time.perf_counter() - started
        known = self.cache.rows
        rows = [fresh[number] if number in fresh else known[number] for number in step.numbers.tolist()]
        return _stacked(rows)


def _stacked(rows: Sequence[Row]) -> Records:
    return Records(**{name: np.stack([arrays[name][row] for arrays, row in rows]) for name in rows[0][0]})


@dataclass(frozen=True, slots=True)
class FleetPictures:
    """A plan's records for training ranks: travels by pickle, and is opened in each rank."""

    handles: RenderHandles
    plan: ViewPlan
    cache_mb: int
    timeout_s: float

    def feed(self, numbers_by_step: Sequence[Int64[np.ndarray, " batch"]], ahead: int) -> Iterator[Records]:
        """Yield the records of each step, asking up to `ahead` steps in advance."""
        return iter(ViewFeed(self.handles, self.plan, numbers_by_step, ahead, self.cache_mb, self.timeout_s))
