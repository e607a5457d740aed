"""What Ray's own AWS provider sends for `ray_cluster.yaml`, recorded by an AWS of moto, a server process over HTTP."""

from __future__ import annotations

import base64
import fnmatch
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
pytestmark = pytest.mark.slow
# In a process of its own, because the provider keeps its clients for life: `ray up` to the point
# where machines are asked for, then what the head's autoscaler does with a worker from its birth to its end.
BOOTSTRAP_AND_LAUNCH = """
import sys, yaml
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import prepare_config, validate_config

config = prepare_config(yaml.safe_load(open(sys.argv[1])))
validate_config(config)
config = bootstrap_aws(AWSNodeProvider.fillout_available_node_types_resources(config))
provider = AWSNodeProvider(config["provider"], config["cluster_name"])
for kind, spec in config["available_node_types"].items():
    tags = {"ray-node-type": "head" if kind == "head" else "worker", "ray-user-node-type": kind}
    provider.create_node_with_resources_and_labels(
        spec["node_config"], tags, 1, spec["resources"], spec.get("labels", {})
    )
nodes = provider.non_terminated_nodes({})
provider.set_node_tags(nodes[0], {"ray-node-status": "up-to-date"})
provider.terminate_nodes(nodes)
assert not provider.non_terminated_nodes({}), "a node outlived the cluster"
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a process for which moto's server is all of AWS."""
    log = (tmp_path_factory.mktemp("aws") / "moto.log").open("w+")
    server = subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", "0"],
        stdout=log,
        stderr=log,
        env={**os.environ, "MOTO_RECORDER_FILEPATH": log.name + ".requests"},
    )
    try:
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path_factory.mktemp("home")),
            "AWS_ENDPOINT_URL": await_address(log, server),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
    finally:
        server.kill()
        server.wait()
        log.close()


def await_address(log, server: subprocess.Popen) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        log.seek(0)
        if found := re.search(r"Running on (http://[\d.:]+)", log.read()):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError("moto's server did not start")


def client(aws: dict[str, str], service: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, REGION, endpoint_url=aws["AWS_ENDPOINT_URL"], **keys)


@pytest.fixture(scope="module")
def account(aws: dict[str, str]) -> dict[str, str]:
    """What cluster/README.md has one make once, as the places of the cluster file where it is filled in."""
    ec2, iam = client(aws, "ec2"), client(aws, "iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="share-dist", Description="members only", VpcId=vpc)["GroupId"]
    itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=itself)
    for profile in ("share-dist-head", "share-dist-worker"):
        iam.create_instance_profile(InstanceProfileName=profile)
    ami = ec2.describe_images()["Images"][0]["ImageId"]
    return {"ami-FILL-IN": ami, "subnet-FILL-IN": subnet, "sg-FILL-IN": group}


def filled_in(account: dict[str, str]) -> str:
    text = (ROOT / "ray_cluster.yaml").read_text()
    for blank, value in account.items():
        text = text.replace(blank, value)
    return text


Request = dict[str, str]
"""One request to EC2 or IAM: its parameters as they crossed the wire, as {"Action": "RunInstances", …}."""


def recorded(aws: dict[str, str], cluster_file: Path) -> list[Request]:
    """Run Ray's provider on a cluster file and return every request that reached the server."""
    recorder = f"{aws['AWS_ENDPOINT_URL']}/moto-api/recorder"
    for order in ("reset-recording", "start-recording"):
        urllib.request.urlopen(f"{recorder}/{order}", data=b"").close()
    words = [sys.executable, "-c", BOOTSTRAP_AND_LAUNCH, str(cluster_file)]
    done = subprocess.run(words, env=aws, capture_output=True, text=True)
    urllib.request.urlopen(f"{recorder}/stop-recording", data=b"").close()
    assert done.returncode == 0, done.stdout + done.stderr
    with urllib.request.urlopen(f"{recorder}/download-recording") as answer:
        lines = answer.read().decode().splitlines()
    return [dict(urllib.parse.parse_qsl(base64.b64decode(json.loads(line)["body"]).decode())) for line in lines]


