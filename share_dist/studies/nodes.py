"""A cluster on one machine: nodes of namespaces, with their own address, processes and disk, to be cut off or killed.

A node sees its own network interface, hostname, process numbers, /tmp and /dev/shm; only installed software is
shared, as by one image. Losing power is killing its first process: the kernel ends all others with it. Needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import share_dist
from share_dist.errors import NamespacesRefused

HOST = 254
"""The last part of the address that this machine itself has on the nodes' network."""
_FIRST_PROCESS = """
hostname {name}
mount --make-rprivate /
mount --bind {disk}/etc/hosts /etc/hosts
mount --bind {disk}/etc/resolv.conf /etc/resolv.conf
{software}
mount --rbind {disk} /tmp
mount -t tmpfs -o size=1g shm /dev/shm
ip link set lo up
echo ready
while :; do sleep 3600 & wait; done
"""
# bash, as the first process, also reaps what others leave behind, which `sleep` would not.


class Node:
    """One machine of the cluster. Its disk, seen there as /tmp, outlives its power."""

    def __init__(self, network: Network, number: int, folder: Path, core: int | None = None):
        self.network, self.number, self.core = network, number, core
        self.name = f"{network.name}{number}"
        self.address = network.address(number)
        self.disk = folder / self.name
        self._power: subprocess.Popen[str] | None = None

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.address!r})"

    @property
    def is_on(self) -> bool:
        """Whether the node has power."""
        return self._power is not None and self._power.poll() is None

    def power_on(self) -> None:
        """Boot: empty processes, the old disk, the old address."""
        (self.disk / "home").mkdir(parents=True, exist_ok=True)
        self._write_names()
        script = _FIRST_PROCESS.format(name=self.name, disk=self.disk, software=_software_in(self.disk))
        # Whatever becomes of us, no node outlives us.
        until_we_end = ["setpriv", "--pdeathsig", "KILL"]
        command = [
            *until_we_end,
            "unshare",
            "--net",
            "--pid",
            "--mount",
            "--uts",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]
        self._power = subprocess.Popen(
            [*command, "bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self._power.stdout is not None
        if self._power.stdout.readline().strip() != "ready":
            raise _refused("unshare and mount")
        self._first_process = _only_child(self._power.pid)
        self.network.plug(self)

    def _write_names(self) -> None:
        # Every node knows every name, and asks no name server: there is none, and each question would wait for it.
        names = [f"{self.network.address(number)} {self.network.name}{number}" for number in range(1, HOST)]
        (self.disk / "etc").mkdir(exist_ok=True)
        (self.disk / "etc/hosts").write_text("\n".join(["127.0.0.1 localhost", *names, ""]), "utf-8")
        (self.disk / "etc/resolv.conf").write_text("", "utf-8")

    def power_off(self) -> None:
        """Lose power: every process ends at once, unasked."""
        if self._power is not None:
            self._power.kill()
            self._power.wait()
            self.network.unplug(self)
            self._power = None

    def cut(self) -> None:
        """Partition: the node runs on, but nothing reaches it and it reaches nobody."""
        _run(["ip", "link", "set", self.network.port(self), "down"])

    def mend(self) -> None:
        """End the partition."""
        _run(["ip", "link", "set", self.network.port(self), "up"])

    def limit_disk(self, size_mb: int) -> None:
        """Give the node a disk of this size; before it is powered on."""
        self.disk.mkdir(parents=True, exist_ok=True)
        _run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(self.disk)])

    def inside(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` on this node."""
        enter = ["nsenter", "--target", str(self._first_process), "--net", "--pid", "--mount", "--uts"]
        pinned = ["taskset", "--cpu-list", str(self.core)] if self.core is not None else []
        return [*enter, *pinned, *command]

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None, log: str = "out") -> subprocess.Popen:
        """Start a command on the node; what it prints goes into `log`.log on its disk."""
        with open(self.disk / f"{log}.log", "ab") as output:
            return subprocess.Popen(
                self.inside(command),
                env={**_machine_environment(), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
            )

    def run(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, timeout_s: float = 120.0, cwd: str = "/"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the node to its end and return its status and what it printed."""
        return subprocess.run(
            self.inside(command),
            env={**_machine_environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=cwd,
        )

    def processes(self, words: str) -> list[int]:
        """Return the numbers, as this machine counts them, of the node's processes whose command holds `words`."""
        return [number for number in _namespace_of(self._first_process) if words in _command_of(number)]


class Network:
    """A bridge with nodes on it, for as long as the ``with`` block lasts.

    Attributes:
        name: how nodes' names and interfaces begin; two networks at a time need two names.
        subnet: the first three parts of every address; two networks at a time need two subnets.
    """

    def __init__(self, folder: Path, name: str = "node", subnet: str = "10.77.0"):
        self.folder, self.name, self.subnet = folder, name, subnet
        self.nodes: dict[int, Node] = {}

    def __enter__(self) -> Network:
        """Lay the bridge.

        Raises:
            errors.NamespacesRefused: this user or this machine may not.
        """
        require_namespaces()
        bridge = self.name
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)
        # Its own address, or the bridge takes a port's and changes it with the ports: nodes would lose it for seconds.
        _run(["ip", "link", "add", bridge, "address", _hardware_address(self.address(HOST)), "type", "bridge"])
        _run(["ip", "addr", "add", f"{self.address(HOST)}/24", "dev", bridge])
        _run(["ip", "link", "set", bridge, "up"])
        return self

    def __exit__(self, *_: object) -> None:
        """Cut all power and take the bridge away."""
        for node in self.nodes.values():
            node.power_off()
            subprocess.run(["umount", "--lazy", str(node.disk)], capture_output=True)
        subprocess.run(["ip", "link", "del", self.name], capture_output=True)

    def address(self, number: int) -> str:
        """Return the address of node `number`; `HOST` is this machine."""
        return f"{self.subnet}.{number}"

    def node(self, number: int, core: int | None = None, disk_mb: int | None = None) -> Node:
        """Return node `number`, powered on; made at the first call."""
        if number not in self.nodes:
            self.nodes[number] = Node(self, number, self.folder, core)
            if disk_mb is not None:
                self.nodes[number].limit_disk(disk_mb)
        if not self.nodes[number].is_on:
            self.nodes[number].power_on()
        return self.nodes[number]

    def port(self, node: Node) -> str:
        """Return the name of the bridge's end of a node's cable."""
        return f"{self.name}v{node.number}"

    def plug(self, node: Node) -> None:
        """Connect a node that was just powered on."""
        port, inside = self.port(node), ["nsenter", "--target", str(node._first_process), "--net"]
        self.unplug(node)
        _run(["ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(node._first_process)])
        _run(["ip", "link", "set", port, "master", self.name, "up"])
        _run([*inside, "ip", "addr", "add", f"{node.address}/24", "dev", "eth0"])
        _run([*inside, "ip", "link", "set", "eth0", "up"])
        _run([*inside, "ip", "route", "add", "default", "via", self.address(HOST)])

    def unplug(self, node: Node) -> None:
        """Take a node's cable away, if there is one."""
        subprocess.run(["ip", "link", "del", self.port(node)], capture_output=True)


def require_namespaces() -> None:
    """Raise NamespacesRefused unless this process may make network, process and mount namespaces."""
    missing = [tool for tool in ("ip", "unshare", "nsenter", "setpriv") if shutil.which(tool) is None]
    if missing:
        raise NamespacesRefused(
            f"nodes of namespaces need {', '.join(missing)}.\n  Install them: bash cluster/node_setup.sh"
        )
    probe = "mount --make-rprivate / && ip link add probe0 type bridge"
    done = subprocess.run(["unshare", "-n", "-m", "-p", "-f", "bash", "-c", probe], capture_output=True, text=True)
    if done.returncode:
        raise _refused(done.stderr.strip() or "unshare failed")


def _hardware_address(address: str) -> str:
    """Return a locally administered MAC address made of an IPv4 address."""
    return ":".join(["02", "00", *(f"{int(part):02x}" for part in address.split("."))])


def _software_in(disk: Path) -> str:
    """Return the commands that keep what is installed under /tmp there, on a node whose /tmp is this disk."""
    installed = {Path(sys.prefix), Path(sys.prefix).resolve(), Path(share_dist.__file__).resolve().parents[1]}
    hidden = sorted(path for path in installed if path.is_relative_to("/tmp"))
    places = [(path, disk / path.relative_to("/tmp")) for path in hidden]
    return "\n".join(f"mkdir -p {place} && mount --bind {path} {place}" for path, place in places)


def _refused(what: str) -> NamespacesRefused:
    return NamespacesRefused(
        f"this machine does not let us make network, process and mount namespaces ({what}).\n"
        "  Run as root, in a container with --privileged or --cap-add SYS_ADMIN,NET_ADMIN."
    )


def _machine_environment() -> dict[str, str]:
    """What a freshly booted machine with our software has: nothing of this process's environment but the paths."""
    path = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": "/tmp/home", "LANG": "C.UTF-8", "RAY_USAGE_STATS_ENABLED": "0"}


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise _refused(f"`{' '.join(command)}`: {done.stderr.strip()}")


def _only_child(process: int, patience_s: float = 5.0) -> int:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        children = _children(process)
        if children:
            return children[0]
        time.sleep(0.01)
    raise _refused("unshare started nothing")


def _children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text("utf-8").split()]
    return []


def _namespace_of(first: int) -> Iterator[int]:
    # What entered by nsenter is nobody's child in there, so go by the namespace itself.
    namespace = os.readlink(f"/proc/{first}/ns/pid")
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/ns/pid") == namespace:
                    yield int(entry)


def _command_of(process: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
