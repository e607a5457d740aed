"""The node agent: turns a cloud's notice that a spot machine will be taken into Ray's own draining of the node."""

from __future__ import annotations

import json
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Literal

from ray.core.generated.autoscaler_pb2 import DrainNodeReason  # pyright: ignore[reportAttributeAccessIssue]
from ray.core.generated.gcs_pb2 import GcsNodeInfo  # pyright: ignore[reportAttributeAccessIssue]
from ray.exceptions import RayError
from ray.util import get_node_ip_address

from share_dist import errors
from share_dist.fleet.reach import reach

log = logging.getLogger("share_dist")

METADATA = "http://169.254.169.254"
"""Where both clouds answer a machine's questions about itself."""
GCP_NOTICE_S = 30.0
"""What Google gives between notice and power-off; it names no time."""
_TOKEN_S = 21600
_ANSWER_S = 2.0
_PATIENCE_S = 60.0
"""Longest pause after outages of the metadata service; an AWS notice comes two minutes ahead."""
# A proxy named in the environment cannot reach the machine's own metadata.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class NodeAgentConfig:
    """Where a node learns that it will be taken, and whom it tells."""

    cloud: Literal["aws", "gcp"] = "aws"
    """Whose machine this is: EC2 announces in `spot/instance-action`, Google in `instance/preempted`."""

    metadata: str = METADATA
    """Address of the metadata service. Only tests and unusual networks have another."""

    address: str = "auto"
    """The cluster's head as host:port; auto is the cluster that this machine belongs to."""

    node_ip: str | None = None
    """This node's address as Ray knows it. None asks the machine."""

    poll_s: float = 5.0
    """Seconds between two looks. AWS gives two minutes, Google 30 s; a look costs a millisecond."""

    start_timeout_s: float = 300.0
    """How long to wait for this node to join the cluster: the agent may be started before Ray."""

    def __post_init__(self) -> None:
        errors.require_numbers(self, "--")
        errors.require_positive(self.poll_s, "--poll-s")
        errors.require_positive(self.start_timeout_s, "--start-timeout-s")
        errors.require_ranges(self, "--", poll_s=(0.0, 1e6), start_timeout_s=(0.0, 1e7))


@dataclass(frozen=True, slots=True)
class Notice:
    """What the cloud says it will do to this machine, and in how many seconds."""

    words: str
    remaining_s: float


class Ec2:
    """EC2's metadata, version 2: every question carries a token that a PUT gives.

    Rebalance recommendations are not notices: they come hours ahead, or without anything following.
    """

    def __init__(self, metadata: str):
        self.metadata, self._token = metadata.rstrip("/"), ""

    def notice(self) -> Notice | None:
        """Return the notice, or None while there is none; OSError when the service does not answer."""
        if not self._token:
            lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_S)}
            self._token = _ask(f"{self.metadata}/latest/api/token", lifetime, "PUT")
        try:
            said = json.loads(_ask(self._address, {"X-aws-ec2-metadata-token": self._token}))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            if error.code == 401:
                self._token = ""  # it ran out; the next look gets another
            raise
        at = datetime.fromisoformat(said["time"].replace("Z", "+00:00"))
        return Notice(f"EC2 will {said['action']} it at {said['time']}", (at - datetime.now(UTC)).total_seconds())

    @property
    def _address(self) -> str:
        return f"{self.metadata}/latest/meta-data/spot/instance-action"


class Gcp:
    """Google's metadata: one word, TRUE from the notice on."""

    def __init__(self, metadata: str):
        self.metadata = metadata.rstrip("/")

    def notice(self) -> Notice | None:
        """Return the notice, or None while there is none; OSError when the service does not answer."""
        word = _ask(f"{self.metadata}/computeMetadata/v1/instance/preempted", {"Metadata-Flavor": "Google"})
        return Notice("Google Cloud will stop it", GCP_NOTICE_S) if word.strip() == "TRUE" else None


CLOUDS: dict[str, Callable[[str], Ec2 | Gcp]] = {"aws": Ec2, "gcp": Gcp}


def _ask(url: str, headers: Mapping[str, str], method: str = "GET") -> str:
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    with _opener.open(request, timeout=_ANSWER_S) as answer:
        return answer.read().decode()


