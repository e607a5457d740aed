"""The same losses and samples at every number of ranks and ZeRO stage, over nodes, also while nodes come and go."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from share_dist.errors import WorkersLost
from share_dist.storage import open_store
from share_dist.studies.chaos_audit import Audit, follow_steps
from share_dist.studies.cluster_work import NOTED, Work, command
from share_dist.studies.ground import Ground, ground
from share_dist.training import checkpoints

Event = Literal["kill at the start", "kill", "drain", "add"]
STEPS = 20
WITHIN = 1e-5
"""How far losses may differ: float32 sums in another order, over twenty steps of AdamW."""


_AWAIT_RESERVATION = """
import time, ray
from ray.util.placement_group import placement_group_table
ray.init(address="auto", logging_level="ERROR")
print("looking", flush=True)
while not any(found["state"] == "CREATED" for found in placement_group_table().values()):
    time.sleep(0.01)
print("reserved", flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """One way to take the same steps, and what was seen."""

    zero_stage: Literal[0, 1, 2, 3]
    ranks: tuple[int, ...]
    """How many ranks each start of the training had."""

    losses: tuple[float, ...]
    steps_out_of_order: int
    steps_missing: int
    steps_repeated: tuple[int, ...]
    hosts: tuple[str, ...]
    """The nodes that ranks ran on, in any start."""

    def furthest_from(self, other: World) -> float:
        """Return the largest difference of a step's loss."""
        return float(np.max(np.abs(np.subtract(self.losses, other.losses))))


def steady(
    where: Ground,
    worlds: Sequence[tuple[Literal[0, 1, 2, 3], int]],
    labels: Mapping[int, str] | None = None,
    passes: int = 1,
) -> list[World]:
    """Train the same 20 steps at each ZeRO stage and number of ranks, one after the other.

    Args:
        where: the cluster.
        worlds: stages and numbers of ranks.
        labels: of the nodes that may train, by the world's position; in the others all may.
        passes: how often each view is learned from.

    Raises:
        errors.WorkersLost: a training failed; the message has what the driver said.
    """
    works = [
        _work(
            where,
            f"zero-{stage}-on-{ranks}",
            zero_stage=stage,
            workers=ranks,
            passes=passes,
            training_labels=(labels or {}).get(index),
        )
        for index, (stage, ranks) in enumerate(worlds)
    ]
    done = where.ray.driver(command(works), timeout_s=120 + 60 * len(works))
    if done.returncode:
        raise WorkersLost(f"a training over nodes failed:\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
    return [_seen(work) for work in works]


def changing(
    where: Ground, events: Sequence[Event], zero_stage: Literal[0, 1, 2, 3] = 2, steps: int = 40, passes: int = 1
) -> World:
    """Train while nodes are killed, drained and added, each a checkpoint or more after the one before had its effect.

    It begins with a rank on each of two nodes, goes on with one after a loss, and takes the second back after an "add".
    A "kill at the start", which can only be the first, is one between the ranks' reservation and their first step.
    """
    work = _work(
        where, f"after-{'-'.join(events)}", zero_stage=zero_stage, workers=2, min_workers=1, steps=steps, passes=passes
    )
    last, (first, *later) = where.workers[-1], events
    if first == "kill at the start":
        watcher = _watch(where)
        driver = where.ray.start_driver(command([work]), log=first)
        _until(lambda: watcher.poll() is not None, driver, "a reservation", 90.0, every_s=0.005)
        last.power_off()
    else:
        driver, later = where.ray.start_driver(command([work]), log=first), events
    log, training = where.head.disk / f"{first}.log", open_store(f"{work.out}/training")
    for event in later:
        await_checkpoint(work, checkpoints.latest_step(training) + work.checkpoint_every, driver)
        if event == "add":
            where.come_back(last)
            _until(lambda: "there is room for 2" in log.read_text("utf-8"), driver, "a stop to take the node in", 60.0)
        else:
            if event == "drain":
                where.ray.drain(last, 30)
                _until(lambda: "must leave" in log.read_text("utf-8"), driver, "an answer to the notice", 60.0)
            last.power_off()
    if driver.wait(timeout=300):
        raise WorkersLost(f"the driver failed: {log.read_text('utf-8')[-2000:]}")
    return _seen(work)


def _watch(where: Ground) -> subprocess.Popen:
    """Start a process on the head that ends in the moment in which ranks have a reservation."""
    watcher = where.ray.start_driver(["python", "-c", _AWAIT_RESERVATION], log="watcher")
    log = where.head.disk / "watcher.log"
    _until(lambda: "looking" in log.read_text("utf-8"), watcher, "a look at the reservations", 60.0)
    return watcher


def whole_grid() -> tuple[list[World], list[World]]:
    """Return the proof's worlds: one to three ranks at all stages, and a training that nodes leave and join, at two."""
    with ground(3, "worlds", "10.77.2") as where:
        stages: tuple[Literal[0, 1, 2, 3], ...] = (0, 1, 2, 3)
        grid = steady(where, [(stage, ranks) for stage in stages for ranks in (1, 2, 3)])
    moving = []
    for stage in (0, 3):
        with ground(2, "worlds", "10.77.2") as where:
            moving.append(changing(where, ("drain", "add", "kill"), stage, steps=200))
    return grid, moving


def worlds_table(grid: Sequence[World], moving: Sequence[World]) -> str:
    """Lay the worlds out as Markdown; differences are from one rank at stage 0."""
    lines = ["| ZeRO | ranks | largest difference of a loss | samples out of order | missing | steps repeated |"]
    lines += ["|---|---|---|---|---|---|"]
    for world in [*grid, *moving]:
        differs = f"{world.furthest_from(grid[0]):.1e}" if len(world.losses) == len(grid[0].losses) else "longer run"
        ranks = " → ".join(map(str, world.ranks))
        repeated = ", ".join(map(str, world.steps_repeated)) or "0"
        lines.append(
            f"| {world.zero_stage} | {ranks} | {differs} | {world.steps_out_of_order} | {world.steps_missing} "
            f"| {repeated} |"
        )
    return "\n".join(lines)


def _work(where: Ground, name: str, **settings: Any) -> Work:
    return Work(out=f"{where.bucket.uri}/{name}", parts=("train",), **{"steps": STEPS, **settings})


def _seen(work: Work) -> World:
    store, found = open_store(work.out), Audit()
    notes = json.loads(store.read(NOTED))
    follow_steps(notes, work, found)
    lines = [json.loads(line) for line in store.read("training/metrics.jsonl").decode().splitlines()]
    ranks = {note["start"]: note["ranks"] for note in notes}
    return World(
        zero_stage=work.zero_stage,
        ranks=tuple(ranks.values()),
        losses=tuple(line["loss"] for line in lines),
        steps_out_of_order=found.steps_out_of_order,
        steps_missing=found.steps_missing,
        steps_repeated=tuple(found.steps_repeated),
        hosts=tuple(sorted({note["host"] for note in notes})),
    )


def await_checkpoint(work: Work, step: int, driver: subprocess.Popen, patience_s: float = 180.0) -> None:
    """Wait until a work's training has a checkpoint after so many steps.

    Raises:
        errors.WorkersLost: its driver ended or the patience did.
    """
    training = open_store(f"{work.out}/training")
    _until(lambda: checkpoints.latest_step(training) >= step, driver, f"a checkpoint after step {step}", patience_s)


def _until(come: Any, driver: subprocess.Popen, what: str, patience_s: float, every_s: float = 0.2) -> None:
    deadline = time.monotonic() + patience_s
    while not come():
        if time.monotonic() > deadline or driver.poll() is not None:
            raise WorkersLost(f"waited in vain for {what}; the driver's status is {driver.poll()}.")
        time.sleep(every_s)
