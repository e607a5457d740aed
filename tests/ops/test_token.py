"""A cluster with a token lets nobody in without it: not to the dashboard, not to its jobs, not as a driver."""

from __future__ import annotations

import json

import pytest

from share_dist.studies.ray_nodes import DASHBOARD_PORT

pytestmark = pytest.mark.slow

AGENT_PORT = 52365
"""Where each node's own agent listens; the dashboard asks it for jobs' logs."""
OPEN = {"GET /", "GET /favicon.ico", "GET /api/authentication_mode", "GET /api/gcs_healthz"}
OPEN |= {"agent GET /api/healthz", "agent GET /api/local_raylet_healthz"}
"""What anybody may ask: the page that asks for a token, whether one is wanted, and whether a process is well."""
ASK_ALL = """
import json, re, sys, urllib.error, urllib.request
import ray.dashboard.http_server_head, ray.dashboard.utils as modules
from ray.dashboard.optional_utils import DashboardAgentRouteTable, DashboardHeadRouteTable
from ray.dashboard.subprocesses.module import SubprocessModule
from ray.dashboard.subprocesses.routes import SubprocessRouteTable

head, agent, token = sys.argv[1:]
for kind in (modules.DashboardHeadModule, SubprocessModule, modules.DashboardAgentModule):
    modules.get_all_modules(kind)
tables = [(head, DashboardHeadRouteTable), (head, SubprocessRouteTable), (agent, DashboardAgentRouteTable)]
found = {}
for address, table in tables:
    for method, paths in table._bind_map.items():
        for path in paths:
            url = address + re.sub(r"{[^}]*}", "x", path)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            body = None if method == "GET" else b"{}"
            request = urllib.request.Request(url, method=method, headers=headers, data=body)
            try:
                status = urllib.request.urlopen(request, timeout=20).status
            except urllib.error.HTTPError as error:
                status = error.code
            where = "agent " if table is DashboardAgentRouteTable else ""
            found[f"{where}{method} {path}"] = status
print(json.dumps(found))
"""
OTHER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def outsider(cluster, network):
    """Somebody on another machine of the network, without the token unless given one."""

    def run(*words, token=None, timeout_s=120.0):
        address = f"http://{cluster.head.address}:{DASHBOARD_PORT}"
        env = {"RAY_API_SERVER_ADDRESS": address, "PYTHONPATH": cluster.env["PYTHONPATH"]}
        env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {"RAY_AUTH_MODE": "disabled"}
        return network.node(2).run(words, env, timeout_s)

    return run


@pytest.mark.parametrize(("token", "refusal"), [("", 401), (OTHER, 403)])
def test_every_route_of_dashboard_and_agents_refuses_a_stranger(cluster, outsider, token, refusal):
    places = [f"http://{cluster.head.address}:{port}" for port in (DASHBOARD_PORT, AGENT_PORT)]
    done = outsider("python", "-c", ASK_ALL, *places, token)
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    jobs = {"GET /api/jobs/", "POST /api/jobs/", "GET /api/version", "GET /nodes", "GET /api/cluster_status"}
    jobs |= {f"{method} /api/jobs/{{job_or_submission_id}}" for method in ("GET", "DELETE")}
    jobs |= {"GET /api/jobs/{job_or_submission_id}/logs", "agent POST /api/job_agent/jobs/"}
    assert jobs <= answers.keys()
    assert {route: status for route, status in answers.items() if status != refusal and route not in OPEN} == {}


@pytest.mark.parametrize(("token", "refusal"), [(None, "Authentication required"), (OTHER, "Authentication failed")])
def test_nobody_submits_a_job_without_the_token(outsider, token, refusal):
    done = outsider("ray", "job", "submit", "--", "touch", "/tmp/intruded", token=token)
    assert done.returncode != 0
    assert refusal in done.stdout + done.stderr


def test_our_own_submission_says_what_to_do_about_a_wrong_token(cluster, outsider):
    line = ["submit", "share", "demo", "--out", "s3://bucket/x", "--working-dir", cluster.env["PYTHONPATH"]]
    done = outsider("python", "-m", "share_dist.cli", *line, token=OTHER)
    assert done.returncode == 2
    assert f"the Jobs server at http://{cluster.head.address}:{DASHBOARD_PORT} does not let us in" in done.stderr
    assert "~/.ray/auth_token (mode 600)" in done.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": OTHER}, "refuses this machine's token (RAY_AUTH_MODE here: t"),
        ({"RAY_AUTH_MODE": "disabled"}, "refuses this machine's token (RAY_AUTH_MODE here: disabled)"),
        ({"RAY_AUTH_MODE": "token"}, "RAY_AUTH_MODE is token, but there is no token here to join"),
    ],
)  # fmt: skip
def test_a_driver_without_the_token_is_told_so_at_once(cluster, network, env, said):
    words = ["render", "smoke", "--fleet.address", cluster.address, "--out", "/tmp/views"]
    env = {**env, "PYTHONPATH": cluster.env["PYTHONPATH"]}
    done = network.node(2).run(["python", "-m", "share_dist.cli", *words], env, timeout_s=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert cluster.address in done.stderr
    assert "~/.ray/auth_token" in done.stderr


PRETEND = """
import json, os, sys
from ray._raylet import GcsClient
client, key, place = GcsClient(address=os.environ["RAY_ADDRESS"]), b"CLUSTER_METADATA", b"cluster"
before = json.loads(client.internal_kv_get(key, place))
client.internal_kv_put(key, json.dumps({**before, "ray_version": sys.argv[1]}).encode(), True, place)
print(json.dumps(before["ray_version"]))
"""


def test_another_version_of_ray_is_told_with_both_versions_and_the_nodes_name(bare_head):
    version = bare_head.python(PRETEND, "2.59.0")
    try:
        done = bare_head.share_dist("render", "smoke", "--out", "/tmp/other-version")
    finally:
        bare_head.python(PRETEND, version)
    assert done.returncode == 2
    head = bare_head.head
    assert f"{head.name} ({head.address}) has Ray {version}" in done.stderr
    assert f"the cluster at {bare_head.address} has Ray 2.59.0" in done.stderr


START = """
import os, json, pathlib
os.umask(0o022)
from share_dist.fleet import FleetConfig, connect
assert connect(FleetConfig(cpus=1, object_store_mb=80))
token = pathlib.Path.home() / ".ray/auth_token"
print(json.dumps(oct(token.stat().st_mode & 0o777)))
"""


def test_the_token_of_a_ray_that_we_start_is_for_its_owner_only(bare_head):
    done = bare_head.head.run(["python", "-c", START], {"PYTHONPATH": bare_head.env["PYTHONPATH"]}, 120)
    assert json.loads(done.stdout.strip().splitlines()[-1]) == "0o600", done.stderr
