"""How many cores this process may use: of those it may run on, as many as its containers' quotas pay for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def usable_cores(process: Path = Path("/proc/self")) -> int:
    """Return the cores that a Ray of this machine may count on, at least one.

    A quota of one and a half gives one: two processes on it would both be stopped for a quarter of the time, and one
    that others wait for is not faster for the other half. `os.cpu_count` knows no quotas.

    Args:
        process: the folder in which the kernel says where this process belongs.
    """
    quotas = [int(quota) for quota in _quotas(process)]
    return max(min([len(os.sched_getaffinity(0)), *quotas]), 1)


def _quotas(process: Path) -> Iterator[float]:
    """Yield the quota, in cores, of each control group that this process is in, outer ones included."""
    try:
        groups = [line.split(":", 2)[1:] for line in (process / "cgroup").read_text("utf-8").splitlines()]
        mounts = [line.split() for line in (process / "mountinfo").read_text("utf-8").splitlines()]
    except (OSError, ValueError):
        return
    for fields in mounts:
        root, point, (kind, _, options) = fields[3], Path(fields[4]), fields[fields.index("-") + 1 :][:3]
        if kind == "cgroup2":
            paths = [path for controllers, path in groups if not controllers]
        elif kind == "cgroup" and "cpu" in options.split(","):
            paths = [path for controllers, path in groups if "cpu" in controllers.split(",")]
        else:
            continue
        for path in paths:
            yield from _quotas_from(point, os.path.relpath(path, root))


def _quotas_from(point: Path, path: str) -> Iterator[float]:
    """Yield the quotas of a group and of those around it, up to where groups are mounted."""
    # A container may see its own group's path as the machine does, of which it has only the end.
    inner = point if path.startswith("..") else Path(os.path.normpath(point / path))
    while True:
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            yield _quota(inner)
        if inner == point:
            return
        inner = inner.parent


def _quota(group: Path) -> float:
    """Return a group's own quota. ValueError means that it has none."""
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text("utf-8").split()
    else:
        quota, period = ((group / f"cpu.cfs_{name}_us").read_text("utf-8") for name in ("quota", "period"))
    if int(quota) < 0:  # version 1 says so of a group without a quota, and version 2 says `max`
        raise ValueError(quota)
    return int(quota) / int(period)
