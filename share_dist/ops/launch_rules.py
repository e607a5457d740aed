"""The rules of the lint: one unsafe setting each, with its name, the reason why not, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ray

from share_dist.ops.launch_reading import STARTS, LaunchFile

Find = Callable[[LaunchFile], Iterator[str]]
_KNOWN_RESOURCES = {"CPU", "GPU", "memory", "object_store_memory"}
_ANYWHERE = ("0.0.0.0/0", "::/0")
_OPEN_SERVICES = ("LoadBalancer", "NodePort")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One unsafe setting, found by `find`, which yields what it found."""

    name: str
    find: Find
    reason: str
    remedy: str


RULES: list[Rule] = []


def rule(name: str, *, reason: str, remedy: str) -> Callable[[Find], Find]:
    """Make a function that yields faults one of the RULES."""

    def add(find: Find) -> Find:
        RULES.append(Rule(name=name, find=find, reason=reason, remedy=remedy))
        return find

    return add


@rule("dashboard-open", reason="whoever reaches the dashboard runs code", remedy="--dashboard-host=127.0.0.1")
def _dashboard_open(file: LaunchFile) -> Iterator[str]:
    for origin, command in file.commands(*STARTS):
        for host in re.findall(r"--dashboard-host[= ](\S+)", command):
            if host not in ("127.0.0.1", "localhost"):
                yield f"the dashboard listens on {host} ({origin})"


@rule(
    "open-ingress",
    reason="without a group of yours Ray makes one that opens ssh to the world",
    remedy="name a security group that lets in its own members only, for every kind of node",
)
def _open_ingress(file: LaunchFile) -> Iterator[str]:
    for _, value in file.strings:
        if value in _ANYWHERE:
            yield f"traffic from {value} is let in"
    for name, machine in file.machines.items():
        interfaces = machine.get("NetworkInterfaces") or [{}]
        groups = machine.get("SecurityGroupIds") or all(interface.get("Groups") for interface in interfaces)
        if file.cloud == "aws" and not groups:
            yield f"{name} names no security group"


@rule("no-token-mode", reason="a cluster without token runs anybody's code", remedy="export RAY_AUTH_MODE=token first")
def _no_token_mode(file: LaunchFile) -> Iterator[str]:
    for origin, command in file.commands(*STARTS):
        if re.search(r"\bray start\b", command) and "RAY_AUTH_MODE=token" not in command:
            yield f"Ray starts without RAY_AUTH_MODE=token ({origin})"


@rule("no-auth-options", reason="a cluster without token runs anybody's code", remedy="authOptions: {mode: token}")
def _no_auth_options(file: LaunchFile) -> Iterator[str]:
    for cluster in file.clusters:
        if (cluster.get("authOptions") or {}).get("mode") != "token":
            yield "a Ray cluster has no authOptions with mode token"


@rule(
    "token-in-file",
    reason="files are copied, committed and printed",
    remedy="keep the token in a secret store; see cluster/fetch_token.py, and authOptions on Kubernetes",
)
def _token_in_file(file: LaunchFile) -> Iterator[str]:
    for name, value in file.strings:
        if name == "auth_token" or re.search(r"RAY_AUTH_TOKEN=['\"]?[^$'\"\s]", value):
            yield f"a token is written out under {name}"
    for document in file.documents:
        for container in _containers(document):
            if any(
                entry.get("name") == "RAY_AUTH_TOKEN" and entry.get("value") for entry in container.get("env") or []
            ):
                yield "a token is written out in a container's env"


def _containers(part: object) -> Iterator[dict]:
    if isinstance(part, dict):
        yield from part.get("containers") or []
        for value in part.values():
            yield from _containers(value)
    elif isinstance(part, list):
        for value in part:
            yield from _containers(value)


@rule(
    "nightly-wheel",
    reason="nobody knows what runs tomorrow",
    remedy="give setup_commands that check for the pinned Ray in the image, and head_setup_commands: []",
)
def _nightly_wheel(file: LaunchFile) -> Iterator[str]:
    for origin, command in file.commands():
        if re.search(r"ray-wheels|\.dev0|nightly", command):
            yield f"a nightly Ray would be installed ({origin})"


@rule("other-ray", reason="nodes with another Ray cannot join", remedy=f"pin Ray {ray.__version__}, as installed here")
def _other_ray(file: LaunchFile) -> Iterator[str]:
    checked = [
        version
        for _, command in file.commands()
        for version in re.findall(r"(?:\bray(?:\[[^\]]*\])?==|version )(\d+\.\d+\.\d+)", command)
    ]
    if not file.is_kubernetes and not checked:
        yield "no setup command checks or pins the version of Ray"
    for version in [*checked, *(str(cluster.get("rayVersion")) for cluster in file.clusters)]:
        if version != ray.__version__:
            yield f"Ray is pinned to {version}"


