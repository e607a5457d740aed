"""What nodes the cluster has now: their cores and GPUs, whole and free, their labels, and which of them must leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import ray
from ray._private import state as ray_state

from share_dist.errors import BadSetting, NoRoom
from share_dist.fleet.config import FleetConfig
from share_dist.fleet.reach import has_autoscaler, joined_client


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterNode:
    """One living node of the cluster, as Ray knows it at this moment."""

    id: str
    name: str
    """Its hostname."""

    address: str
    cpus: float
    gpus: float
    free_cpus: float
    """Not booked by any actor or task; they may use more than they book."""

    free_gpus: float
    labels: Mapping[str, str] = field(default_factory=dict)
    leaving: bool = False
    """It is being drained: a spot notice, or an operator. Nothing new may start there."""

    def has_labels(self, wanted: Mapping[str, str]) -> bool:
        """Whether the node bears all of these labels."""
        return all(self.labels.get(key) == value for key, value in wanted.items())


def cluster_nodes() -> list[ClusterNode]:
    """Return the nodes that are alive, in the order of their names."""
    free, leaving = ray_state.available_resources_per_node(), leaving_nodes()
    alive = [node for node in ray.nodes() if node["Alive"]]
    return sorted((_node(node, free, leaving) for node in alive), key=lambda node: (node.name, node.id))


def leaving_nodes() -> set[str]:
    """Return the ids of the nodes that are being drained."""
    return set(ray_state.state.get_draining_nodes())


def _node(node: Mapping, free: Mapping[str, Mapping[str, float]], leaving: set[str]) -> ClusterNode:
    has, left = node["Resources"], free.get(node["NodeID"], {})
    return ClusterNode(
        id=node["NodeID"],
        name=node["NodeManagerHostname"],
        address=node["NodeManagerAddress"],
        cpus=has.get("CPU", 0.0),
        gpus=has.get("GPU", 0.0),
        free_cpus=left.get("CPU", 0.0),
        free_gpus=left.get("GPU", 0.0),
        labels=node.get("Labels", {}),
        leaving=node["NodeID"] in leaving,
    )


def staying(nodes: Sequence[ClusterNode], labels: Mapping[str, str]) -> list[ClusterNode]:
    """Return the nodes with these labels on which something new may start."""
    return [node for node in nodes if not node.leaving and node.has_labels(labels)]


def emptiest(nodes: Sequence[ClusterNode], cpus: float, gpus: float, held: Mapping[str, int]) -> ClusterNode | None:
    """Return the node for one more actor: of those with room for it the one that holds the fewest for its size.

    Args:
        nodes: those on which it may run.
        cpus: cores that it books.
        gpus: GPUs that it books.
        held: how many actors of its kind each node has, by the node's id.
    """
    rounding = 1e-6  # Ray counts in ten-thousandths, and sums of those are not exact
    able = [node for node in nodes if node.cpus > 0 and node.free_cpus >= cpus - rounding and node.free_gpus >= gpus]
    return min(able, key=lambda node: (held.get(node.id, 0) + 1) / (node.gpus if gpus else node.cpus), default=None)


def labels_of(text: str | None, setting: str) -> dict[str, str]:
    """Read ``key=value,key=value`` as labels; nothing means any node.

    Raises:
        errors.BadSetting: it is not of that form; `setting` names it.
    """
    pairs = [pair.partition("=") for pair in (text or "").split(",") if pair]
    if any(not key or not sign or not value for key, sign, value in pairs):
        raise BadSetting(f"{setting} is {text!r}, but labels are written as key=value, such as share-role=train.")
    return {key: value for key, _, value in pairs}


def may_grow() -> bool:
    """Whether a node may come that is not here now: somebody adds nodes, or one was here and is away."""
    return has_autoscaler(joined_client()) or any(not node["Alive"] for node in ray.nodes())


def require_labels(nodes: Sequence[ClusterNode], text: str | None, setting: str) -> None:
    """Raise unless a node with cores bears the labels.

    Raises:
        errors.NoRoom: none does; the message has the labels that there are.
        errors.BadSetting: the text is not of the form of labels.
    """
    wanted = labels_of(text, setting)
    if not wanted or any(node.cpus > 0 and node.has_labels(wanted) for node in nodes):
        return
    have = "; ".join(f"{node.name} ({node.cpus:g} CPUs) has {_marks(node) or 'none'}" for node in nodes)
    raise NoRoom(
        f"{setting} is {text}, but no node with cores has these labels: {have}.\n"
        f"  Leave {setting} out, or start a node with them: ray start --address=HEAD:6379 --labels={text}"
    )


def _marks(node: ClusterNode) -> str:
    # Ray gives every node labels of its own too, such as ray.io/node-id.
    return ", ".join(f"{key}={value}" for key, value in node.labels.items() if not key.startswith("ray.io/"))


def require_room(config: FleetConfig) -> None:
    """Raise when the cluster that this process has joined can never hold the fleet's actors.

    Raises:
        errors.NoRoom: no node has the labels, or so many GPUs, and none will come.
        errors.BadSetting: labels are written wrongly.
    """
    labels_of(config.labels, "--fleet.labels")
    if not (config.labels or config.evaluator_gpus) or may_grow():
        return
    nodes = cluster_nodes()
    require_labels(nodes, config.labels, "--fleet.labels")
    most = max((node.gpus for node in nodes), default=0.0)
    if config.evaluator_gpus > most:
        raise NoRoom(
            f"--fleet.evaluator-gpus is {config.evaluator_gpus:g}, but the cluster has no node with more than {most:g} "
            "GPUs.\n  Set it to 0 to evaluate on CPUs."
        )
