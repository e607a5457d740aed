"""Asking an actor again when its process or node was lost, and telling that from an error for the user."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray import exceptions as lost

from share_dist.errors import ShareDistError, WorkersLost

LOSSES = (lost.RayActorError, lost.ObjectLostError, lost.WorkerCrashedError, lost.NodeDiedError, lost.RaySystemError)
"""What a killed process or node looks like. Work is a function of its arguments, so it is simply asked for again."""

LONGEST_PAUSE_S = 10.0


def reason_of(error: BaseException) -> str:
    """Return the last line of what an error says: Ray puts the cause there."""
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
    for attempt in range(attempts):
        try:
            return ray.get(reference, timeout=timeout_s)
        except lost.GetTimeoutError:
            break
        except LOSSES:
            # Quickly at first, as for a killed process; then as patiently as a node takes to be replaced.
            time.sleep(min(0.5 * 2**attempt, LONGEST_PAUSE_S))
            reference = ask()
        except lost.RayTaskError as error:
            if not was_lost(error):
                raise users_error(error, doing) from error
            reference = ask()
    raise WorkersLost(
        f"no answer for {timeout_s:g} s while {doing}, or the actors were lost again and again.\n"
        "  See `ray status` and the logs under /tmp/ray/session_latest/logs; then run the same command again."
    )
