"""Joining a Ray cluster, or starting a small quiet one on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

# Read when ray is imported; a study of people's cameras should not phone home by default.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# The default of newer versions, and without it every CPU worker warns.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

from share_dist.errors import Finding, WorkersLost
from share_dist.fleet.config import FleetConfig
from share_dist.fleet.cores import usable_cores
from share_dist.fleet.reach import has_autoscaler, no_cluster, reach

NAMESPACE = "share_dist"
ATTEMPTS = 3
"""Starts of a Ray on this machine before we give up; each waits half a minute, which a busy machine may need."""
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
        errors.WorkersLost: Ray did not start here, or no node of the cluster has a core.
        errors.NoCluster, errors.WrongToken, errors.OtherVersion: the cluster at the address cannot be joined.
    """
    if ray.is_initialized():
        return False
    address = config.address or os.environ.get("RAY_ADDRESS")
    if not address:
        _start_here(config)
        return True
    client = join(address, config.worker_output)
    _require_cores(client)
    return False


def join(address: str, worker_output: bool = False) -> Any:
    """Connect this process to the cluster at host:port, or to this machine's own for `auto`; return its head's client.

    Raises:
        errors.NoCluster, errors.WrongToken, errors.OtherVersion, errors.BadSetting: see `reach`.
    """
    client = reach(address)
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=worker_output, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise no_cluster(address, _first_line(error)) from error
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


def _start_here(config: FleetConfig) -> None:
    # Ray warns that it does the safe thing. The mode cannot be set here to spare us that: Ray reads it when imported.
    setup = logging.getLogger("ray._private.authentication.authentication_token_setup")
    setup.addFilter(_is_news)
    token = Path(os.path.expanduser("~/.ray/auth_token"))
    _require_place_for(token)
    for attempt in range(ATTEMPTS):
        try:
            _init_here(config)
            break
        except Exception as error:  # Ray raises a bare Exception when its node is not up within 30 s
            ray.shutdown()
            if attempt == ATTEMPTS - 1:
                raise WorkersLost(
                    f"Ray did not start on this machine ({_first_line(error)}).\n"
                    "  Its logs are under /tmp/ray/session_latest/logs. A very busy machine may be too slow: try again."
                ) from error
    # Ray writes its token with the usual permissions, which let every user of the machine read it.
    if token.is_file() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)


def _require_place_for(token: Path) -> None:
    """Give Ray a token for this process and those it starts where it cannot write one: without a home, or to it."""
    if token.is_file() or {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        return
    with contextlib.suppress(OSError):
        # An account without a home leaves the ~ as it is.
        if token.is_absolute():
            token.parent.mkdir(parents=True, exist_ok=True)
            if os.access(token.parent, os.W_OK):
                return
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _is_news(record: logging.LogRecord) -> bool:
    return "Token authentication is enabled" not in record.getMessage()


def _init_here(config: FleetConfig) -> None:
    ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=config.cpus or usable_cores(),
        object_store_memory=config.object_store_mb * 1_000_000,
        include_dashboard=False,
        # Our actors have an environment of their own, so that processes started ahead of them would serve nobody.
        _system_config={"enable_worker_prestart": False, "prestart_worker_first_driver": False},
        log_to_driver=config.worker_output,
        logging_level=logging.ERROR,
        configure_logging=False,
    )


def check() -> list[Finding]:
    """Say whether Ray can work on this machine."""
    found = tuple(int(part) for part in ray.__version__.split(".")[:2])
    version = Finding(
        "ray", found >= OLDEST, f"version {ray.__version__}", "" if found >= OLDEST else "pip install 'ray>=2.60'"
    )
    shared = Path("/dev/shm")
    free_mb = shutil.disk_usage(shared).free / 1e6 if shared.is_dir() else 0.0
    remedy = "" if free_mb >= 500 else "In Docker add --shm-size=1g; Ray keeps pictures on disk otherwise, slowly."
    return [version, Finding("shared memory", free_mb >= 500, f"{free_mb:,.0f} MB free in /dev/shm", remedy)]
