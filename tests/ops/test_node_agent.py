"""A spot notice drains the node it was given to, exactly once, whatever the metadata service does meanwhile."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from cloud_metadata import MetadataServer

from share_dist.studies.nodes import HOST

pytestmark = pytest.mark.slow

ACTION, PREEMPTED, TOKEN = (
    "/latest/meta-data/spot/instance-action",
    "/computeMetadata/v1/instance/preempted",
    "/latest/api/token",
)
NODES = """
import json, os, time
from ray._raylet import GcsClient
from ray.core.generated.gcs_pb2 import GcsNodeInfo
client = GcsClient(address=os.environ["RAY_ADDRESS"])
nodes = {id.hex(): node for id, node in client.get_all_node_info().items()}
left = {nodes[id].node_manager_address: until / 1000 - time.time() for id, until in client.get_draining_nodes().items()}
dead = [node for node in nodes.values() if node.state == GcsNodeInfo.DEAD]
why = {node.node_manager_address: node.death_info.Reason.Name(node.death_info.reason) for node in dead}
print(json.dumps({"draining": left, "dead": why}))
"""
HOLD = """
import ray, sys, time
ray.init(address="auto", logging_level="ERROR")
@ray.remote(num_cpus=0.5, resources={f"node:{sys.argv[1]}": 0.01})
class Work:
    def begin(self):
        return True
work = Work.remote()
ray.get(work.begin.remote())
print("working", flush=True)
time.sleep(600)
"""


@pytest.fixture
def metadata(network):
    server = MetadataServer(network.address(HOST))
    yield server
    server.close()


def until(true, what, patience_s=60.0):
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Agent:
    """The agent on a node, as a service manager would start it."""

    def __init__(self, cluster, node, *words):
        self.node, self.log = node, node.disk / "agent.log"
        command = ["python", "-m", "share_dist.cli", "node-agent", "--poll-s", "0.2", *words]
        self.process = node.start(command, cluster.env, log="agent")

    def said(self) -> str:
        return self.log.read_text()


def test_an_ec2_notice_drains_the_node_once_through_token_outage_and_expiry(cluster, network, metadata):
    node = network.node(3)
    with cluster.driving(HOLD, node.address, said="working"):
        agent = watch_until_drained(cluster, node, metadata)
    asked = metadata.asked.total()
    assert agent.process.wait(timeout=60) == 0, "the agent ends when its node has"
    assert agent.said().count(" drains: ") == 1
    assert metadata.asked.total() == asked, "after the notice nothing more is asked"
    assert cluster.python(NODES)["dead"] == {node.address: "AUTOSCALER_DRAIN_PREEMPTED"}


def watch_until_drained(cluster, node, metadata):
    """Let a node's agent see an expiry, an outage and a notice; return it when the node drains."""
    agent = Agent(cluster, node, "--metadata", metadata.address)
    until(lambda: metadata.asked[ACTION, 404] >= 2, "the agent looks, and there is no notice yet")
    assert metadata.asked[TOKEN, 200] == 1, "one token serves many looks"
    metadata.tokens.clear()
    until(lambda: metadata.asked[TOKEN, 200] == 2, "an expired token is followed by another")
    assert metadata.asked[ACTION, 401] == 1
    metadata.broken = True
    until(lambda: metadata.asked[ACTION, 503] + metadata.asked[TOKEN, 503] >= 3, "an outage is outlasted")
    assert agent.said().count("does not answer") <= 2, "each outage is told once"
    assert cluster.python(NODES) == {"draining": {}, "dead": {}}
    metadata.broken = False
    metadata.notice = {
        "action": "terminate", "time": (datetime.now(UTC) + timedelta(seconds=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    }  # fmt: skip
    until(lambda: " drains: " in agent.said(), "the notice is obeyed")
    found = cluster.python(NODES)
    assert found["dead"] == {}, "the node still works"
    assert list(found["draining"]) == [node.address]
    assert 0 < found["draining"][node.address] <= 101
    return agent


def test_googles_notice_drains_the_node_with_its_half_minute(cluster, network, metadata):
    node = network.node(4)
    agent = Agent(cluster, node, "--cloud", "gcp", "--metadata", metadata.address)
    until(lambda: metadata.asked[PREEMPTED, 200] >= 2, "the agent looks")
    assert " drains: " not in agent.said()
    metadata.preempted = True
    until(lambda: " drains: " in agent.said(), "the notice is obeyed")
    assert agent.process.wait(timeout=60) == 0, "an idle node goes at once"
    assert cluster.python(NODES)["dead"][node.address] == "AUTOSCALER_DRAIN_PREEMPTED"
    assert ", 30 s from now" in agent.said()


def test_an_agent_whose_node_never_joins_says_so_and_ends(cluster, metadata):
    words = ["--metadata", metadata.address, "--address", cluster.address, "--node-ip", "10.79.0.77"]
    done = cluster.share_dist("node-agent", "--start-timeout-s", "1", *words)
    assert done.returncode == 2
    assert "no living node with the address 10.79.0.77" in done.stderr
    assert metadata.asked.total() == 0
