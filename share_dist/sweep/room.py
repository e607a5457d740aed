"""How many trials run at a time: what the cluster has, divided by what a trial needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from share_dist import errors
from share_dist.config import RunConfig
from share_dist.fleet import ClusterNode, FleetConfig, labels_of, staying

_LEADERS_SHARE = 0.05
"""Part of the cores that no rank books, for the processes that lead trials."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many trials a cluster holds at a time, and the cores with which each rank of one computes."""

    trials: int
    threads: int
    arithmetic: str


def room_for_trials(config: RunConfig, nodes: Sequence[ClusterNode], can_grow: bool = True) -> Room:
    """Divide the cluster among trials so that no trainer waits for another.

    A rank takes a GPU, or the cores that it computes with: `training.threads-per-worker`, by default a whole node's
    share. Renderers take what is left of the time, as they do beside a single run. Evaluators on GPUs take those that
    their trial's ranks have given back, or else GPUs of their own.

    Raises:
        errors.WorkersLost: not even one trial fits; the message has the arithmetic.
        errors.NoRoom: the same, and `can_grow` says that no node will come.
    """
    training, evaluators = config.training, config.fleet.evaluator_gpus
    holders = [node for node in staying(nodes, labels_of(training.labels, "training.labels")) if node.cpus >= 1]
    threads = training.threads_per_worker or max(int(min((node.cpus for node in holders), default=1)), 1)
    if training.use_gpu:
        each = [(node.name, int(node.gpus), "GPUs") for node in holders]
        need = f"{training.workers} GPUs, one a worker"
    else:
        each = [(node.name, int(node.cpus // threads), f"times {threads} cores") for node in holders]
        need = f"{training.workers} times {threads} cores, as each worker computes with so many"
    trials = sum(count for _, count, _ in each) // training.workers
    have = ", ".join(f"{name} has {count} {unit}" for name, count, unit in each) or "no node has a core"
    if evaluators:
        gpus = sum(int(node.gpus / min(evaluators, 1)) * min(evaluators, 1) for node in staying(nodes, {}))
        trials = min(trials, math.floor(gpus / max(evaluators, training.workers if training.use_gpu else 0) + 1e-9))
        need += f", and {evaluators:g} of a GPU for an evaluator"
        have += f", {gpus:g} GPUs in all"
    arithmetic = f"a trial needs {need}; {have}: room for {trials} at a time"
    if trials < 1:
        raise (errors.WorkersLost if can_grow else errors.NoRoom)(
            f"no trial fits on this cluster: {arithmetic}.\n"
            "  Set --training.workers, --training.threads-per-worker or --fleet.evaluator-gpus lower, or add nodes."
        )
    return Room(trials, threads, arithmetic)


def share_of_room(config: RunConfig, room: Room, nodes: Sequence[ClusterNode]) -> RunConfig:
    """Return a run's settings with its share of the cluster, so that as many trials as there is room for go on alike.

    Ranks book what keeps others off their cores; all fleets together book what one would.
    """
    fleet, training = config.fleet, config.training
    cpus = sum(int(node.cpus) for node in staying(nodes, labels_of(fleet.labels, "fleet.labels")))
    actors = max(cpus // room.trials, 1)
    own_gpus = training.workers if training.use_gpu else sum(node.gpus for node in staying(nodes, {})) / room.trials
    on_gpus = max(int(own_gpus / fleet.evaluator_gpus), 1) if fleet.evaluator_gpus else None
    shared: FleetConfig = replace(
        fleet,
        render_actors=fleet.render_actors or actors,
        evaluators=fleet.evaluators or on_gpus or actors,
        booked_share=fleet.booked_share / room.trials,
    )
    if not training.use_gpu:
        cores = max(room.threads * (1 - fleet.booked_share - _LEADERS_SHARE), training.cpus_per_worker)
        training = replace(training, threads_per_worker=room.threads, cpus_per_worker=cores)
    return replace(config, fleet=shared, training=training)
