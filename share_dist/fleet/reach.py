"""Can a cluster be joined? Address, token and version are asked for within seconds; Ray itself may wait or abort."""

from __future__ import annotations

import json
import os
import platform
import re
import socket
from collections.abc import Iterator, Sequence
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
from share_dist.fleet.token import unusable_token
from share_dist.masking import masked_words

ANSWER_S = 5.0
"""How long a machine may take to accept a connection; across the world it takes a third of a second."""
TOKEN_REMEDY = (
    "Copy the head's token to ~/.ray/auth_token (mode 600), or name its file in RAY_AUTH_TOKEN_PATH; "
    "`ray get-auth-token` on the head prints it. RAY_AUTH_MODE must be token on both sides."
)
_PORT = re.compile("[0-9]{1,5}")
AGENT_REMEDY = (
    "Most often another Ray on that machine has its port 52365. Stop one of the two, or start this one again with "
    "`ray start … --dashboard-agent-listen-port=52366`."
)


def given_address(own: str | None) -> str | None:
    """Return the cluster that a setting names, or else RAY_ADDRESS; None, for `local` too, is a Ray started here."""
    address = (own or os.environ.get("RAY_ADDRESS") or "").strip()
    return address if address not in ("", "local") else None


@contextmanager
def naming_origin(
    own: str | None, variables: Sequence[str] = ("RAY_ADDRESS",), instead: str = "run on this machine"
) -> Iterator[None]:
    """Say of an error in this block that its address came from the environment, unless a setting named one.

    Args:
        own: the setting.
        variables: which are read, the first that is set.
        instead: what happens without them.
    """
    try:
        yield
    except errors.ShareDistError as error:
        name = next((name for name in variables if os.environ.get(name)), None)
        if own or name is None:
            raise
        raise type(error)(
            f"{error}\n  The address came from the environment: {name} is {_shown(os.environ[name])}. "
            f"To {instead} instead: unset {name}"
        ) from error


def _shown(address: str) -> str:
    return masked_words([address])[0]


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
            f"{_shown(address)} is no address by which a cluster can be joined; that is host:port of its head, such as "
            "10.0.0.1:6379.\n  Addresses of the dashboard (http://…) are for `share-dist submit` and `ray job submit`."
        )
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not host or "@" in host or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
            raise errors.BadSetting(
                f"'{_shown(address)}' is no address of a head.\n  Write host:port, such as 10.0.0.1:6379."
            )
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
    except (OSError, UnicodeError) as error:  # what can be no name of a machine raises the second
        raise no_cluster(address, getattr(error, "strerror", None) or str(error)) from error


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
    if is_token_auth_enabled() and (why := unusable_token()):
        raise errors.WrongToken(f"{address} cannot be joined: {why}.\n  {TOKEN_REMEDY}")
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
