"""Ray on namespace nodes: a head without work, workers with labels, a token, and drivers that run where jobs run."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence

from share_dist.errors import WorkersLost
from share_dist.studies.nodes import Node

GCS_PORT, DASHBOARD_PORT = 6379, 8265
NODE_LABEL = "share-node"
"""The label by which a setting names one node."""

# A lost node is believed lost after three silent seconds instead of half a minute.
_QUICK_TO_NOTICE = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
_AWAIT_NODES = """
import json, sys, time, ray
ray.init(address="auto", logging_level="ERROR")
wanted, deadline = sys.argv[2:], time.monotonic() + float(sys.argv[1])
while True:
    alive = sorted(node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"])
    if alive == wanted or time.monotonic() > deadline:
        sys.exit(print(json.dumps(alive)))
    time.sleep(0.2)
"""
_NODE_ID = """
import sys, ray
ray.init(address="auto", logging_level="ERROR")
print(*[node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeManagerHostname"] == sys.argv[1]])
"""


class RayNodes:
    """A Ray cluster on a network's nodes. The head has no cores, as on a cloud; jobs' drivers run there."""

    def __init__(self, head: Node, env: Mapping[str, str] | None = None, dashboard_host: str | None = None):
        """Prepare a cluster; `start` starts it.

        Args:
            head: the node that coordinates.
            env: more environment for all of Ray's processes and drivers, such as a bucket's address.
            dashboard_host: where the head's dashboard and Jobs server listen; None starts neither.
        """
        self.head, self.dashboard_host = head, dashboard_host
        self.address = f"{head.address}:{GCS_PORT}"
        self.env = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_worker_niceness": "0",
            **_QUICK_TO_NOTICE,
            **(env or {}),
        }

    def start(self, workers: Sequence[Node] = (), cpus: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Start the head and these workers, and wait until all have joined."""
        dashboard = ["--include-dashboard=false"]
        if self.dashboard_host:
            dashboard = [f"--dashboard-host={self.dashboard_host}", f"--dashboard-port={DASHBOARD_PORT}"]
        self._ray_start(self.head, ["--head", "--num-cpus=0", f"--port={GCS_PORT}", *dashboard])
        self._await_head()
        for node in workers:
            self.join(node, cpus, labels)
        self.wait_for([self.head, *workers])

    def join(self, node: Node, cpus: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Start Ray on a worker node, which bears its own name and these as labels; it joins by itself."""
        marks = {NODE_LABEL: node.name, **(labels or {})}
        text = ",".join(f"{key}={value}" for key, value in marks.items())
        self._ray_start(node, [f"--address={self.address}", f"--num-cpus={cpus:g}", f"--labels={text}"])

    def wait_for(self, nodes: Sequence[Node], timeout_s: float = 90.0) -> None:
        """Wait until exactly these nodes are alive.

        Raises:
            errors.WorkersLost: they are not in time.
        """
        wanted = sorted(node.name for node in nodes)
        done = self.driver(["python", "-c", _AWAIT_NODES, str(timeout_s), *wanted], timeout_s=timeout_s + 60)
        found = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else done.stderr[-300:]
        if found != wanted:
            raise WorkersLost(f"wanted the nodes {wanted} alive within {timeout_s:g} s, but found {found}.")

    def drain(self, node: Node, seconds: float) -> None:
        """Announce that a node will be taken in so many seconds, as a cloud's notice does."""
        found = self.driver(["python", "-c", _NODE_ID, node.name], timeout_s=60).stdout.strip().splitlines()
        why = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot notice"]
        when = ["--deadline-remaining-seconds", str(max(int(seconds), 1))]
        self.driver(["ray", "drain-node", "--address", self.address, "--node-id", found[-1], *why, *when])

    def driver(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        timeout_s: float = 300.0,
        on: Node | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a driver on the head, or another node, to its end."""
        return (on or self.head).run(command, {**self.drivers_env, **(env or {})}, timeout_s)

    def start_driver(self, command: Sequence[str], log: str = "driver") -> subprocess.Popen:
        """Start a driver on the head; its output goes into a log on the head's disk."""
        return self.head.start(command, self.drivers_env, log)

    @property
    def drivers_env(self) -> dict[str, str]:
        """The environment of a process that speaks with the cluster."""
        return {**self.env, "RAY_ADDRESS": self.address}

    def _ray_start(self, node: Node, options: Sequence[str]) -> None:
        memory = ["--object-store-memory=150000000", "--memory=2000000000"]
        here = [f"--node-ip-address={node.address}", "--disable-usage-stats", "--block"]
        node.start(["ray", "start", *options, *here, *memory], self.env, log="ray")

    def _await_head(self, timeout_s: float = 60.0) -> None:
        # A worker that asks before the head answers gives up after its own, longer patience.
        deadline = time.monotonic() + timeout_s
        probe = f"exec 3<>/dev/tcp/{self.head.address}/{GCS_PORT}"
        while self.head.run(["bash", "-c", probe]).returncode:
            if time.monotonic() > deadline:
                log = (self.head.disk / "ray.log").read_text("utf-8", errors="replace")[-500:]
                raise WorkersLost(f"Ray's head on {self.head} did not start within {timeout_s:g} s:\n{log}")
            time.sleep(0.2)
