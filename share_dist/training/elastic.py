"""How many ranks there is room for now, and when to stop at a checkpoint to go on as another number."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import ray
from ray import ActorID, PlacementGroupID
from ray._private import state as ray_state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # pyright: ignore[reportAttributeAccessIssue]
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_list, _internal_kv_put
from ray.util.placement_group import PlacementGroup, remove_placement_group

from share_dist.errors import NoRoom, WorkersLost
from share_dist.fleet import (
    ClusterNode,
    cluster_nodes,
    labels_of,
    leaving_nodes,
    may_grow,
    require_labels,
    staying,
)
from share_dist.training.config import TrainingConfig

log = logging.getLogger("share_dist")
_NAMESPACE = b"share_dist"
_LOOK_EVERY_S = 1.0
_SETTLING_S = 5.0
"""What ranks that have just ended booked is given back only after a moment; to start fewer at once would be hasty."""


def ranks_on(node: ClusterNode, config: TrainingConfig, ours: int = 0) -> int:
    """Return how many ranks a node can hold: a core each, and what they book is free or theirs already.

    Args:
        node: the node as it is now.
        config: what each rank books.
        ours: ranks of this training that run there now.
    """
    free = node.free_cpus + ours * config.cpus_per_worker
    # Ray counts in ten-thousandths, and sums of those are not exact.
    room = min(int(node.cpus), int(free / config.cpus_per_worker + 1e-6))
    return min(room, int(node.free_gpus) + ours) if config.use_gpu else room


def ranks_with_room(config: TrainingConfig, nodes: Sequence[ClusterNode], ours: Mapping[str, int] | None = None) -> int:
    """Return how many ranks the nodes can hold together; nodes that must leave or bear other labels hold none."""
    wanted = labels_of(config.labels, "--training.labels")
    return sum(ranks_on(node, config, (ours or {}).get(node.id, 0)) for node in staying(nodes, wanted))


def largest_size(room: int, config: TrainingConfig, batch_size: int) -> int | None:
    """Return the largest number of ranks that is wanted, fits and can share a batch evenly; None when there is none."""
    sizes = range(min(room, config.workers), config.fewest - 1, -1)
    return next((size for size in sizes if batch_size % (size * config.deepspeed.gradient_accumulation) == 0), None)


def require_room(config: TrainingConfig, batch_size: int) -> None:
    """Raise when the cluster that this process has joined can never hold the ranks; asked before any work is done.

    Raises:
        errors.NoRoom: the machine is too small, or no node has the labels, the cores or the GPU that a rank needs, and
            none will come; the message has the arithmetic.
        errors.BadSetting: labels are written wrongly.
    """
    labels_of(config.labels, "--training.labels")
    if may_grow():
        return
    nodes = cluster_nodes()
    require_labels(nodes, config.labels, "--training.labels")
    idle = _idle(nodes)
    none_holds_one = ranks_with_room(config, idle) == 0 and any(node.cpus > 0 for node in nodes)
    alone = _stands_alone(nodes) and largest_size(ranks_with_room(config, idle), config, batch_size) is None
    if none_holds_one or alone:
        raise NoRoom(_why_no_room(config, idle, batch_size))


def await_room(config: TrainingConfig, batch_size: int, say: Callable[[str], None]) -> int:
    """Return the number of ranks to start with, waiting until the deadline for the fewest; Ray would wait for ever.

    Raises:
        errors.NoRoom: this one machine is too small; the message has the arithmetic.
        errors.WorkersLost: the cluster is too small or stays busy; the message has it node by node.
    """
    started, asked = time.monotonic(), False
    while True:
        nodes = cluster_nodes()
        size = largest_size(ranks_with_room(config, nodes), config, batch_size)
        hoped = largest_size(ranks_with_room(config, _idle(nodes)), config, batch_size)
        waited = time.monotonic() - started
        if size is not None and (size == hoped or waited > _SETTLING_S):
            return size
        if hoped is None and _stands_alone(nodes) and not may_grow():
            raise NoRoom(_why_no_room(config, nodes, batch_size))
        if waited > config.start_deadline_s:
            raise WorkersLost(_why_no_room(config, nodes, batch_size))
        if size is None and not asked:
            say(f"waiting up to {config.start_deadline_s:.0f} s for {_wanted(config)}; {_has(nodes)} now")
            asked = True
        if size is None:
            end_useless_reservations()
        time.sleep(0.2)


def _idle(nodes: Sequence[ClusterNode]) -> list[ClusterNode]:
    return [replace(node, free_cpus=node.cpus, free_gpus=node.gpus) for node in nodes]


def _stands_alone(nodes: Sequence[ClusterNode]) -> bool:
    """Whether this is one machine by itself, to which no node will come."""
    return len(nodes) == 1 and nodes[0].cpus > 0


def _wanted(config: TrainingConfig) -> str:
    gpu = " and a GPU" if config.use_gpu else ""
    where = f" on nodes with {config.labels}" if config.labels else ""
    return (
        f"{config.fewest} training workers{where}, each with a core{gpu}, of which it books {config.cpus_per_worker:g}"
    )


def _has(nodes: Sequence[ClusterNode]) -> str:
    parts = [
        f"{node.name} has {node.free_cpus:g} of {node.cpus:g} CPU, {node.free_gpus:g} of {node.gpus:g} GPU free"
        f"{', and must leave' if node.leaving else ''}"
        for node in nodes
    ]
    return "; ".join(parts) or "no node is there"


def _why_no_room(config: TrainingConfig, nodes: Sequence[ClusterNode], batch_size: int) -> str:
    room = ranks_with_room(config, nodes)
    uneven = room >= config.fewest
    remedy = (
        f"Of {batch_size} pictures a step, no number of workers from {config.fewest} to {room} has equal parts: "
        "set --training.workers or --learning.batch-size so that one has."
        if uneven
        else "Set --training.workers or --training.min-workers lower, add nodes, or give the fleet fewer render actors."
    )
    return f"there is no room for {_wanted(config)}: {_has(nodes)}.\n  {remedy}"


class Watch:
    """Looks after a running training from the driver: when a node must leave or room was added, it asks for a stop.

    The ranks answer by a checkpoint after the step they are in, and end; the driver then starts as many as fit. Use it
    as a context manager around one start of the ranks.
    """

    def __init__(self, channel: str, config: TrainingConfig, size: int, batch_size: int):
        self.channel, self.config, self.size, self.batch_size = channel, config, size, batch_size
        self.reason: str | None = None
        self._roomy_since: float | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        """Forget an earlier start's ranks and begin to look."""
        forget(self.channel)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._end.set()
        self._thread.join()
        forget(self.channel)

    def _run(self) -> None:
        said = ""
        while self.reason is None and not self._end.wait(_LOOK_EVERY_S):
            try:
                end_useless_reservations()
                self.reason = self._why_stop()
            except Exception as error:
                # The head may be out of reach for a moment only, so look again; but say so, once for each reason.
                if repr(error) != said:
                    log.warning("could not look after the training's nodes, and tries again: %r", error)
                said = repr(error)
        if self.reason is not None:
            _internal_kv_put(_stop_key(self.channel), self.reason.encode(), namespace=_NAMESPACE)

    def _why_stop(self) -> str | None:
        ours = nodes_of_ranks(self.channel)
        leaving = leaving_nodes() & ours.keys()
        if leaving:
            names = [node.name for node in cluster_nodes() if node.id in leaving]
            return f"{', '.join(names) or 'a node'} must leave"
        if self.size >= self.config.workers or sum(ours.values()) < self.size:
            return None
        return self._why_grow(ours)

    def _why_grow(self, ours: Mapping[str, int]) -> str | None:
        room = ranks_with_room(self.config, cluster_nodes(), ours)
        size = largest_size(room, self.config, self.batch_size) or 0
        if size <= self.size:
            self._roomy_since = None
            return None
        self._roomy_since = self._roomy_since or time.monotonic()
        lasted = time.monotonic() - self._roomy_since
        return f"there is room for {size} workers" if lasted >= self.config.resize_after_s else None


