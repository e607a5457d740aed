"""Pools of named actors: as many as the cluster has cores for, also when nodes join or leave while they work."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray import exceptions as lost
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from share_dist.errors import WorkersLost
from share_dist.fleet.asking import LOSSES, reason_of, users_error
from share_dist.fleet.cluster import KEPT_MEMORY, NAMESPACE
from share_dist.fleet.nodes import cluster_nodes, emptiest, staying

_KV = b"share_dist"


@dataclass(frozen=True, slots=True)
class RenderHandles:
    """The renderers by the name of their pool: a value that travels by pickle into any process of the same cluster."""

    pool: str

    def names(self) -> list[str]:
        """Return the names of the actors that are ready now; they change as nodes come and go."""
        return json.loads(_internal_kv_get(self.pool.encode(), namespace=_KV) or b"[]")

    def actors(self) -> list[Any]:
        """Return handles to those actors; call it in the process that uses them."""
        found = []
        for name in self.names():
            with contextlib.suppress(ValueError):  # it left just now
                found.append(ray.get_actor(name, namespace=NAMESPACE))
        return found


@dataclass(kw_only=True)
class Member:
    """One actor of a pool."""

    name: str
    actor: Any
    ready: Any
    """The reference that says so, or None once it has."""

    node: str = ""
    """The id of the node that it is made for, and once it is ready of the one that it is on; empty means any."""


@dataclass
class Pool:
    """Actors of one kind.

    Ray starts an actor again whose process died. An actor whose node is gone is replaced here by one on another node:
    Ray would start it again too, but only where it finds room, and what was asked of it would wait for that.

    Attributes:
        kind: the actors' class.
        name: how their names begin.
        arguments: what each is made with.
        cpus: cores that each books; gpus: GPUs.
        labels: the nodes they may run on.
    """

    kind: Any
    name: str
    arguments: tuple[Any, ...]
    cpus: float
    gpus: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._members: list[Member] = []
        self._dropped = False
        self._numbers = itertools.count()
        self._turn = itertools.count()
        self._lock = threading.RLock()

    @property
    def size(self) -> int:
        """How many actors there are, ready or not."""
        return len(self._members)

    @property
    def is_whole(self) -> bool:
        """Whether every actor is ready."""
        return all(member.ready is None for member in list(self._members))

    @property
    def actors(self) -> list[Any]:
        """The actors that are ready."""
        return [member.actor for member in list(self._members) if member.ready is None]

    def next(self, timeout_s: float) -> Any:
        """Return one of the ready actors, each in its turn; while nodes are away, wait until one is ready.

        Raises:
            WorkersLost: none is in time.
        """
        deadline = time.monotonic() + timeout_s
        while not (actors := self.actors):
            if time.monotonic() > deadline:
                raise WorkersLost(_why_none(self.size, self.name, timeout_s, []))
            time.sleep(0.2)
        return actors[next(self._turn) % len(actors)]

    def start(self, size: int, timeout_s: float, what: str) -> None:
        """Start the actors, spread over the nodes, and wait until one is ready; the others follow.

        Raises:
            WorkersLost: none is in time, and why.
            ShareDistError: whatever an actor says is wrong on its node.
        """
        with self._lock:
            self._make(size)
            deadline, problems = time.monotonic() + timeout_s, list[str]()
            try:
                while not self.actors and self._members and time.monotonic() < deadline:
                    problems += self._hear(f"starting {what}", patience_s=min(1.0, timeout_s))
                if not self.actors:
                    raise WorkersLost(_why_none(size, what, timeout_s, problems))
            except BaseException:
                self.drop()
                raise
            self._publish()

    def fit(self, size: int, nodes: Sequence[str]) -> None:
        """Follow the cluster: drop actors whose node is not among `nodes`, then make or drop some to have `size`."""
        with self._lock:
            if self._dropped:
                return  # while the keeper was looking at the cluster
            before = self.actors
            self._hear("joining the fleet")
            for member in [member for member in self._members if member.node and member.node not in nodes]:
                self._drop(member)
            for member in self._members[size:]:
                self._drop(member)
            self._make(size - len(self._members))
            if self.actors != before:
                self._publish()

    def drop(self) -> None:
        """End all actors for good."""
        with self._lock:
            self._dropped = True
            for member in list(self._members):
                self._drop(member)

    def _make(self, count: int) -> None:
        """Make more actors, each on the emptiest node; left to Ray, two often stand on one node and none on another."""
        if count <= 0:
            return
        nodes = {node.id: node for node in staying(cluster_nodes(), self.labels)}
        held = Counter(member.node for member in self._members)
        for _ in range(count):
            node = emptiest(list(nodes.values()), self.cpus, self.gpus, held)
            self._members.append(self._member(node.id if node else ""))
            if node:
                held[node.id] += 1
                nodes[node.id] = replace(
                    node, free_cpus=node.free_cpus - self.cpus, free_gpus=node.free_gpus - self.gpus
                )

    def _member(self, node: str) -> Member:
        name = f"{self.name}-{next(self._numbers)}"
        actor = self.kind.options(
            name=name,
            namespace=NAMESPACE,
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            # Soft, or an actor would wait for a node that is lost or taken meanwhile.
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True)
            if node
            else "SPREAD",
            label_selector=dict(self.labels) or None,
            runtime_env={"env_vars": KEPT_MEMORY},
        ).remote(*self.arguments)
        return Member(name=name, actor=actor, ready=actor.ready.remote(), node=node)

    def _drop(self, member: Member) -> None:
        self._members.remove(member)
        ray.kill(member.actor, no_restart=True)

    def _hear(self, doing: str, patience_s: float = 0.0) -> list[str]:
        """Note who has become ready; drop those who died at once and return why."""
        waiting = {member.ready: member for member in self._members if member.ready is not None}
        if not waiting:
            return []
        done, _ = ray.wait(list(waiting), num_returns=1 if patience_s else len(waiting), timeout=patience_s)
        problems = []
        for reference in done:
            member = waiting[reference]
            try:
                member.node, member.ready = ray.get(reference).node, None
            except LOSSES as error:
                problems.append(reason_of(error))
                self._drop(member)
            except lost.RayTaskError as error:
                raise users_error(error, doing) from error
        return problems

    def _publish(self) -> None:
        names = [member.name for member in self._members if member.ready is None]
        _internal_kv_put(self.name.encode(), json.dumps(names).encode(), overwrite=True, namespace=_KV)


def _why_none(count: int, what: str, timeout_s: float, problems: list[str]) -> str:
    total, free = ray.cluster_resources(), ray.available_resources()
    if problems:
        cause = f"They died at once: {problems[0]}"
    else:
        cause = (
            f"The cluster has {total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs, of which "
            f"{free.get('CPU', 0):g} and {free.get('GPU', 0):g} are free now."
        )
    return (
        f"none of {count} {what} became ready within {timeout_s:g} s.\n  {cause}\n"
        "  Look at `share-dist explain` for what waits; ask for less with fleet.render-actors, fleet.evaluators and "
        "fleet.booked-share, or wait longer with fleet.start-timeout-s."
    )
