"""What Ray does when it starts and offers no setting for: which address it listens on, which signals it takes over."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray._private import parameter, ray_constants, utils, worker

LOOPBACK = "127.0.0.1"
NOISE = "There are infinite retries remaining"
"""In a message of Ray's to the driver: an actor's process was lost, and its work is done again, as we asked for."""


@contextmanager
def on_loopback() -> Iterator[None]:
    """A Ray that starts in this block, or is joined, is one of this machine alone, which no other can reach.

    Ray does so by itself on macOS and Windows, lest their firewalls ask the user. Its dashboard agent takes any free
    port: with the usual one, a second Ray on the machine would wait seconds for the port and then do without an agent.
    """
    free_port = functools.partial(parameter.RayParams, dashboard_agent_listen_port=0)
    with loopback_as_it_is(), _replaced(parameter, "RayParams", free_port):
        yield


@contextmanager
def loopback_as_it_is() -> Iterator[None]:
    """Keep Ray from reading 127.0.0.1 as the machine's other address, where a Ray on loopback does not listen."""
    with _replaced(ray_constants, "ENABLE_RAY_CLUSTER", False):
        yield


@contextmanager
def own_signals() -> Iterator[None]:
    """Keep SIGTERM as it is while Ray starts or is joined in this block.

    Ray answers it by exit status 15, and once it is connected by printing a stack and aborting.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        with _replaced(utils, "set_sigterm_handler", lambda handler: None):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def hush_retries() -> None:
    """Keep Ray from printing that lost work is done again; its other messages to the driver are printed as before."""
    if getattr(worker.print_to_stdstream, "hushed", False):
        return
    worker.print_to_stdstream = _without_noise(worker.print_to_stdstream)


def _without_noise(show: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(show)
    def hushed(data: dict[str, Any], *rest: Any, **more: Any) -> None:
        lines = [line for line in data["lines"] if data.get("pid") != "raylet" or NOISE not in line]
        if lines:
            show({**data, "lines": lines}, *rest, **more)

    hushed.hushed = True  # pyright: ignore[reportAttributeAccessIssue]
    return hushed
