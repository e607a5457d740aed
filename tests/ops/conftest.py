"""One cluster of namespace nodes for everything here: a head without cores, a worker, and two to be taken away."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from share_dist.errors import NamespacesRefused
from share_dist.studies.bucket import local_bucket
from share_dist.studies.nodes import HOST, Network, require_namespaces
from share_dist.studies.ray_nodes import DASHBOARD_PORT, RayNodes

ROOT = Path(__file__).resolve().parents[2]
_until_the_last_test_here = contextlib.ExitStack()


def pytest_runtest_teardown(item, nextitem):
    """Give the cores back before other rooms' tests want them; a fixture of the session would keep them to its end."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        _until_the_last_test_here.close()


class OpsCluster(RayNodes):
    """The cluster, and Python run on one of its nodes."""

    def python(self, source, *words, on=None, env=None, timeout_s=120.0):
        """Run a piece of Python there and return what it printed as JSON on its last line."""
        done = self.driver(["python", "-c", source, *words], env, timeout_s, on)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    @contextlib.contextmanager
    def driving(self, source, *words, said):
        """Run a driver of this source on the head, from when it has said something until the block ends."""
        mark = f"driver-{uuid.uuid4().hex[:8]}"
        started = self.start_driver(["python", "-c", source, *words, mark], log=mark)
        deadline = time.monotonic() + 60
        while said not in (log := (self.head.disk / f"{mark}.log").read_text()):
            assert time.monotonic() < deadline, log
            time.sleep(0.05)
        try:
            yield
        finally:
            for process in self.head.processes(mark):
                os.kill(process, signal.SIGKILL)
            started.wait(timeout=10)

    def share_dist(self, *words, on=None, env=None, timeout_s=120.0) -> subprocess.CompletedProcess[str]:
        """Run a command line of ours there."""
        return self.driver(["python", "-m", "share_dist.cli", *words], env, timeout_s, on)


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    try:
        require_namespaces()
    except NamespacesRefused as refused:
        pytest.skip(str(refused).splitlines()[0])
    return _until_the_last_test_here.enter_context(Network(tmp_path_factory.mktemp("nodes"), "opsn", "10.79.0"))


@pytest.fixture(scope="session")
def shared_bucket(network):
    """A bucket that every node reaches."""
    return _until_the_last_test_here.enter_context(local_bucket(network.address(HOST)))


@pytest.fixture(scope="session")
def cluster(network, shared_bucket):
    """Head and three workers with a core each, asking for a token, its dashboard on the head's own address."""
    head, *workers = (network.node(number) for number in (1, 2, 3, 4))
    cluster = OpsCluster(head, {"PYTHONPATH": str(ROOT), **shared_bucket.environment}, dashboard_host=head.address)
    cluster.start(workers, labels={"share-role": "render"})
    return cluster


@pytest.fixture
def its_jobs(cluster, monkeypatch):
    """The environment of somebody outside who submits to the cluster: the dashboard's address and the token."""
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": cluster.env["RAY_AUTH_TOKEN"],
        "RAY_API_SERVER_ADDRESS": f"http://{cluster.head.address}:{DASHBOARD_PORT}",
        "PYTHONPATH": str(ROOT),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture(scope="session")
def bare_head(network):
    """A cluster without workers: a head alone."""
    head = network.node(8)
    env = {"PYTHONPATH": str(ROOT), "TORCH_EXTENSIONS_DIR": "/tmp/torch_extensions"}  # the node's own /tmp
    cluster = OpsCluster(head, env, dashboard_host=head.address)
    cluster.start()
    return cluster


@pytest.fixture
def head_without_agent(network):
    """A cluster of a head alone, on a machine where another program has the port of Ray's dashboard agent."""
    head = network.node(7)
    head.start(["python", "-m", "http.server", "52365"], log="holder")
    cluster = OpsCluster(head, {"PYTHONPATH": str(ROOT)}, dashboard_host=head.address)
    cluster.start()
    return cluster
