"""Can a cluster be joined? Address, token and version are asked for within seconds; Ray itself may wait or abort."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import exceptions as lost
from ray._common.network_utils import is_localhost  # pyright: ignore[reportAttributeAccessIssue]
from ray._private import worker as ray_worker
from ray._raylet import AuthenticationTokenLoader, GcsClient  # pyright: ignore[reportAttributeAccessIssue]
from ray.util import get_node_ip_address

from share_dist import errors
from share_dist.fleet.doors import loopback_as_it_is

ANSWER_S = 5.0
"""How long a machine may take to accept a connection; across the world it takes a third of a second."""
TOKEN_REMEDY = (
    "Copy the head's token to ~/.ray/auth_token (mode 600), or name its file in RAY_AUTH_TOKEN_PATH; "
    "`ray get-auth-token` on the head prints it. RAY_AUTH_MODE must be token on both sides."
)
AGENT_REMEDY = (
    "Most often another Ray on that machine has its port 52365. Stop one of the two, or start this one again with "
    "`ray start … --dashboard-agent-listen-port=52366`."
)


def given_address(own: str | None) -> str | None:
    """Return the cluster that a setting names, or else RAY_ADDRESS; None, for `local` too, is a Ray started here."""
    address = (own or os.environ.get("RAY_ADDRESS") or "").strip()
    return address if address not in ("", "local") else None


@contextmanager
def naming_origin(own: str | None) -> Iterator[None]:
    """Say of an error in this block that its address came from RAY_ADDRESS, unless a setting named one."""
    try:
        yield
    except errors.ShareDistError as error:
        if own or not os.environ.get("RAY_ADDRESS"):
            raise
        raise type(error)(
            f"{error}\n  The address came from the environment: RAY_ADDRESS is {os.environ.get('RAY_ADDRESS')}. "
            "To run on this machine instead: unset RAY_ADDRESS"
        ) from error


def is_of_this_machine_alone(head: str) -> bool:
    """Whether the head at host:port listens on loopback only, as that of a Ray does which a run started for itself."""
    host, _, port = head.rpartition(":")
    if not is_localhost(host.strip("[]")):
        return False
    try:
        socket.create_connection((get_node_ip_address(), int(port)), ANSWER_S).close()
    except OSError:
        return True
    return False


def reach(address: str) -> Any:
    """Return a client of the cluster's head, after everything that keeps Ray from joining it was looked at.

    Args:
        address: host:port of the head, or `auto` for the cluster that this machine belongs to.

    Raises:
        errors.BadSetting: the address is of another kind.
        errors.NoCluster: nobody answers there.
        errors.WrongToken: the cluster wants a token, and there is none here or another.
        errors.OtherVersion: the cluster runs another version of Ray or of Python.
    """
    address = head_address(address)
    require_listener(address)
    _require_token(address)
    try:
        client = GcsClient(address=address)
        client.get_all_node_info(timeout=ANSWER_S)
    except lost.AuthenticationError as error:
        raise _wrong_token(address) from error
    except lost.RayError as error:
        raise no_cluster(address, f"something listens there, but does not answer as a head of Ray: {error}") from error
    _require_version(client, address)
    return client


def head_address(address: str) -> str:
    """Return host:port of the head that an address names."""
    if "://" in address:
        raise errors.BadSetting(
            f"{address} is no address by which a cluster can be joined; that is host:port of its head, such as "
            "10.0.0.1:6379.\n  Addresses of the dashboard (http://…) are for `share-dist submit` and `ray job submit`."
        )
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise errors.BadSetting(f"'{address}' is no address of a head.\n  Write host:port, such as 10.0.0.1:6379.")
        return address
    from ray._private import services  # Ray has no public way to ask which cluster this machine belongs to

    try:
        with loopback_as_it_is():
            return services.canonicalize_bootstrap_address_or_die("auto")
    except (ConnectionError, ValueError) as error:
        raise no_cluster("auto", "this machine runs no Ray, or several") from error


def require_listener(address: str) -> None:
    """Raise NoCluster unless something accepts connections at host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except OSError as error:
        raise no_cluster(address, error.strerror or str(error)) from error


def no_cluster(address: str, reason: str) -> errors.NoCluster:
    """The error of an address where no cluster answers."""
    return errors.NoCluster(
        f"no Ray cluster answers at {address} ({reason}).\n"
        "  If its head died, start the cluster again (`ray up`, or `ray start --head`) and run the same command again: "
        "what is stored is found.\n"
        "  Without a cluster, leave fleet.address and RAY_ADDRESS out to run on this machine."
    )


def _require_token(address: str) -> None:
    """Raise WrongToken when Ray would abort the whole process for want of a token."""
    from ray._private.authentication.authentication_utils import is_token_auth_enabled

    try:
        found = not is_token_auth_enabled() or AuthenticationTokenLoader.instance().has_token()
    except lost.AuthenticationError:
        found = False
    if not found:
        raise errors.WrongToken(
            f"RAY_AUTH_MODE is token, but there is no token here to join {address} with.\n  {TOKEN_REMEDY}"
        )


def _wrong_token(address: str) -> errors.WrongToken:
    mode = os.environ.get("RAY_AUTH_MODE", "not set")
    return errors.WrongToken(
        f"the cluster at {address} refuses this machine's token (RAY_AUTH_MODE here: {mode}).\n  {TOKEN_REMEDY}"
    )


def _require_version(client: Any, address: str) -> None:
    from ray._common.usage.usage_lib import get_cluster_metadata

    there = get_cluster_metadata(client) or {}
    here = {"ray_version": ray.__version__, "python_version": platform.python_version()}
    if any(there.get(name, value) != value for name, value in here.items()):
        raise errors.OtherVersion(
            f"{socket.gethostname()} ({get_node_ip_address()}) has Ray {here['ray_version']} on Python "
            f"{here['python_version']}, but the cluster at {address} has Ray {there.get('ray_version')} on Python "
            f"{there.get('python_version')}.\n"
            "  All nodes must have the same: use the cluster's image here, or set this machine up from constraints.txt."
        )


def joined_client() -> Any:
    """Return the client of the head whose cluster this process has joined."""
    return ray_worker.global_worker.gcs_client  # pyright: ignore[reportAttributeAccessIssue]  # set by ray.init


def has_autoscaler(client: Any) -> bool:
    """Whether somebody adds nodes to the cluster when work waits for them."""
    if client.internal_kv_get(b"__autoscaler_v2_enabled", b"__autoscaler") == b"1":
        return True
    # Without a cluster file the older autoscaler runs too, adds nothing, and calls each node a type of its own.
    report = json.loads(client.internal_kv_get(b"__autoscaling_status", None) or "{}").get("autoscaler_report") or {}
    kinds = (report.get("node_type_mapping") or {}).values()
    return any(not str(kind).startswith("node_") for kind in kinds)
