"""A cluster at one moment: what its nodes have and have left, what waits for room, and what may hold a run up."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.core.generated.autoscaler_pb2 import (
    GetClusterResourceStateReply,  # pyright: ignore[reportAttributeAccessIssue]
)
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from share_dist.fleet.cluster import join
from share_dist.fleet.reach import has_autoscaler, reach

Labels = Mapping[str, tuple[str, ...]]
"""Wanted labels, each with the values that will do."""

ANSWER_S = 60.0
"""For a node's or an actor's answer; a process that is started for it first imports what we are made of."""
_COORDINATOR = "AutoscalingCoordinator"
_OTHER_THAN = 2  # LabelSelectorConstraint's operator NOT_IN


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeState:
    """One living node."""

    name: str
    """Its address."""

    total: Mapping[str, float]
    free: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    is_draining: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Something that waits for room: actors and tasks of one shape, or the bundles of a placement group."""

    shapes: tuple[Mapping[str, float], ...]
    count: int = 1
    labels: Labels = field(default_factory=dict)

    def __str__(self) -> str:
        names = [" + ".join(f"{amount:g} {kind}" for kind, amount in shape.items()) for shape in self.shapes]
        text = " and ".join(sorted(set(names)))
        times = f"{max(self.count, len(self.shapes))} × " if max(self.count, len(self.shapes)) > 1 else ""
        marks = ", ".join(f"{key}={'|'.join(values)}" for key, values in self.labels.items())
        return f"{times}({text})" + (f" on nodes labelled {marks}" if marks else "")


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a Ray Train or Ray Data run reserved; a dead run's is kept until it expires."""

    requester: str
    silent_s: float
    """Seconds since the run last renewed it; a living one does so every few."""

    left_s: float


@dataclass(frozen=True, slots=True)
class BuildLock:
    """A lock of torch's extension builder that no process on its node holds open."""

    node: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The cluster, as far as it can be seen from here."""

    address: str
    nodes: tuple[NodeState, ...] = ()
    wishes: tuple[Wish, ...] = ()
    autoscaler: bool = False
    reservations: tuple[Reservation, ...] = ()
    locks: tuple[BuildLock, ...] = ()
    silent: tuple[str, ...] = ()
    """Nodes that were asked for their locks and did not answer in time, or could not."""


def take_snapshot(address: str) -> Snapshot:
    """Look at the cluster whose head is at `address`.

    From one of the cluster's own nodes, reservations and build locks are seen too.

    Raises:
        errors.NoCluster, errors.WrongToken, errors.OtherVersion, errors.BadSetting: see `reach`.
    """
    client = reach(address)
    state = _resource_state(client)
    within = _joined(client, address)
    locks, silent = _locks() if within else ((), ())
    return Snapshot(
        address=address,
        nodes=tuple(_node(node) for node in state.node_states),
        wishes=tuple(_wishes(state)),
        autoscaler=has_autoscaler(client),
        reservations=_reservations() if within else (),
        locks=locks,
        silent=silent,
    )


def _resource_state(client: Any) -> Any:
    reply = GetClusterResourceStateReply()
    reply.ParseFromString(client.get_cluster_resource_state())
    return reply.cluster_resource_state


def _node(node: Any) -> NodeState:
    return NodeState(
        name=node.node_ip_address,
        total=dict(node.total_resources),
        free=dict(node.available_resources),
        labels=dict(node.labels),
        is_draining=node.status == node.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_name["DRAINING"].number,
    )


def _wishes(state: Any) -> Iterable[Wish]:
    for pending in state.pending_resource_requests:
        yield Wish(
            shapes=(dict(pending.request.resources_bundle),),
            count=pending.count,
            labels=_labels(pending.request.label_selectors),
        )
    for gang in state.pending_gang_resource_requests:
        requests = gang.requests or [each for option in gang.bundle_selectors for each in option.resource_requests]
        shapes = tuple(dict(request.resources_bundle) for request in requests)
        yield Wish(shapes=shapes, labels=_labels(one for request in requests for one in request.label_selectors))


def _labels(selectors: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    wanted = [each for selector in selectors for each in selector.label_constraints if each.operator != _OTHER_THAN]
    return {each.label_key: tuple(each.label_values) for each in wanted}


def _joined(client: Any, address: str) -> bool:
    """Join the cluster if this machine is one of its nodes; only from there can actors be asked."""
    if ray.is_initialized():
        return True
    here = ray.util.get_node_ip_address()
    if here not in {node.node_manager_address for node in client.get_all_node_info().values()}:
        return False
    join(address)
    return True


def _reservations() -> tuple[Reservation, ...]:
    try:
        coordinator = ray.get_actor(_COORDINATOR, namespace=_COORDINATOR)
        asked = coordinator.__ray_call__.remote(_expirations)
        return tuple(Reservation(*each) for each in ray.get(asked, timeout=ANSWER_S))
    except (ValueError, RayError):
        return ()  # no run has reserved anything, or nobody can say


def _expirations(coordinator: Any) -> list[tuple[str, float, float]]:
    from ray.train.v2._internal.execution.scaling_policy import AUTOSCALING_REQUESTS_EXPIRE_TIME_S as KEPT_S

    now = time.time()
    left = {name: request.expiration_time - now for name, request in coordinator._ongoing_reqs.items()}
    return [(name, KEPT_S - seconds, seconds) for name, seconds in left.items()]


def _locks() -> tuple[tuple[BuildLock, ...], tuple[str, ...]]:
    """Ask every node for the locks that nobody holds; return them, and the nodes that did not say."""
    ask = ray.remote(num_cpus=0)(abandoned_locks)
    asked = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[node["NodeManagerAddress"]] = ask.options(scheduling_strategy=there).remote()
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=ANSWER_S)
    locks, silent = list[BuildLock](), list[str]()
    for name, reference in asked.items():
        try:
            locks += [BuildLock(name, path) for path in ray.get(reference, timeout=0)]
        except RayError:
            silent.append(name)
    return tuple(locks), tuple(silent)


def abandoned_locks(folder: Path | None = None) -> list[str]:
    """Return torch's build locks on this machine that no process holds open; whoever meets one waits for ever."""
    root = folder or Path(os.environ.get("TORCH_EXTENSIONS_DIR") or os.path.expanduser("~/.cache/torch_extensions"))
    locks = [str(path.resolve()) for path in root.rglob("lock")] if root.is_dir() else []
    held = set(_open_files()) if locks else set()
    return sorted(path for path in locks if path not in held)


def _open_files() -> Iterable[str]:
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            yield os.readlink(handle)
        except OSError:
            continue  # the process ended meanwhile, or is another user's
