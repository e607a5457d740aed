"""The project's cluster files: valid by Ray's own schema, safe by our lint, which refuses each fault by its name."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tyro
import yaml
from ray.autoscaler._private.docker import docker_start_cmds
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

from share_dist import errors
from share_dist.cli import main
from share_dist.ops.launch_files import OURS, lint
from share_dist.ops.launch_rules import RULES
from share_dist.ops.node_agent import NodeAgentConfig

ROOT = Path(__file__).resolve().parents[2]
AWS, LOCAL, GCP, KUBERAY = (ROOT / name for name in OURS)
RAY_UP = (AWS, LOCAL, GCP)


def filled_in(path: Path) -> str:
    return path.read_text().replace("FILL-IN", "mine")


def read(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(filled_in(path)))


def named(findings: list[errors.Finding]) -> set[str]:
    return {finding.name.rsplit(": ")[-1] for finding in findings if not finding.ok}


@pytest.mark.parametrize("path", RAY_UP, ids=lambda path: path.name)
def test_rays_own_schema_accepts_the_file_and_its_defaults(path):
    (config,) = read(path)
    validate_config(prepare_config(config))


@pytest.mark.parametrize("path", [AWS, GCP], ids=lambda path: path.name)
def test_nodes_carry_their_role_as_a_label(path):
    config = AutoscalingConfig(prepare_config(read(path)[0]), skip_content_hash=True)
    roles = {kind: config.get_node_labels(kind) for kind in ("head", "render", "train")}
    assert roles == {kind: {"share-role": kind} for kind in ("head", "render", "train")}


@pytest.mark.parametrize("path", [AWS, GCP], ids=lambda path: path.name)
def test_the_agent_that_workers_run_knows_the_command_and_its_cloud(path):
    (config,) = read(path)
    _, words = config["worker_start_ray_commands"][-1].split("share-dist node-agent", maxsplit=1)
    asked = tyro.cli(NodeAgentConfig, args=words.split("<")[0].split())
    assert asked.cloud == config["provider"]["type"]


def test_ray_runs_the_container_on_the_hosts_network_so_that_one_hop_reaches_the_metadata():
    command = docker_start_cmds("ubuntu", "image", {}, "share_dist", [], "share-dist", "/home/ray", "docker")
    assert "--net=host" in command.split()


def test_the_rayjob_brings_up_the_same_cluster_as_the_raycluster():
    cluster, job = read(KUBERAY)
    assert [document["kind"] for document in (cluster, job)] == ["RayCluster", "RayJob"]
    for spec in (cluster["spec"], job["spec"]["rayClusterSpec"]):
        assert spec["authOptions"] == {"mode": "token"}
        del spec["autoscalerOptions"]  # a cluster for one job waits less
    assert cluster["spec"] == job["spec"]["rayClusterSpec"]


@pytest.mark.parametrize("script", ["node_setup.sh"])
def test_scripts_parse(script):
    assert subprocess.run(["bash", "-n", str(ROOT / "cluster" / script)]).returncode == 0


@pytest.mark.parametrize("path", RAY_UP, ids=lambda path: path.name)
def test_every_command_parses(path):
    (config,) = read(path)
    for section, commands in config.items():
        for command in commands if section.endswith("_commands") else ():
            assert subprocess.run(["bash", "-n", "-c", command]).returncode == 0, command


@pytest.mark.parametrize("path", [AWS, LOCAL, GCP, KUBERAY], ids=lambda path: path.name)
def test_the_lint_accepts_our_files_once_they_are_filled_in(path, tmp_path):
    (tmp_path / path.name).write_text(filled_in(path))
    assert named(lint([tmp_path / path.name])) == set()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_cluster_file_may_be_in_whatever_unicode_an_editor_wrote(encoding, tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_bytes(filled_in(LOCAL).encode(encoding))
    assert all(finding.ok for finding in lint([file]))


@pytest.mark.parametrize("path", [AWS, LOCAL, GCP, KUBERAY], ids=lambda path: path.name)
def test_every_place_that_is_still_to_be_filled_in_is_named_by_its_line(path):
    lines = enumerate(path.read_text().splitlines(), 1)
    wanted = [f"{path}:{number}: fill-in" for number, line in lines if "FILL-IN" in line.partition("#")[0]]
    assert wanted
    assert [finding.name for finding in lint([path])] == wanted


def test_a_blank_in_a_block_of_text_is_named_and_one_in_a_comment_is_not(tmp_path):
    text = filled_in(LOCAL) + "file_mounts: {}  # FILL-IN if you have any\ninitialization_commands:\n- |\n  date\n"
    (tmp_path / "local.yaml").write_text(text)
    assert named(lint([tmp_path / "local.yaml"])) == set()
    (tmp_path / "local.yaml").write_text(text + "  echo '# fill_in_name'\n")
    (finding,) = [finding for finding in lint([tmp_path / "local.yaml"]) if not finding.ok]
    assert finding.name == f"{tmp_path}/local.yaml:{text.count(chr(10)) + 1}: fill-in"
    assert "fill_in_name" in finding.detail


def machine(config: dict[str, Any], kind: str = "render") -> dict[str, Any]:
    return config["available_node_types"][kind]["node_config"]


def container(config: dict[str, Any]) -> dict[str, Any]:
    return config["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        for step in path[:-1]:
            config = config[step]
        config[path[-1]] = value

    return change


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        for step in path[:-1]:
            config = config[step]
        del config[path[-1]]

    return change


def replaced(section: str, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        assert any(old in command for command in config[section])
        config[section] = [command.replace(old, new) for command in config[section]]

    return change


RENDER = ("available_node_types", "render", "node_config")
GROUP = ("spec", "headGroupSpec")
OPEN = [{"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
FAULTS = [
    ("dashboard-open", AWS, replaced("head_start_ray_commands", "-host=127.0.0.1", "-host=0.0.0.0")),
    ("dashboard-open", LOCAL, replaced("head_start_ray_commands", "-host=127.0.0.1", "-host 10.0.0.1")),
    ("open-ingress", AWS, put("provider", "security_group", value={"IpPermissions": OPEN})),
    ("open-ingress", AWS, lambda config: machine(config)["NetworkInterfaces"][0].pop("Groups")),
    ("no-token-mode", AWS, replaced("worker_start_ray_commands", "RAY_AUTH_MODE=token", "A=b")),
    ("no-token-mode", LOCAL, replaced("head_start_ray_commands", "RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled")),
    ("no-token-mode", LOCAL, drop("worker_start_ray_commands")),
    ("no-auth-options", KUBERAY, drop("spec", "authOptions")),
    ("no-auth-options", KUBERAY, put("spec", "authOptions", value={"mode": "disabled"})),
    ("token-in-file", AWS, lambda config: config["docker"]["run_options"].append("--env RAY_AUTH_TOKEN=0123abcd")),
    ("token-in-file", KUBERAY, put("metadata", "annotations", value={"auth_token": "0123abcd"})),
    ("token-in-file", KUBERAY, lambda config: container(config).update(env=[{"name": "RAY_AUTH_TOKEN", "value": "0"}])),
    ("nightly-wheel", AWS, lambda config: config["setup_commands"].append("pip install ray-3.0.0.dev0.whl")),
    ("other-ray", AWS, replaced("setup_commands", "2.60.0", "2.52.1")),
    ("other-ray", LOCAL, replaced("setup_commands", "2.60.0", "2")),
    ("other-ray", KUBERAY, put("spec", "rayVersion", value="2.52.0")),
    ("unpinned-image", AWS, put("docker", "image", value="rayproject/ray:latest")),
    ("unpinned-image", AWS, put("docker", "worker_image", value="mine/share-dist:0.1.0")),
    ("unpinned-image", AWS, drop(*RENDER, "ImageId")),
    ("reused-nodes", AWS, put("provider", "cache_stopped_nodes", value=True)),
    ("reused-nodes", AWS, drop("provider", "cache_stopped_nodes")),
    ("imdsv1", AWS, drop(*RENDER, "MetadataOptions")),
    ("imdsv1", AWS, put(*RENDER, "MetadataOptions", value={"HttpTokens": "optional"})),
    ("public-address", AWS, drop("provider", "use_internal_ips")),
    (
        "public-address",
        AWS,
        lambda config: machine(config)["NetworkInterfaces"][0].update(AssociatePublicIpAddress=True),
    ),
    ("public-address", GCP, lambda config: machine(config)["networkInterfaces"][0].update(accessConfigs=[{}])),
    ("no-instance-profile", AWS, drop("available_node_types", "head", "node_config", "IamInstanceProfile")),
    ("no-instance-profile", GCP, drop(*RENDER, "serviceAccounts")),
    ("work-on-head", AWS, replaced("head_start_ray_commands", "--num-cpus=0 ", "")),
    ("work-on-head", AWS, put("available_node_types", "head", "resources", value={})),
    ("work-on-head", KUBERAY, drop(*GROUP, "rayStartParams", "num-cpus")),
    ("head-on-spot", AWS, lambda config: machine(config, "head").update(InstanceMarketOptions={"MarketType": "spot"})),
    ("head-on-spot", GCP, lambda config: machine(config, "head").update(scheduling={"provisioningModel": "SPOT"})),
    ("custom-resources", AWS, put("available_node_types", "render", "resources", value={"CPU": 32, "renderer": 1})),
    ("custom-resources", LOCAL, replaced("worker_start_ray_commands", "--labels", "--resources='{\"a\": 1}' --labels")),
    ("open-service", KUBERAY, put(*GROUP, "serviceType", value="LoadBalancer")),
    ("open-service", KUBERAY, put(*GROUP, "serviceType", value="NodePort")),
    ("open-service", KUBERAY, put(*GROUP, "enableIngress", value=True)),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "path", "spoil"), FAULTS, ids=[f"{name}-{path.stem}-{i}" for i, (name, path, _) in enumerate(FAULTS)]
)
def test_the_lint_refuses_one_fault_by_its_name_alone(name, path, spoil, tmp_path):
    first, *others = read(path)
    # Anchors make kinds of node share their settings; a fault is to be in one of them.
    first = copy.deepcopy(yaml.safe_load(yaml.dump(first, Dumper=without_aliases())))
    spoil(first)
    spoilt = tmp_path / path.name
    spoilt.write_text(yaml.safe_dump_all([first, *others]))
    findings = lint([spoilt])
    assert named(findings) == {name}
    assert all(finding.detail and finding.remedy for finding in findings)


def without_aliases() -> type[yaml.SafeDumper]:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    return Plain


def test_every_rule_is_broken_by_some_test():
    assert {rule.name for rule in RULES} == {name for name, _, _ in FAULTS}


@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
def test_a_service_that_leads_in_from_outside_is_refused(kind, tmp_path):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "way-in"}, "spec": {"type": kind}}
    (tmp_path / "kuberay.yaml").write_text(yaml.safe_dump_all([*read(KUBERAY), service]))
    assert named(lint([tmp_path / "kuberay.yaml"])) == {"open-service"}


def test_what_is_left_out_is_judged_by_rays_default(tmp_path):
    """A file that says next to nothing about AWS gets Ray's defaults, and most rules refuse those."""
    (tmp_path / "bare.yaml").write_text("cluster_name: bare\nprovider: {type: aws, region: eu-central-1}\n")
    findings = lint([tmp_path / "bare.yaml"])
    wanted = "dashboard-open open-ingress no-token-mode nightly-wheel other-ray unpinned-image reused-nodes imdsv1"
    assert named(findings) >= {*wanted.split(), "public-address", "no-instance-profile", "work-on-head"}
    assert "Ray's default" in next(finding.detail for finding in findings if finding.name.endswith("nightly-wheel"))


