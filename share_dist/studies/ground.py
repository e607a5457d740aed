"""The ground on which studies and tests prove things: worker nodes, a head, a bucket, and a proxy that can spoil it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from share_dist.studies.bad_s3 import BadS3, Schedule, bad_s3
from share_dist.studies.bucket import LocalBucket, environment_of, local_bucket
from share_dist.studies.nodes import HOST, Network, Node
from share_dist.studies.ray_nodes import RayNodes


@dataclass(frozen=True)
class Ground:
    """A cluster that runs, and its bucket. The cluster reaches the bucket through the proxy; this process, directly."""

    network: Network
    workers: list[Node]
    ray: RayNodes
    bucket: LocalBucket
    proxy: BadS3

    @property
    def head(self) -> Node:
        """The node without cores, where drivers run."""
        return self.ray.head

    def come_back(self, node: Node) -> None:
        """Give a node power again, if it has none, and let it join."""
        if not node.is_on:
            node.power_on()
        self.ray.join(node)


@contextmanager
def ground(
    workers: int, name: str, subnet: str, seed: int = 0, disk_mb: int | None = None, pinned: bool = False
) -> Iterator[Ground]:
    """Lay nodes, start Ray and a bucket, and take all of it away in the end.

    Args:
        workers: worker nodes, one core each.
        name: how nodes and interfaces are called; two grounds at a time need two names.
        subnet: the first three parts of their addresses; two grounds at a time need two.
        seed: of the proxy's schedule, which is not followed before `proxy.on` is set.
        disk_mb: the size of each worker's disk.
        pinned: give each worker node a core of this machine, by turns, and no other.

    Raises:
        errors.NamespacesRefused: this machine does not allow it.
    """
    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix=f"{name}-") as folder,
        Network(Path(folder), name, subnet) as network,
        local_bucket(network.address(HOST)) as bucket,
        bad_s3(bucket.endpoint, Schedule(seed, share=0.3), network.address(HOST)) as proxy,
        _environment(bucket.environment),
    ):
        head = network.node(1)
        core = [cores[index % len(cores)] if pinned else None for index in range(workers)]
        nodes = [network.node(2 + index, core=core[index], disk_mb=disk_mb) for index in range(workers)]
        ray = RayNodes(head, environment_of(proxy.endpoint))
        ray.start(nodes)
        yield Ground(network, nodes, ray, bucket, proxy)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
