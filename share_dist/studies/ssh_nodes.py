"""Namespace nodes that answer ssh, as one's own machines do: what `ray up` needs to launch a cluster on them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from share_dist.errors import BadSetting, NamespacesRefused
from share_dist.studies.nodes import Node

_CHECKOUT = Path(__file__).resolve().parents[2]
_KEY = ".ssh/id_ed25519"
# Ray asks for port 22 whatever one writes, and sshd reads a user's home from /etc/passwd and nowhere else; so each node
# gets its own passwd and its own /run, where sshd wants its empty folder.
_MACHINE = """
set -e
sed 's|:/root:|:/tmp/home:|' /etc/passwd > /tmp/passwd
grep -q ^sshd: /tmp/passwd || echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >> /tmp/passwd
mount --bind /tmp/passwd /etc/passwd
mount -t tmpfs run /run
mkdir -p /run/sshd /tmp/home/.ssh
chmod 700 /tmp/home /tmp/home/.ssh
ln -sfn {checkout} /tmp/home/share_dist
ssh-keygen -q -t ed25519 -N '' -f /tmp/host_key <<< y > /dev/null
"""
_SERVE = "/usr/sbin/sshd -D -e -f /dev/null -h /tmp/host_key -o UsePAM=no -o StrictModes=no -o PidFile=none".split()


def home(node: Node) -> Path:
    """Return the home folder of a node's user, as this machine sees it."""
    return node.disk / "home"


def prepare_machine(node: Node) -> None:
    """Give a node a home with this checkout in it at ~/share_dist, and an empty ~/.ssh.

    Raises:
        errors.NamespacesRefused: openssh is not installed, or the node may not mount.
    """
    done = node.run(["bash", "-c", _MACHINE.format(checkout=_CHECKOUT)])
    if done.returncode:
        raise NamespacesRefused(
            f"the node {node.name} cannot be made a machine with ssh ({done.stderr.strip()}).\n"
            "  Install what is missing: bash cluster/node_setup.sh"
        )


def give_key(node: Node) -> str:
    """Make a key pair for a node's user, who will type the commands; return the public half."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home(node) / _KEY)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return (home(node) / _KEY).with_suffix(".pub").read_text("utf-8")


def answer_ssh(node: Node, public_key: str, timeout_s: float = 10.0) -> None:
    """Start sshd on a node, open to the holder of the key, and wait until it answers.

    Raises:
        errors.NamespacesRefused: it does not answer in time.
    """
    (home(node) / ".ssh/authorized_keys").write_text(public_key, "utf-8")
    node.start(_SERVE, log="sshd")
    deadline = time.monotonic() + timeout_s
    while node.run(["bash", "-c", f"exec 3<>/dev/tcp/{node.address}/22"]).returncode:
        if time.monotonic() > deadline:
            log = (node.disk / "sshd.log").read_text("utf-8", errors="replace")[-500:]
            raise NamespacesRefused(f"sshd on {node.name} does not answer within {timeout_s:g} s:\n{log}")
        time.sleep(0.1)


def fill_in(cluster_file: Path, values: Mapping[str, object]) -> str:
    """Return a cluster file with values filled in, each by its path, as {"provider.head_ip": "10.78.0.1"}.

    Raises:
        errors.BadSetting: the file has no such value, so that nothing can be added to what was reviewed.
    """
    contents = yaml.safe_load(cluster_file.read_text("utf-8"))
    for path, value in values.items():
        *sections, name = path.split(".")
        part = contents
        for section in sections:
            part = part.get(section, {})
        if name not in part:
            raise BadSetting(f"{cluster_file} has no value {path}, so it cannot be filled in.")
        part[name] = value
    return yaml.safe_dump(contents, sort_keys=False, width=1000)
