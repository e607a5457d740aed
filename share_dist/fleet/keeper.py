"""Keeps pools as large as the cluster: a thread that looks for nodes that joined, left or must leave."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from share_dist.errors import BadSetting, ShareDistError
from share_dist.fleet.config import FleetConfig, PoolSizes, pool_sizes
from share_dist.fleet.nodes import ClusterNode, cluster_nodes, labels_of, staying
from share_dist.fleet.pools import Pool
from share_dist.fleet.reach import has_autoscaler, joined_client

log = logging.getLogger("share_dist")
LOOK_EVERY_S, WHILE_STARTING_S = 3.0, 0.3


def nodes_for_pools(config: FleetConfig) -> list[ClusterNode]:
    """Return the nodes on which the fleet may render."""
    return staying(cluster_nodes(), labels_of(config.labels, "fleet.labels"))


def sizes_now(config: FleetConfig) -> PoolSizes:
    """Return the pools' sizes for the cluster as it is now."""
    nodes, every = nodes_for_pools(config), staying(cluster_nodes(), {})
    # Evaluators on GPUs go where the GPUs are, whatever else those nodes are for.
    there = {"CPU": sum(node.cpus for node in nodes), "GPU": sum(node.gpus for node in every)}
    return pool_sizes(config, there, can_grow=has_autoscaler(joined_client()))


class Keeper:
    """The thread that makes pools follow the cluster, from `start` to `stop`."""

    def __init__(self, config: FleetConfig, pools: Callable[[], Mapping[str, Pool]]):
        """Prepare a keeper; `pools` returns those in use now, by what they are called in `PoolSizes`."""
        self.config, self.pools = config, pools
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        whole, said = True, ""
        while not self._end.wait(LOOK_EVERY_S if whole else WHILE_STARTING_S):
            try:
                whole = self.look()
            except ShareDistError as error:
                log.warning("the fleet stays as it is and no longer follows the cluster: %s", error)
                return
            except Exception as error:
                # The cluster may be out of reach for a moment only, so look again; but say so, once for each reason.
                if repr(error) != said:
                    log.warning("the fleet could not look at the cluster, and tries again: %r", error)
                said = repr(error)

    def look(self) -> bool:
        """Fit all pools to the cluster once; return whether every actor is ready."""
        pools, nodes = self.pools(), [node.id for node in staying(cluster_nodes(), {})]
        sizes = self._sizes() if pools else None
        if sizes is not None:
            for name, pool in pools.items():
                pool.fit(getattr(sizes, name), nodes)
        return all(pool.is_whole for pool in pools.values())

    def _sizes(self) -> PoolSizes | None:
        """Return the sizes that fit now, or None while every node that could hold actors is away."""
        try:
            return sizes_now(self.config) if nodes_for_pools(self.config) else None
        except BadSetting:
            return None
