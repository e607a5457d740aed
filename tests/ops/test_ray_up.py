"""`ray up cluster/local.yaml` over real sshd on machines of namespaces, and what such a cluster leaves open."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from share_dist.errors import NamespacesRefused, WorkersLost
from share_dist.studies.nodes import Network, Node
from share_dist.studies.ssh_nodes import answer_ssh, fill_in, give_key, home, prepare_machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
CLUSTER_FILE = "/tmp/home/local.yaml"
JOIN_S = 90.0
TOKEN_MODE = {"RAY_AUTH_MODE": "token"}
JOB = """
import ray, socket
ray.init(log_to_driver=False)

@ray.remote(num_cpus=1, label_selector={"share-role": "render"})
def where():
    return socket.gethostname()

print("rendered on", ray.get(where.remote()))
"""
# A call of each service that Ray's ports offer, sent without a token; the name of what comes back.
ASK_EVERY_PORT = """
import json, sys, urllib.error, urllib.request
import grpc

def ask_grpc(port, method):
    try:
        grpc.insecure_channel(f"{sys.argv[1]}:{port}").unary_unary(method)(b"", timeout=10)
        return "answered"
    except grpc.RpcError as error:
        return error.code().name

def ask_http(port, path):
    try:
        return urllib.request.urlopen(f"http://{sys.argv[1]}:{port}{path}", timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return "refused"

print(json.dumps({
    "driver": ask_grpc(sys.argv[2], "/ray.rpc.CoreWorkerService/GetCoreWorkerStats"),
    "6379": ask_grpc(6379, "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"),
    "6380": ask_grpc(6380, "/ray.rpc.NodeManagerService/GetNodeStats"),
    "6381": ask_grpc(6381, "/ray.rpc.ObjectManagerService/Push"),
    "6382": ask_grpc(6382, "/ray.rpc.ReporterService/GetTraceback"),
    "6383": ask_http(6383, "/get_runtime_envs_info"),
    "6384": ask_http(6384, "/metrics"),
    "8265": ask_http(8265, "/api/jobs/"),
    "10001": ask_grpc(10001, "/ray.rpc.RayletDriver/ClusterInfo"),
    "44217": ask_http(44217, "/metrics"),
    "44227": ask_http(44227, "/metrics"),
    "52365": ask_http(52365, "/api/job_agent/jobs/x/logs"),
}))
"""


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A launched cluster: the desk where commands are typed, which is no part of it, the head and one worker."""

    desk: Node
    head: Node
    worker: Node
    token: str

    def type(self, *words: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Type a command at the desk."""
        return self.desk.run(words, TOKEN_MODE, timeout_s)


def machines(folder: Path) -> Iterator[Launched]:
    with Network(folder, name="shup", subnet="10.78.0") as network:
        desk, head, worker = network.node(9), network.node(1), network.node(2)
        for node in (desk, head, worker):
            prepare_machine(node)
        key = give_key(desk)
        # What these machines set for all programs, so that the test waits less: an eager autoscaler, and workers that
        # give up on a lost head after seconds instead of a minute.
        (home(head) / ".bashrc").write_text("export AUTOSCALER_UPDATE_INTERVAL_S=1\n")
        (home(worker) / ".bashrc").write_text("export RAY_gcs_rpc_server_reconnect_timeout_s=3\n")
        for node in (head, worker):
            answer_ssh(node, key)
        launched = Launched(desk=desk, head=head, worker=worker, token=secrets.token_hex(32))
        write_the_desk(launched)
        yield launched


def write_the_desk(launched: Launched) -> None:
    token_file = home(launched.desk) / ".ray/auth_token"
    token_file.parent.mkdir()
    token_file.write_text(launched.token)
    token_file.chmod(0o600)
    places = {
        "provider.head_ip": launched.head.address,
        "provider.worker_ips": [launched.worker.address],
        "auth.ssh_user": "root",
    }
    (home(launched.desk) / "local.yaml").write_text(fill_in(ROOT / "cluster/local.yaml", places))
    (home(launched.desk) / "work").mkdir()
    (home(launched.desk) / "work/job.py").write_text(JOB)


def launch(cluster: Launched) -> None:
    """`ray up`, and wait for the worker.

    Raises:
        WorkersLost: it did not come up within the deadline.
    """
    done = cluster.type("ray", "up", "--yes", "--disable-usage-stats", CLUSTER_FILE, timeout_s=150)
    deadline = time.monotonic() + JOIN_S
    status = done.stdout + done.stderr
    while done.returncode == 0 and time.monotonic() < deadline:
        status = cluster.type("ray", "exec", CLUSTER_FILE, "ray status").stdout
        if re.search(r"Active:\s+2 local.cluster.node", status):
            return
        time.sleep(1)
    raise WorkersLost(f"the cluster did not come up:\n{status[-2000:]}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    try:
        for launched in machines(tmp_path_factory.mktemp("up")):
            try:
                launch(launched)
            except (WorkersLost, subprocess.TimeoutExpired):
                # The one retry, without what the first try believes of the machines.
                for node in (launched.desk, launched.head):
                    for state in (node.disk / "ray").glob("cluster-*.state"):
                        state.unlink()
                launch(launched)
            yield launched
    except NamespacesRefused as error:
        pytest.skip(str(error).splitlines()[0])


def test_ray_exec_runs_on_the_head(cluster):
    assert cluster.head.name in cluster.type("ray", "exec", CLUSTER_FILE, "hostname").stdout


def test_a_job_submitted_from_the_desk_runs_on_the_worker_with_the_label(cluster):
    tunnel = cluster.desk.start(["ray", "dashboard", CLUSTER_FILE], TOKEN_MODE, log="tunnel")
    try:
        for _ in range(100):
            if not cluster.desk.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8265"]).returncode:
                break
            time.sleep(0.1)
        address = ("--address", "http://127.0.0.1:8265")
        work = ("--working-dir", "/tmp/home/work", "--", "python", "job.py")
        done = cluster.type("ray", "job", "submit", *address, *work)
    finally:
        tunnel.kill()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"rendered on {cluster.worker.name}" in done.stdout


def test_the_token_is_a_file_of_its_owner_alone_on_every_machine(cluster):
    for node in (cluster.desk, cluster.head, cluster.worker):
        token_file = home(node) / ".ray/auth_token"
        assert token_file.read_text() == cluster.token
        assert oct(token_file.stat().st_mode & 0o777) == "0o600"


def test_the_token_stands_in_no_command_line_no_log_and_no_other_file(cluster):
    for node in (cluster.desk, cluster.head, cluster.worker):
        everything = node.run(["bash", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).stdout
        assert len(everything) > 100
        assert cluster.token not in everything
        found = node.run(["grep", "-rlF", "--devices=skip", cluster.token, "/tmp"]).stdout.split()
        assert found == ["/tmp/home/.ray/auth_token"]


def listening_everywhere(node: Node) -> set[int]:
    """The TCP ports that a node's socket table shows listening on 0.0.0.0 or [::]."""
    table = node.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).stdout
    sockets = re.findall(r"^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A ", table, re.MULTILINE)
    assert sockets
    return {int(port, 16) for address, port in sockets if set(address) == {"0"}}


def documented() -> dict[range, str]:
    """Ports of the table in docs/security.md that listen on every address, and what asks for the token there."""
    rows = re.findall(
        r"^\| (\d+)(?: to (\d+))? \|[^|]*\|[^|]*\| every \| ([^|]*) \|$",
        (ROOT / "docs/security.md").read_text(),
        re.MULTILINE,
    )
    return {range(int(first), int(last or first) + 1): token for first, last, token in rows}


def test_nothing_listens_on_every_address_that_the_security_page_does_not_name(cluster):
    named = documented()
    for node in (cluster.head, cluster.worker):
        unnamed = {port for port in listening_everywhere(node) if not any(port in ports for ports in named)}
        assert not unnamed, f"{node.name} listens on {unnamed} everywhere"


def test_the_ports_that_the_security_page_names_are_the_ones_that_listen(cluster):
    single = {ports.start for ports in documented() if len(ports) == 1}
    assert single <= listening_everywhere(cluster.head)


def test_every_port_but_metrics_refuses_a_neighbour_without_the_token(cluster):
    """A machine of the same network asks each service something; the dashboard is not even there for it."""
    before = listening_everywhere(cluster.head)
    driver = cluster.head.start(["python", "-c", "import ray, time; ray.init(); time.sleep(60)"], TOKEN_MODE, "driver")
    deadline = time.monotonic() + 30
    while not (of_driver := listening_everywhere(cluster.head) - before):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    asked = ["python", "-c", ASK_EVERY_PORT, cluster.head.address, str(min(of_driver))]
    done = cluster.worker.run(asked)
    driver.kill()
    answers = json.loads(done.stdout)
    assert answers.pop("8265") == "refused"
    assert {port for port, answer in answers.items() if answer == 200} == {"6384", "44217", "44227"}
    others = {port: answer for port, answer in answers.items() if answer != 200}
    assert set(others.values()) <= {"UNAUTHENTICATED", 401}, others


def test_ray_down_ends_ray_on_every_machine(cluster):
    done = cluster.type("ray", "down", "--yes", CLUSTER_FILE)
    assert done.returncode == 0, done.stdout + done.stderr
    deadline = time.monotonic() + 60
    while left := cluster.head.processes("ray/core/src") + cluster.worker.processes("ray/core/src"):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.5)