@pytest.fixture(scope="module")
def requests(aws, account, tmp_path_factory) -> list[Request]:
    cluster_file = tmp_path_factory.mktemp("cluster") / "ray_cluster.yaml"
    cluster_file.write_text(filled_in(account))
    return recorded(aws, cluster_file)


def sent(requests: list[Request], action: str) -> list[Request]:
    return [request for request in requests if request["Action"] == action]


@pytest.fixture(scope="module")
def launches(requests) -> dict[str, Request]:
    """The request that launched each kind of node."""
    return {tags_of(request)["ray-user-node-type"]: request for request in sent(requests, "RunInstances")}


def tags_of(launch: Request) -> dict[str, str]:
    """The tags that an instance is launched with."""
    keys = {name: value for name, value in launch.items() if re.fullmatch(r"TagSpecification\.1\.Tag\.\d+\.Key", name)}
    return {value: launch[name.replace(".Key", ".Value")] for name, value in keys.items()}


def test_every_kind_of_node_is_launched_by_one_request(launches):
    assert launches.keys() == {"head", "render", "train"}


def test_workers_are_asked_for_on_spot_and_the_head_is_not(launches):
    markets = {kind: launch.get("InstanceMarketOptions.MarketType") for kind, launch in launches.items()}
    assert markets == {"head": None, "render": "spot", "train": "spot"}
    for kind in ("render", "train"):
        # A persistent request would launch a node again behind Ray's back.
        assert launches[kind]["InstanceMarketOptions.SpotOptions.SpotInstanceType"] == "one-time"


@pytest.mark.parametrize(
    ("parameter", "wanted"),
    [
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpPutResponseHopLimit", "1"),
        ("NetworkInterface.1.AssociatePublicIpAddress", "false"),
        ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
    ],
)
def test_no_node_is_launched_without(launches, parameter, wanted):
    assert {kind: launch.get(parameter) for kind, launch in launches.items()} == dict.fromkeys(launches, wanted)


def test_nodes_stand_in_our_subnet_and_group_with_our_image(launches, account):
    for launch in launches.values():
        assert launch["ImageId"] == account["ami-FILL-IN"]
        assert launch["NetworkInterface.1.SubnetId"] == account["subnet-FILL-IN"]
        assert launch["NetworkInterface.1.SecurityGroupId.1"] == account["sg-FILL-IN"]
        assert "NetworkInterface.1.SecurityGroupId.2" not in launch


def test_each_node_gets_its_own_role_and_ray_makes_none(launches, requests):
    roles = {kind: launch["IamInstanceProfile.Name"] for kind, launch in launches.items()}
    assert roles == {"head": "share-dist-head", "render": "share-dist-worker", "train": "share-dist-worker"}
    made = {request["Action"] for request in requests} & {"CreateRole", "AttachRolePolicy", "CreateInstanceProfile"}
    assert not made


def test_no_security_group_is_made_and_none_is_opened(requests):
    opened = sent(requests, "CreateSecurityGroup") + sent(requests, "AuthorizeSecurityGroupIngress")
    assert not opened


def test_without_our_security_group_ray_would_open_ssh_to_the_world(aws, account, tmp_path):
    """So the test before can fail: the same file, without the lines that it is about."""
    config = yaml.safe_load(filled_in(account))
    for kind in config["available_node_types"].values():
        del kind["node_config"]["NetworkInterfaces"]
    (tmp_path / "open.yaml").write_text(yaml.safe_dump(config))
    opened = sent(recorded(aws, tmp_path / "open.yaml"), "AuthorizeSecurityGroupIngress")
    assert [value for request in opened for value in request.values() if value == "0.0.0.0/0"]


def test_nodes_are_ended_not_stopped(requests):
    assert len(sent(requests, "TerminateInstances")) == 1
    assert not sent(requests, "StopInstances")


