"""What can befall a cluster, and when: a seeded schedule of kills, cut cables, failing buckets and full disks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from share_dist.seeds import stream
from share_dist.studies.bad_s3 import BadS3
from share_dist.studies.ground import Ground
from share_dist.studies.nodes import Node

Kind = Literal[
    "render actor", "evaluator", "training worker", "node", "driver", "partition", "bucket", "full disk", "drain"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What may happen. The first five are SIGKILLs; a drained node is told before it is killed."""

STAGES = ("survey", "training", "survey-again")
_ONLY_SURVEYS, _ONLY_TRAINING = {"evaluator"}, {"training worker", "drain"}
_PROCESS = {
    "render actor": "ray::RenderActor",
    "evaluator": "ray::EvaluatorActor",
    "training worker": "ray::RayTrainWorker",
}
DISK_MB = 400
"""The disk of each worker node of a chaos run; Ray's logs and our scratch need a tenth of it."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that happens, once the stage has come so far."""

    kind: Kind
    stage: str
    progress: float
    """Part of the stage's blocks or steps that is committed when it strikes."""

    node: int
    """The worker node it strikes, counted from 0; a driver and a bucket have none."""

    seconds: float
    """How long a node stays off or cut, a bucket fails or a disk is full."""


def schedule(seed: int, nodes: int, each_stage: Sequence[int] = (2, 2, 1)) -> list[Fault]:
    """Draw the faults of a run, in the order in which they strike; a pure function of its arguments.

    Args:
        seed: the schedule's number.
        nodes: how many worker nodes there are.
        each_stage: how many faults each stage has.
    """
    faults = []
    for stage, count in zip(STAGES, each_stage, strict=True):
        random = stream(seed, "chaos", STAGES.index(stage))
        strange = _ONLY_TRAINING if stage.startswith("survey") else _ONLY_SURVEYS
        kinds = [kind for kind in KINDS if kind not in strange]
        chosen = random.choice(len(kinds), size=count, replace=False)
        moments = sorted(random.uniform(0.05, 0.9, size=count))
        faults += [
            Fault(
                kind=kinds[kind],
                stage=stage,
                progress=round(float(moment), 3),
                node=int(random.integers(nodes)),
                seconds=round(float(random.uniform(3.0, 9.0)), 1),
            )
            for kind, moment in zip(chosen, moments, strict=True)
        ]
    return faults


def strike(ground: Ground, fault: Fault) -> bool:
    """Do it, wait until it is over, and let what was lost come back; return whether there was anything to strike.

    A driver is not the ground's to kill: whoever started it does.
    """
    node = ground.workers[fault.node]
    if fault.kind in _PROCESS:
        return _kill_one(ground.workers, fault)
    if fault.kind == "bucket":
        _spoil_bucket(ground.proxy, fault.seconds)
    elif fault.kind == "full disk":
        _fill_disk(node, fault.seconds)
    else:
        _take_away(ground, node, fault)
        ground.come_back(node)
    return True


def _take_away(ground: Ground, node: Node, fault: Fault) -> None:
    if fault.kind == "partition":
        node.cut()
        time.sleep(fault.seconds)
        node.mend()
        # Believed dead, its Ray may not take part again: it ends itself, and a supervisor would start another.
        node.power_off()
        return
    if fault.kind == "drain":
        ground.ray.drain(node, fault.seconds)
        time.sleep(fault.seconds)
    node.power_off()
    time.sleep(fault.seconds)


def _spoil_bucket(proxy: BadS3, seconds: float) -> None:
    proxy.on = True
    time.sleep(seconds)
    proxy.on = False


def _kill_one(nodes: Sequence[Node], fault: Fault) -> bool:
    """Kill one process of the fault's kind, on its node or, where that has none, on the next."""
    for turn in range(len(nodes)):
        found = nodes[(fault.node + turn) % len(nodes)].processes(_PROCESS[fault.kind])
        if found:
            os.kill(min(found), signal.SIGKILL)
            return True
    return False


def _fill_disk(node: Node, seconds: float) -> None:
    filler = node.disk / "filler"
    try:
        with open(filler, "wb", buffering=0) as file:
            while file.write(bytes(1 << 20)):
                pass
    except OSError:
        pass  # now it is full
    time.sleep(seconds)
    filler.unlink()
