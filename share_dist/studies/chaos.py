"""`share-dist chaos`: survey → train → survey on nodes and a bucket of this machine while a seeded schedule strikes.

Three worker nodes of namespaces with a core each, a head without work, moto's S3 server behind our fault proxy. The
driver is started again whenever it ends before its work is done, as `share-dist submit` would. In the end an audit of
what is stored says whether anything was lost, doubled, changed or repeated.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from share_dist.errors import WorkersLost
from share_dist.storage import MANIFEST, Store, open_store
from share_dist.studies.chaos_audit import Audit, as_json, audit, plain_rows
from share_dist.studies.cluster_work import Work, command
from share_dist.studies.faults import DISK_MB, STAGES, Fault, schedule, strike
from share_dist.studies.ground import Ground, ground
from share_dist.survey import block_ranges

log = logging.getLogger("share_dist")
DEADLINE_S = 900.0
_LOOK_EVERY_S = 0.3


def run_chaos(
    seed: int,
    workers: int = 3,
    each_stage: Sequence[int] = (2, 2, 1),
    steps: int = 30,
    passes: int = 1,
) -> dict[str, Any]:
    """Go through one schedule and return what happened and what the audit found.

    Args:
        seed: the schedule's number.
        workers: worker nodes.
        each_stage: how many faults each stage has.
        steps: of the training.
        passes: how often each of its views is learned from.

    Returns:
        JSON values: `faults`, each with its `recovery_seconds`, `rows_lost`, `rows_doubled`, `rows_different`,
        `steps_repeated`, `recovery_seconds` of all, `drivers` started, `failures` of the promise in words (none).

    Raises:
        errors.NamespacesRefused: this machine does not allow it.
        errors.WorkersLost: the work was not done within the deadline.
    """
    with ground(workers, "chaos", "10.77.1", seed, disk_mb=DISK_MB) as where:
        out = f"{where.bucket.uri}/chaos-{seed}"
        work = Work(out=out, steps=steps, passes=passes, workers=2, min_workers=1, render_actors=workers)
        store = open_store(out)
        began = time.monotonic()
        run = _Run(where, store, work)
        run.through(schedule(seed, workers, each_stage))
        found = audit(store, work, plain_rows(store, work.views))
        return _figures(seed, run, found, time.monotonic() - began)


class _Run:
    """One run on its way: its driver, its progress as the bucket shows it, and what has struck it."""

    def __init__(self, where: Ground, store: Store, work: Work):
        self.where, self.store, self.work = where, store, work
        self.struck: list[dict[str, Any]] = []
        self.drivers = 0
        self.deadline = time.monotonic() + DEADLINE_S
        self._driver: subprocess.Popen | None = None

    def through(self, faults: list[Fault]) -> None:
        """Let each fault strike when its moment has come, and see the work to its end."""
        for fault in faults:
            self._until(lambda fault=fault: self._has_come(fault))
            self._strike(fault)
        self._until(self._is_done)

    def _until(self, come: Any) -> None:
        while not come():
            if time.monotonic() > self.deadline:
                raise WorkersLost(f"the work was not done within {DEADLINE_S:g} s; see {self.where.head.disk}")
            self._keep_a_driver()
            time.sleep(_LOOK_EVERY_S)

    def _keep_a_driver(self) -> None:
        if self._driver is None or (self._driver.poll() is not None and not self._is_done()):
            self._driver = self.where.ray.start_driver(command([self.work]))
            self.drivers += 1

    def _strike(self, fault: Fault) -> None:
        began, before = time.monotonic(), self._committed()
        struck = True
        if fault.kind == "driver":
            self._kill_driver()
        else:
            struck = strike(self.where, fault)
        log.info("%s struck %s of %s", fault.kind, f"{fault.progress:.0%}", fault.stage)
        self._until(lambda: self._committed() != before or self._is_done())
        seconds = round(time.monotonic() - began, 1)
        self.struck.append({**asdict(fault), "struck": struck, "recovery_seconds": seconds})

    def _kill_driver(self) -> None:
        for process in self.where.head.processes("share_dist.studies.cluster_work"):
            os.kill(process, signal.SIGKILL)

    def _has_come(self, fault: Fault) -> bool:
        return self._is_done() or self._progress(fault.stage) >= fault.progress

    def _progress(self, stage: str) -> float:
        """Part of a stage's blocks or steps that is committed; 1 as soon as a later stage has begun."""
        later = STAGES[STAGES.index(stage) + 1 :]
        keys = self._committed()
        if any(key.startswith(f"{name}/") for key in keys for name in later):
            return 1.0
        if stage == "training":
            steps = [int(key.split("step-")[1][:6]) for key in keys if "/step-" in key]
            trained = any("trained/" in key for key in keys)
            return 1.0 if trained else max(steps, default=0) / self.work.steps
        blocks = sum(key.startswith(f"{stage}/") for key in keys)
        return blocks / len(block_ranges(self.work.views))

    def _committed(self) -> list[str]:
        return [key for key in self.store.list() if key.endswith(f"/{MANIFEST}")]

    def _is_done(self) -> bool:
        return self._driver is not None and self._driver.poll() == 0


def report(figures: dict[str, Any]) -> str:
    """Lay out a chaos run for a person: a line for each fault, then the verdict."""
    lines = [f"{'fault':16}{'stage':14}{'at':>5}  {'recovered after':>15}"]
    lines += [
        f"{fault['kind']:16}{fault['stage']:14}{fault['progress']:5.0%}  "
        + (f"{fault['recovery_seconds']:13.1f} s" if fault["struck"] else f"{'nothing to hit':>15}")
        for fault in figures["faults"]
    ]
    lines += ["", f"rows lost {figures['rows_lost']}, doubled {figures['rows_doubled']}, different from an undisturbed"]
    lines[-1] += f" run {figures['rows_different']}; steps repeated {figures['steps_repeated']}; "
    lines[-1] += f"{figures['drivers']} drivers, {figures['seconds']:.0f} s"
    return "\n".join([*lines, *(f"BROKEN PROMISE: {failure}" for failure in figures["failures"])])


def _figures(seed: int, run: _Run, found: Audit, seconds: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "faults": run.struck,
        **as_json(found),
        "recovery_seconds": [fault["recovery_seconds"] for fault in run.struck],
        "drivers": run.drivers,
        "work": asdict(run.work) | {"out": "s3://…"},
        "seconds": round(seconds, 1),
        "failures": found.failures(run.work.checkpoint_every),
    }
