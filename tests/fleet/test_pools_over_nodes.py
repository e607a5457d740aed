"""The pools follow a real cluster: a node that joins renders, and one that is lost or must leave does not."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.slow

FLEET = """
import json, ray
from share_dist.fleet import Fleet, cluster_nodes

with Fleet() as fleet:
    while True:
        names = {node.id: node.name for node in cluster_nodes()}
        try:
            found = [ray.get(actor.ready.remote(), timeout=5).node for actor in fleet.renderers.actors]
        except Exception:
            continue
        print(json.dumps(sorted(names.get(node, "gone") for node in found)), flush=True)
"""


@pytest.fixture
def where(namespaces):
    """A head and two worker nodes of one core each, the second not yet joined."""
    from share_dist.studies.ground import ground

    with ground(1, "pools", "10.77.4") as where:
        where.workers.append(where.network.node(3))
        yield where


@pytest.mark.proof
def test_a_node_that_joins_gets_a_renderer_and_one_that_must_leave_or_is_lost_loses_its_own(where):
    first, second = where.workers
    where.ray.start_driver(["python", "-c", FLEET], log="fleet")
    log = where.head.disk / "fleet.log"

    def await_renderers_on(*nodes):
        wanted, deadline = sorted(node.name for node in nodes), time.monotonic() + 90
        while (lines := log.read_text().splitlines()[-1:]) != [json.dumps(wanted)]:
            assert time.monotonic() < deadline, f"wanted renderers on {wanted}, found {lines}"
            time.sleep(0.2)

    await_renderers_on(first)
    where.come_back(second)
    await_renderers_on(first, second)
    where.ray.drain(second, 60)
    await_renderers_on(first)
    assert second.is_on
    second.power_off()
    where.come_back(second)
    await_renderers_on(first, second)
    second.power_off()
    await_renderers_on(first)