@rule("unpinned-image", reason="tomorrow's node would differ from today's", remedy="name images by digest or id")
def _unpinned_image(file: LaunchFile) -> Iterator[str]:
    for image in file.images:
        if "@sha256:" not in image:
            yield f"the image {image} has no digest"
    for name, machine in file.machines.items():
        if file.cloud == "aws" and not str(machine.get("ImageId", "")).startswith("ami-"):
            yield f"{name} names no AMI, so Ray takes one of its own"
    for key, value in file.strings:
        if key == "sourceImage" and "/family/" in value:
            yield f"the machine image {value} is a family"


@rule("reused-nodes", reason="they come back with yesterday's disk, at a price", remedy="cache_stopped_nodes: False")
def _reused_nodes(file: LaunchFile) -> Iterator[str]:
    unless_said = {"aws": True, "gcp": False}
    if file.provider.get("cache_stopped_nodes", unless_said.get(file.cloud, False)):
        yield "nodes are stopped and used again"


@rule("imdsv1", reason="a request forged from inside would read the role's keys", remedy="HttpTokens: required")
def _imdsv1(file: LaunchFile) -> Iterator[str]:
    for name, machine in file.machines.items():
        if file.cloud == "aws" and (machine.get("MetadataOptions") or {}).get("HttpTokens") != "required":
            yield f"{name} answers metadata requests without a session token"


@rule(
    "public-address",
    reason="what has no public address cannot be reached",
    remedy="use_internal_ips: true, no public IP",
)
def _public_address(file: LaunchFile) -> Iterator[str]:
    if file.cloud in ("aws", "gcp") and file.provider.get("use_internal_ips") is not True:
        yield "nodes are reached by public addresses"
    for name, machine in file.machines.items():
        for interface in [*(machine.get("NetworkInterfaces") or []), *(machine.get("networkInterfaces") or [])]:
            if interface.get("AssociatePublicIpAddress") or interface.get("accessConfigs"):
                yield f"{name} gets a public address"


@rule(
    "no-instance-profile",
    reason="a node without its own role has none, or on the head one that may do anything",
    remedy="IamInstanceProfile with a role of cluster/aws, or serviceAccounts on Google Cloud",
)
def _no_instance_profile(file: LaunchFile) -> Iterator[str]:
    for name, machine in file.machines.items():
        # Ray gives the head on Google Cloud an account of its own whatever is written.
        needed = {"aws": "IamInstanceProfile", "gcp": "" if name == file.head else "serviceAccounts"}.get(file.cloud)
        if needed and not machine.get(needed):
            yield f"{name} has no {needed}"


@rule("work-on-head", reason="work there endangers the whole cluster", remedy="--num-cpus=0, resources: {CPU: 0}")
def _work_on_head(file: LaunchFile) -> Iterator[str]:
    for origin, command in file.commands("head_start_ray_commands"):
        if re.search(r"\bray start\b", command) and not re.search(r"--num-cpus[= ]0\b", command):
            yield f"the head takes work ({origin})"
    if file.node_types and (file.node_types.get(file.head, {}).get("resources") or {}).get("CPU") != 0:
        yield f"{file.head} has cores to give"
    for cluster in file.clusters:
        if str(cluster.get("headGroupSpec", {}).get("rayStartParams", {}).get("num-cpus")) != "0":
            yield "the head takes work (rayStartParams)"


@rule("head-on-spot", reason="when the head is taken, every job ends", remedy="leave the head on demand")
def _head_on_spot(file: LaunchFile) -> Iterator[str]:
    machine = file.machines.get(file.head, {})
    scheduling = machine.get("scheduling") or {}
    if machine.get("InstanceMarketOptions") or "SPOT" in str(scheduling) or "preemptible" in str(scheduling):
        yield f"{file.head} is on spot"


@rule(
    "custom-resources",
    reason="a resource needs counts that drift; a label needs none",
    remedy="labels: {share-role: …}",
)
def _custom_resources(file: LaunchFile) -> Iterator[str]:
    for name, kind in file.node_types.items():
        for resource in (kind.get("resources") or {}).keys() - _KNOWN_RESOURCES:
            yield f"{name} has an invented resource, {resource}"
    for origin, command in file.commands(*STARTS):
        if "--resources" in command:
            yield f"Ray starts with invented resources ({origin})"
    for cluster in file.clusters:
        for group in (cluster.get("headGroupSpec", {}), *(cluster.get("workerGroupSpecs") or [])):
            if "resources" in (group.get("rayStartParams") or {}):
                yield f"{group.get('groupName', 'the head')} has invented resources"


@rule("open-service", reason="whoever reaches the dashboard runs code", remedy="ClusterIP, and kubectl port-forward")
def _open_service(file: LaunchFile) -> Iterator[str]:
    for document in file.documents if file.is_kubernetes else ():
        if document["kind"] == "Ingress" or (document.get("spec") or {}).get("type") in _OPEN_SERVICES:
            yield f"the {document['kind']} {document['metadata']['name']} leads into the cluster from outside"
    for cluster in file.clusters:
        head = cluster.get("headGroupSpec", {})
        if head.get("serviceType") in _OPEN_SERVICES or head.get("enableIngress"):
            yield f"the head is served to the outside by {head.get('serviceType') or 'an Ingress'}"
