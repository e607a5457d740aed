"""How ranks are started and by which network they talk to each other."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import struct
import sys
import uuid
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.train._internal.utils import get_address_and_port
from ray.train.backend import Backend, BackendConfig
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

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


def meeting_place(address: str, name: str) -> str:
    """Return where ranks find each other, as torch's `init_method`.

    Rank 0 would listen for the others on every address of its machine. Of a Ray that this machine has to itself, all
    ranks see one folder, and meet in a file there.

    Args:
        address: of rank 0, as Ray knows it.
        name: of a file that does not exist yet.
    """
    if not ipaddress.ip_address(address).is_loopback:
        return "env://"
    # Imported here, or it would travel with this module by value.
    from ray._private.worker import global_worker

    node: Any = global_worker.node
    return f"file://{node.get_session_dir_path()}/{name}"


def join_group(config: NodeConfig, address: str, port: int, name: str) -> None:
    """Connect this rank with the others, as Ray Train itself does, over the network that Ray uses.

    Args:
        config: how they talk.
        address: of rank 0.
        port: free there.
        name: see `meeting_place`.
    """
    from ray.train.torch.config import _set_torch_distributed_env_vars, _setup_torch_process_group

    name_interface()
    _set_torch_distributed_env_vars()
    os.environ |= {"MASTER_ADDR": address, "MASTER_PORT": str(port)}
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    _setup_torch_process_group(config.backend, rank, ranks, meeting_place(address, name), config.timeout_s)


class _NodeBackend(Backend):
    """Connects ranks like Ray Train's own for torch, which makes its controller import torch, and bids no farewell."""

    share_cuda_visible_devices = True

    def on_start(self, worker_group: Any, backend_config: NodeConfig) -> None:
        address, port = worker_group.execute_single(0, get_address_and_port)
        worker_group.execute(join_group, backend_config, address, port, f"ranks-{uuid.uuid4().hex}")

    def on_shutdown(self, worker_group: Any, backend_config: NodeConfig) -> None:
        """Do nothing: the ranks' processes end next, and one whose peer is lost would be asked in vain for 30 s."""


class _OwnDevice:
    """While a rank works, its GPU is the one that torch takes when it is not told which."""

    def __enter__(self) -> None:
        from ray.train.torch.config import TorchConfigContextManager

        TorchConfigContextManager().__enter__()

    def __exit__(self, *_: object) -> None:
        """Nothing to give back: the process ends."""


@dataclass
class NodeConfig(BackendConfig):
    """How ranks are connected."""

    backend: str
    """gloo, or nccl between GPUs."""

    timeout_s: int
    """The longest silence of a peer."""

    @property
    def backend_cls(self) -> Any:
        """The class that connects them."""
        return _NodeBackend

    @property
    def train_func_context(self) -> Any:
        """Around each rank's work."""
        return _OwnDevice


class LeanTrainer(DataParallelTrainer):
    """Ray Train's trainer without two of its actors, each of which takes a core for seconds to start.

    One is for data sets; ours come from renderers. The other frees what a dead controller reserved; with ours the
    driver ends, and Ray frees what a driver reserved.
    """

    def _create_default_callbacks(self) -> list[Any]:
        left_out = (DatasetsCallback, PlacementGroupCleanerCallback)
        return [each for each in super()._create_default_callbacks() if not isinstance(each, left_out)]


# Ray Train's controller opens this value too. Sent whole, it costs the controller no import of our rooms.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