def statements(role: str) -> list[dict[str, Any]]:
    return json.loads((ROOT / f"cluster/aws/{role}_policy.json").read_text())["Statement"]


def allowing(role: str, action: str) -> list[dict[str, Any]]:
    """The statements of a role's policy that allow an action, as `ec2:RunInstances`."""
    named = [(statement, statement["Action"]) for statement in statements(role)]
    return [
        statement
        for statement, actions in named
        if any(fnmatch.fnmatch(action, pattern) for pattern in ([actions] if isinstance(actions, str) else actions))
    ]


def test_the_heads_role_allows_all_that_its_autoscaler_asks_of_ec2(requests):
    first_launch = next(i for i, request in enumerate(requests) if request["Action"] == "RunInstances")
    asked = {request["Action"] for request in requests[first_launch:]}
    assert asked == {"RunInstances", "DescribeInstances", "CreateTags", "TerminateInstances"}
    assert {action for action in asked if not allowing("head", f"ec2:{action}")} == set()


def test_the_launch_of_a_worker_meets_the_conditions_of_the_heads_role_and_that_of_a_head_does_not(launches):
    instance = next(found for found in allowing("head", "ec2:RunInstances") if "Condition" in found)
    wanted = instance["Condition"]["StringEquals"] | instance["Condition"]["ArnEquals"]

    def meets(launch: Request) -> bool:
        profile = f"arn:aws:iam::FILL-IN-ACCOUNT:instance-profile/{launch['IamInstanceProfile.Name']}"
        facts = {f"aws:RequestTag/{key}": value for key, value in tags_of(launch).items()}
        facts |= {"ec2:MetadataHttpTokens": launch["MetadataOptions.HttpTokens"], "ec2:InstanceProfile": profile}
        return all(facts.get(key) == value for key, value in wanted.items())

    assert {kind: meets(launch) for kind, launch in launches.items()} == {"head": False, "render": True, "train": True}


def test_the_head_may_pass_on_one_role_alone_and_end_only_nodes_of_its_cluster():
    (passing,) = allowing("head", "iam:PassRole")
    assert passing["Resource"] == "arn:aws:iam::FILL-IN-ACCOUNT:role/share-dist-worker"
    for statement in allowing("head", "ec2:TerminateInstances"):
        assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/ray-cluster-name": "share-dist"}}


def test_a_worker_may_touch_one_prefix_of_one_bucket_and_nothing_of_ec2_or_iam():
    objects = [statement["Resource"] for statement in statements("worker") if "s3:GetObject" in statement["Action"]]
    assert objects == ["arn:aws:s3:::FILL-IN-BUCKET/share-dist/*"]
    (listing,) = allowing("worker", "s3:ListBucket")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "share-dist/*"}}
    assert not allowing("worker", "ec2:RunInstances") + allowing("worker", "iam:PassRole")


def test_only_what_cannot_be_narrowed_is_allowed_everywhere():
    everywhere = [found["Sid"] for role in ("head", "worker") for found in statements(role) if found["Resource"] == "*"]
    assert everywhere == ["SeeInstances", "AnswerSessionManager", "LogInToTheRegistry"]


def test_the_token_comes_from_secrets_manager_into_a_file_of_its_owner_alone(aws):
    token = "0123456789abcdef" * 4
    client(aws, "secretsmanager").create_secret(Name="share-dist/ray-token", SecretString=token)
    (command,) = [
        line for line in yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())["setup_commands"] if "token" in line
    ]
    words = [sys.executable, *command.replace("/opt/share_dist", str(ROOT)).split()[1:]]
    done = subprocess.run(words, env=aws, capture_output=True, text=True, check=True)
    kept = Path(aws["HOME"]) / ".ray/auth_token"
    assert kept.read_text() == token
    assert oct(kept.stat().st_mode & 0o777) == "0o600"
    assert done.stdout + done.stderr == ""