@dataclass(frozen=True, slots=True)
class OwnNode:
    """This machine's node as the cluster knows it."""

    node_id: str
    ip: str
    port: int

    def is_alive(self) -> bool:
        """Whether its raylet still accepts connections."""
        try:
            socket.create_connection((self.ip, self.port), _ANSWER_S).close()
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # slow is not gone
        return True


def find_own_node(config: NodeAgentConfig) -> OwnNode:
    """Return the living node with this machine's address, waiting until it has joined.

    Raises:
        errors.NoCluster: it has not in time; the reason is the last one seen.
        errors.WrongToken, errors.OtherVersion, errors.BadSetting: waiting would not help.
    """
    deadline, ip = time.monotonic() + config.start_timeout_s, config.node_ip or get_node_ip_address()
    while True:
        try:
            for node_id, node in reach(config.address).get_all_node_info(timeout=_ANSWER_S).items():
                if node.node_manager_address == ip and node.state == GcsNodeInfo.ALIVE:
                    return OwnNode(node_id.hex(), ip, node.node_manager_port)
            reason = errors.NoCluster(
                f"the cluster at {config.address} has no living node with the address {ip}.\n"
                "  Start Ray on this machine, or name its address with --node-ip."
            )
        except errors.NoCluster as error:
            reason = error
        if time.monotonic() > deadline:
            raise reason
        time.sleep(min(config.poll_s, 2.0))


def drain(address: str, node: OwnNode, notice: Notice) -> bool:
    """Tell the cluster that the node will go; return whether it agreed. Same as `ray drain-node`."""
    remaining_s = max(round(notice.remaining_s), 1)
    accepted, refusal = reach(address).drain_node(
        node.node_id,
        DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
        f"share-dist node-agent: {notice.words}",
        time.time_ns() // 1_000_000 + 1000 * remaining_s,
    )
    if accepted:
        log.info("node %s (%s) drains: %s, %d s from now", node.ip, node.node_id[:8], notice.words, remaining_s)
    else:
        log.error("node %s (%s) was not drained: %s", node.ip, node.node_id[:8], refusal)
    return bool(accepted)


def run_agent(config: NodeAgentConfig) -> int:
    """Watch for the notice, drain once, and end when this node's Ray has ended.

    Returns:
        Exit status: 0, or 1 when the cluster refused to drain the node.

    Raises:
        errors.NoCluster, errors.WrongToken, errors.OtherVersion, errors.BadSetting: this node was never found.
    """
    cloud = CLOUDS[config.cloud](config.metadata)
    node = find_own_node(config)
    log.info("node %s (%s) watches %s for a spot notice", node.ip, node.node_id[:8], config.metadata)
    notice = _wait_for_notice(cloud, node, config.poll_s)
    drained = notice is None or _drain_with_patience(config, node, notice)
    while node.is_alive():
        time.sleep(config.poll_s)
    log.info("node %s (%s) has ended", node.ip, node.node_id[:8])
    return 0 if drained else 1


def _wait_for_notice(cloud: Ec2 | Gcp, node: OwnNode, poll_s: float) -> Notice | None:
    """Return the notice, or None when the node ended without one."""
    outages = 0
    while node.is_alive():
        try:
            notice = cloud.notice()
            if notice is not None:
                return notice
            if outages:
                log.info("the metadata service answers again")
            outages = 0
        except (OSError, HTTPException, ValueError, KeyError) as error:
            outages += 1
            if outages == 1:
                log.warning("the metadata service does not answer (%s); asking again until it does", error)
        time.sleep(min(poll_s * 2 ** min(outages, 6), max(_PATIENCE_S, poll_s)) if outages else poll_s)
    return None


def _drain_with_patience(config: NodeAgentConfig, node: OwnNode, notice: Notice) -> bool:
    """Drain; when the head does not answer, ask again until the machine is taken."""
    started = time.monotonic()
    while node.is_alive():
        left = Notice(notice.words, notice.remaining_s - (time.monotonic() - started))
        try:
            return drain(config.address, node, left)
        except (errors.NoCluster, RayError) as error:
            log.warning("the head does not answer (%s); asking again", str(error).splitlines()[0])
            time.sleep(min(config.poll_s, 2.0))
    return False
