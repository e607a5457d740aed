"""Pools of named actors: created, waited for, reached from other processes, asked with retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import exceptions as lost

from share_dist.errors import ShareDistError, WorkersLost
from share_dist.fleet.cluster import KEPT_MEMORY, NAMESPACE

LOSSES = (lost.RayActorError, lost.ObjectLostError, lost.WorkerCrashedError, lost.NodeDiedError, lost.RaySystemError)
"""What a killed process or node looks like. Work is a function of its arguments, so it is simply asked for again."""


@dataclass(frozen=True, slots=True)
class RenderHandles:
    """The renderers by name: a value that travels by pickle into any process of the same cluster."""

    names: tuple[str, ...]

    def actors(self) -> list[Any]:
        """Return handles to the actors; call it in the process that uses them."""
        return [ray.get_actor(name, namespace=NAMESPACE) for name in self.names]


def make_pool(kind: Any, names: Sequence[str], arguments: tuple[Any, ...], cpus: float, gpus: float = 0.0) -> list[Any]:
    """Start actors of one kind, spread over the nodes; they live until they are dropped or this process ends."""
    options = {"num_cpus": cpus, "num_gpus": gpus, "namespace": NAMESPACE, "scheduling_strategy": "SPREAD"}
    options["runtime_env"] = {"env_vars": KEPT_MEMORY}
    return [kind.options(name=name, **options).remote(*arguments) for name in names]


def drop_pool(actors: Sequence[Any]) -> None:
    """End the actors for good."""
    for actor in actors:
        ray.kill(actor, no_restart=True)


def wait_until_ready(actors: Sequence[Any], timeout_s: float, what: str) -> None:
    """Wait until one actor of a pool is ready; the others may follow.

    Raises:
        WorkersLost: none is in time, and why.
        ShareDistError: whatever an actor says is wrong on its node.
    """
    waiting, problems = [actor.ready.remote() for actor in actors], list[str]()
    deadline = time.monotonic() + timeout_s
    while waiting and time.monotonic() < deadline:
        done, waiting = ray.wait(waiting, num_returns=1, timeout=min(1.0, timeout_s))
        for reference in done:
            try:
                ray.get(reference)
                return
            except LOSSES as error:
                problems.append(_reason(error))
            except lost.RayTaskError as error:
                raise users_error(error, f"starting {what}") from error
    raise WorkersLost(_why_none(len(actors), what, timeout_s, problems))


def _why_none(count: int, what: str, timeout_s: float, problems: list[str]) -> str:
    total, free = ray.cluster_resources(), ray.available_resources()
    if problems:
        cause = f"They died at once: {problems[0]}"
    else:
        cause = (
            f"The cluster has {total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs, of which "
            f"{free.get('CPU', 0):g} and {free.get('GPU', 0):g} are free now."
        )
    return (
        f"none of {count} {what} became ready within {timeout_s:g} s.\n  {cause}\n"
        "  Look at `ray status` for what waits; ask for less with fleet.render-actors, fleet.evaluators and "
        "fleet.booked-share, or wait longer with fleet.start-timeout-s."
    )


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def was_lost(error: BaseException) -> bool:
    """Whether an error means that a process or an object is gone, rather than that the work is wrong."""
    cause = getattr(error, "cause", None)
    return isinstance(error, LOSSES) or isinstance(cause, LOSSES)


def users_error(error: BaseException, doing: str) -> BaseException:
    """Return the error that an actor raised for the user, or the actor's own with what it was doing."""
    cause = getattr(error, "cause", None)
    while isinstance(cause, lost.RayTaskError) and cause.cause is not None:
        cause = cause.cause
    if isinstance(cause, ShareDistError):
        return cause
    error.add_note(f"An actor of the fleet raised this while {doing}.")
    return error


def fetch(ask: Callable[[], Any], reference: Any, timeout_s: float, doing: str, attempts: int = 20) -> Any:
    """Return the value behind a reference; when its actor or node was lost, ask again.

    Args:
        ask: makes the same request anew and returns its reference.
        reference: the request already under way.
        timeout_s: longest silence, for each attempt.
        doing: the work in words, such as "rendering views 0 to 63".
        attempts: how many losses are borne.

    Raises:
        WorkersLost: nothing came in time, or the work was lost too often.
    """
    for _ in range(attempts):
        try:
            return ray.get(reference, timeout=timeout_s)
        except lost.GetTimeoutError:
            break
        except LOSSES:
            time.sleep(0.5)
            reference = ask()
        except lost.RayTaskError as error:
            if not was_lost(error):
                raise users_error(error, doing) from error
            reference = ask()
    raise WorkersLost(
        f"no answer for {timeout_s:g} s while {doing}, or the actors were lost again and again.\n"
        "  See `ray status` and the logs under /tmp/ray/session_latest/logs; then run the same command again."
    )
