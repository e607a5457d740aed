"""Starts a small quiet Ray on this machine: on loopback alone, behind a token, or with the reason why it cannot."""

from __future__ import annotations

import logging
import os

import ray

from share_dist.errors import BadSetting, WorkersLost
from share_dist.fleet.config import FleetConfig
from share_dist.fleet.cores import usable_cores
from share_dist.fleet.doors import on_loopback, own_signals
from share_dist.fleet.preflight import require_machine
from share_dist.fleet.token import ensure_token

ATTEMPTS = 3
"""Starts before we give up; each waits half a minute, which a busy machine may need."""
_MAY_PASS = (ConnectionError, TimeoutError)


def start_here(config: FleetConfig, namespace: str) -> None:
    """Start Ray on this machine and connect this process to it.

    Raises:
        errors.BadSetting, errors.StorageFull: Ray can never start here as things are; the message names the variable.
        errors.WorkersLost: Ray was too slow, again and again.
    """
    ensure_token()
    require_machine()
    # Ray warns that it does the safe thing. The mode cannot be set here to spare us that: Ray reads it when imported.
    setup = logging.getLogger("ray._private.authentication.authentication_token_setup")
    setup.addFilter(_is_news)
    for attempt in range(ATTEMPTS):
        try:
            with own_signals(), on_loopback():
                _init_here(config, namespace)
            return
        except BaseException as error:
            ray.shutdown()
            if not isinstance(error, Exception):
                raise
            # Ray raises a bare Exception when its node is not up within 30 s.
            if type(error) is not Exception and not isinstance(error, _MAY_PASS):
                raise _never(error) from error
            if attempt == ATTEMPTS - 1:
                raise _too_slow(error) from error


def _init_here(config: FleetConfig, namespace: str) -> None:
    ray.init(
        address="local",
        namespace=namespace,
        num_cpus=config.cpus or usable_cores(),
        object_store_memory=config.object_store_mb * 1_000_000,
        include_dashboard=False,
        # Our actors have an environment of their own, so that processes started ahead of them would serve nobody.
        _system_config={"enable_worker_prestart": False, "prestart_worker_first_driver": False},
        log_to_driver=config.worker_output,
        logging_level=logging.ERROR,
        configure_logging=False,
    )


def _never(error: Exception) -> BadSetting:
    names = ("HOME", "RAY_TMPDIR", "TMPDIR", "RAY_AUTH_TOKEN_PATH")
    said = ", ".join(f"{name} is {os.environ[name]}" for name in names if name in os.environ)
    return BadSetting(
        f"Ray cannot start on this machine: {first_line(error)}\n"
        f"  {said or 'HOME and RAY_TMPDIR are not set'}.\n"
        "  See `share-dist doctor`, and the newest folder logs/ below /tmp/ray or $RAY_TMPDIR/ray."
    )


def _too_slow(error: Exception) -> WorkersLost:
    return WorkersLost(
        f"Ray did not start on this machine ({first_line(error)}).\n"
        "  Its logs are under /tmp/ray/session_latest/logs. A very busy machine may be too slow: try again."
    )


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _is_news(record: logging.LogRecord) -> bool:
    return "Token authentication is enabled" not in record.getMessage()