def doubled(first: str, again: str) -> str:
    """Thirty keys, each of which holds the one before it ten times."""
    ten = [again.format(f"[{', '.join([f'*b{number - 1}'] * 10)}]") for number in range(1, 30)]
    return f"b0: {first}\n" + "".join(f"b{number}: &b{number} {more}\n" for number, more in enumerate(ten, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "cannot be read"),
        ("runs: 3\n", "no cluster file"),
        ("", "no cluster file"),
        ("cluster_name: a\nprovider: {type: azure}\n", "azure"),
        ("provider: aws\n", "a section of another kind"),
        ("apiVersion: v1\nspec: 3\n", "a section of another kind"),
        ("[" * 10_000, "recursion"),
        ("provider: {type: aws}\na: " + "9" * 10_000, "digits"),
        ("provider: {type: aws}\na: &a [*a]\n", "aliases written out"),
        ("provider: {type: aws}\n" + doubled("&b0 {x: 1}", "{{<<: {}}}"), "aliases written out"),
    ],
)
def test_what_is_no_cluster_file_of_ours_is_said_so(text, said, tmp_path):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(errors.BadSetting, match=said):
        lint([tmp_path / "odd.yaml"])


def test_the_command_guards_a_launch(monkeypatch, capsys, tmp_path):
    """`share-dist lint FILE && ray up FILE` launches nothing unsafe, and nothing that is still to be filled in."""
    monkeypatch.chdir(ROOT)
    assert main(["lint"]) == 1
    said = capsys.readouterr().out
    assert "ray_cluster.yaml:11: fill-in" in said
    assert "FILL-IN-ACCOUNT.dkr.ecr" in said
    ready, unsafe = tmp_path / "ready.yaml", tmp_path / "unsafe.yaml"
    ready.write_text(filled_in(AWS))
    assert main(["lint", str(ready)]) == 0
    assert "safe to launch" in capsys.readouterr().out
    unsafe.write_text(filled_in(AWS).replace("127.0.0.1", "0.0.0.0"))
    assert main(["lint", str(unsafe)]) == 1
    assert "dashboard-open" in capsys.readouterr().out
