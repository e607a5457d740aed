"""Joining a Ray cluster, or starting a small quiet one on this machine."""

from __future__ import annotations

import logging
import os
from contextlib import nullcontext
from typing import Any

# Read when ray is imported; a study of people's cameras should not phone home by default.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# The default of newer versions, and without it every CPU worker warns.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

from share_dist.errors import Finding, WorkersLost
from share_dist.fleet.config import FleetConfig
from share_dist.fleet.doors import hush_retries, on_loopback, own_signals
from share_dist.fleet.preflight import machine_findings
from share_dist.fleet.reach import (
    given_address,
    has_autoscaler,
    head_address,
    is_of_this_machine_alone,
    naming_origin,
    no_cluster,
    reach,
)
from share_dist.fleet.start import first_line, start_here

NAMESPACE = "share_dist"
KEPT_MEMORY = {
    "GLIBC_TUNABLES": ":".join(
        f"glibc.malloc.{name}={value}"
        for name, value in {"hugetlb": 1, "mmap_threshold": 2**33, "trim_threshold": 2**33}.items()
    )
}
"""Environment of processes that compute. The large arrays that each step takes and gives back stay the process's own,
in huge pages; else the kernel clears them anew each time."""
OLDEST = (2, 60)
"""Older versions of Ray serve their job port without a check of who is asking."""


def connect(config: FleetConfig) -> bool:
    """Make sure that this process is connected to Ray; return whether a Ray was started for it here.

    Raises:
        errors.BadSetting, errors.StorageFull: this machine cannot run Ray, and why.
        errors.WorkersLost: Ray did not start here in time, or no node of the cluster has a core.
        errors.NoCluster, errors.WrongToken, errors.OtherVersion: the cluster at the address cannot be joined.
    """
    if ray.is_initialized():
        return False
    address = given_address(config.address)
    if address is None:
        if not config.worker_output:
            hush_retries()
        start_here(config, NAMESPACE)
        return True
    with naming_origin(config.address):
        client = join(address, config.worker_output)
    _require_cores(client)
    return False


def join(address: str, worker_output: bool = False) -> Any:
    """Connect this process to the cluster at host:port, or to this machine's own for `auto`; return its head's client.

    Raises:
        errors.NoCluster, errors.WrongToken, errors.OtherVersion, errors.BadSetting: see `reach`.
    """
    head = head_address(address)
    client = reach(head)
    if not worker_output:
        hush_retries()
    try:
        with own_signals(), on_loopback() if is_of_this_machine_alone(head) else nullcontext():
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=worker_output, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise no_cluster(address, first_line(error)) from error
    return client


def _require_cores(client: Any) -> None:
    """Raise WorkersLost at once when no node has a core and nobody adds one; else actors wait for their deadline."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    if any(node["Resources"].get("CPU", 0) > 0 for node in alive) or has_autoscaler(client):
        return
    names = ", ".join(f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in alive)
    ray.shutdown()
    raise WorkersLost(
        f"no node of the cluster may render: {names} has 0 CPUs, and no autoscaler is there to add nodes.\n"
        "  Start workers: `ray start --address=HEAD:6379 --num-cpus=N`. A head alone gets cores with `--num-cpus`."
    )


def check() -> list[Finding]:
    """Say whether Ray can work on this machine."""
    found = tuple(int(part) for part in ray.__version__.split(".")[:2])
    version = Finding(
        "ray", found >= OLDEST, f"version {ray.__version__}", "" if found >= OLDEST else "pip install 'ray>=2.60'"
    )
    return [version, *machine_findings()]
