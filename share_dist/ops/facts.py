"""What a node is made of: versions, source, body, token, its own agent; equal on all nodes of a healthy cluster."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.experimental.internal_kv import _internal_kv_get

import share_dist
from share_dist.body import BodyConfig, load_body
from share_dist.errors import Finding, ShareDistError
from share_dist.fleet.reach import AGENT_REMEDY

_AGENT_STARTS_S = 20.0
"""How long after its node Ray's agent may be ready, on a busy machine."""
PACKAGES = ("ray", "torch", "numpy", "numba", "deepspeed")
"""What turns settings into numbers; the rest only moves them."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What must be equal on all nodes."""

    versions: dict[str, str]
    source: str
    """First digits of the hash over the package's files."""

    body: str


def node_facts(body: BodyConfig) -> NodeFacts:
    """Look at this machine."""
    versions = {"Python": platform.python_version()} | {name: _version(name) for name in PACKAGES}
    return NodeFacts(versions, _source_hash(), _body_name(body))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _source_hash() -> str:
    root = Path(str(share_dist.__file__)).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:8]


def _body_name(config: BodyConfig) -> str:
    """The body's name, which ends with digits of its hash."""
    try:
        return load_body(config).name
    except ShareDistError:
        return "none"


def node_findings() -> list[Finding]:
    """What a node of a cluster needs beside what every machine needs: a token, Ray's agent, on spot machines ours."""
    from ray._private.authentication.authentication_utils import is_token_auth_enabled

    token = Finding("token", True, "Ray asks for a token")
    if not is_token_auth_enabled():
        remedy = "Set RAY_AUTH_MODE=token and the same token on every node before `ray start`; see docs/security.md."
        token = Finding("token", False, "Ray lets everybody in who reaches its ports", remedy)
    runs = "runs" if _agent_runs() else "does not run; only spot machines need it"
    return [token, _dashboard_agent(), Finding("node agent", True, runs)]


def _dashboard_agent() -> Finding:
    """Whether Ray's own agent of this node serves what starts jobs and reads their logs; Ray goes on without it."""
    from ray._private.ray_constants import KV_NAMESPACE_DASHBOARD
    from ray.dashboard.consts import DASHBOARD_AGENT_ADDR_NODE_ID_PREFIX

    node = ray.get_runtime_context().get_node_id()
    key, deadline = f"{DASHBOARD_AGENT_ADDR_NODE_ID_PREFIX}{node}".encode(), time.monotonic() + _AGENT_STARTS_S
    while not (found := _internal_kv_get(key, namespace=KV_NAMESPACE_DASHBOARD)) and time.monotonic() < deadline:
        time.sleep(0.5)
    if found:
        return Finding("dashboard agent", True, "starts jobs and shows their logs")
    return Finding("dashboard agent", False, "does not answer: no job can be started here", AGENT_REMEDY)


def _agent_runs() -> bool:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"node-agent" in process.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue  # it ended meanwhile
    return False