def end_useless_reservations() -> None:
    """End reservations of this job's that will never be used as a whole, and with them the ranks that stand on some.

    Of one a node was lost: while ranks are being started Ray Train does not look, and may wait without a deadline for
    another node. Of another the controller died, as it does with a trial of a sweep: Ray frees what an actor reserved
    only when the whole job ends.
    """
    ours = ray.get_runtime_context().get_job_id()
    for entry in ray_state.state._connect_and_get_accessor().get_placement_group_table():
        found = PlacementGroupTableData.FromString(entry)
        if found.creator_job_id.hex() != ours or found.state == PlacementGroupTableData.REMOVED:
            continue
        # Ray Train gives its reservations no name.
        broken = found.state == PlacementGroupTableData.RESCHEDULING and not found.name
        # Of what a driver reserved Ray says too that its actor is dead, for there is none.
        abandoned = found.creator_actor_dead and not ActorID(found.creator_actor_id).is_nil()
        if broken or abandoned:
            remove_placement_group(PlacementGroup(PlacementGroupID(found.placement_group_id)))


def announce_rank(channel: str, rank: int) -> None:
    """Say in the cluster's key-value store on which node a rank runs."""
    node = ray.get_runtime_context().get_node_id()
    _internal_kv_put(f"{channel}/rank/{rank}".encode(), node.encode(), namespace=_NAMESPACE)


def nodes_of_ranks(channel: str) -> Counter[str]:
    """Return the ids of the nodes on which ranks run, with how many run there."""
    keys = _internal_kv_list(f"{channel}/rank/".encode(), namespace=_NAMESPACE)
    return Counter((_internal_kv_get(key, namespace=_NAMESPACE) or b"").decode() for key in keys)


def asked_to_stop(channel: str) -> bool:
    """Whether the driver wants this training to stop at a checkpoint now."""
    return _internal_kv_get(_stop_key(channel), namespace=_NAMESPACE) is not None


def forget(channel: str) -> None:
    """Remove what ranks and driver told each other on a channel."""
    for prefix in (f"{channel}/rank/".encode(), _stop_key(channel)):
        _internal_kv_del(prefix, del_by_prefix=True, namespace=_NAMESPACE)


def _stop_key(channel: str) -> bytes:
    return f"{channel}/stop".encode()
