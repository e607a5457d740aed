"""How ranks are started and by which network they talk to each other."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback

_SIOCGIFADDR = 0x8915


def interface_of(address: str) -> str | None:
    """Return the name of this machine's network interface with an IPv4 address, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name[:15].encode()))
            except OSError:
                continue  # an interface without an IPv4 address
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return None


def name_interface() -> None:
    """Tell gloo to use the interface by which Ray reaches this node, unless the user named one.

    Left alone it takes the address that the host's own name resolves to, which is often 127.0.1.1: the ranks of
    other nodes then wait until their time is up.
    """
    found = interface_of(ray.util.get_node_ip_address())
    if found is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", found)


class _NodeTorchBackend(TorchConfig().backend_cls):
    """Ray Train's way of connecting ranks, with each node's interface named first and no farewell."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        worker_group.execute(name_interface)
        super().on_start(worker_group, backend_config)

    def on_shutdown(self, worker_group: Any, backend_config: Any) -> None:
        """Do nothing: the ranks' processes end next, and one whose peer is lost would be asked in vain for 30 s."""


@dataclass
class NodeTorchConfig(TorchConfig):
    """How ranks are connected: as TorchConfig says, over the network that Ray itself uses."""

    @property
    def backend_cls(self) -> Any:
        """The class that connects them."""
        return _NodeTorchBackend


class LeanTrainer(TorchTrainer):
    """Ray Train's trainer without two of its actors, each of which takes a core for seconds to start.

    One is for data sets; ours come from renderers. The other frees what a dead controller reserved; with ours the
    driver ends, and Ray frees what a driver reserved.
    """

    def _create_default_callbacks(self) -> list[Any]:
        left_out = (DatasetsCallback, PlacementGroupCleanerCallback)
        return [each for each in super()._create_default_callbacks() if not isinstance(each, left_out)]


# Ray Train's controller opens this value too. Sent whole, it costs the controller no import of our rooms.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
