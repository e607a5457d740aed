"""What would keep Ray from starting on this machine for good, looked for before it is tried, in milliseconds."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import tempfile
from pathlib import Path

from share_dist.errors import BadSetting, Finding, StorageFull
from share_dist.fleet.token import given_token, kept_token

SOCKET = f"ray/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
"""As long as the longest path that Ray makes below its temporary folder and gives to a socket."""
LONGEST_SOCKET = 107
_SIGNS = re.compile(r"[ !#-&(-\[\]-~]+")
"""What Ray's processes take from each other's command lines."""
LEAST_FILES = 256
"""Open files that a Ray of one core needs; each further worker needs some more."""
LEAST_THREADS = 150
"""Of a Ray of one core, its processes together."""
LEAST_FREE_MB = 50.0
"""For the logs and sockets of a session."""


def require_machine() -> None:
    """Raise for the first reason why a Ray can never start here; a reason that may pass is not looked for.

    Raises:
        errors.BadSetting: the message names the variable or the limit.
        errors.StorageFull: the disk of Ray's temporary folder is full.
    """
    for look in (given_token, temporary_folder, free_space, open_files, processes, loopback):
        finding = look()
        if not finding.ok:
            kind = StorageFull if look is free_space else BadSetting
            raise kind(f"Ray cannot start on this machine: {finding.detail}.\n  {finding.remedy}")


def machine_findings() -> list[Finding]:
    """The same for the doctor, and what Ray can do without."""
    looks = (given_token, kept_token, temporary_folder, free_space, open_files, processes, loopback, shared_memory)
    return [look() for look in looks]


def temporary_folder() -> Finding:
    """Where Ray keeps the sockets and logs of a session."""
    folder, said, remedy = _place()
    why = _why_no_place(folder)
    return Finding("Ray's folder", not why, f"{said}, {why}" if why else said, remedy if why else "")


def free_space() -> Finding:
    """Whether the disk of that folder has room for what a session writes there."""
    folder, said, remedy = _place()
    # os.path answers also about what lies in a folder that may not be entered.
    while not os.path.isdir(folder) and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    free_mb = usage.free / 1e6
    if free_mb >= LEAST_FREE_MB or not usage.total:  # such as /proc, which is no disk
        return Finding("Ray's disk", True, f"{folder} has more than {LEAST_FREE_MB:.0f} MB free")
    why = f"{said}, which has {free_mb:.0f} MB free, and Ray needs {LEAST_FREE_MB:.0f}"
    return Finding("Ray's disk", False, why, f"Free some space there. {remedy}")


def _place() -> tuple[Path, str, str]:
    """The folder that Ray will take, the variable that says so, and how to give it another."""
    name = next((name for name in ("RAY_TMPDIR", "TMPDIR") if name in os.environ), None)
    if name is None:
        said = "Ray's temporary folder is /tmp, because RAY_TMPDIR is not set"
        return Path("/tmp"), said, "Name a folder that can be written: export RAY_TMPDIR=/short/path"
    return Path(os.environ[name]), f"{name} is '{os.environ[name]}'", f"Name another folder, or take /tmp: unset {name}"


def _why_no_place(folder: Path) -> str:
    if not folder.is_absolute():
        return "which is no full path"
    if not _SIGNS.fullmatch(str(folder)):
        return "which has signs that Ray cannot pass on; letters, digits and signs of ASCII but quotes and \\ it can"
    nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not os.path.isdir(nearest):
        return "which is no folder" if nearest == folder else f"which does not exist, and {nearest} is no folder"
    longest = len(os.fsencode(folder / SOCKET))
    if longest > LONGEST_SOCKET:
        least = len(os.fsencode(folder)) - (longest - LONGEST_SOCKET)
        return f"which is too long for a socket: {len(os.fsencode(folder))} bytes, at most {least} can be used"
    if nearest == folder and os.path.lexists(folder / "ray"):
        nearest = folder / "ray"
        if not os.path.isdir(nearest):
            return f"where {nearest} is no folder"
    try:
        with tempfile.NamedTemporaryFile(dir=nearest):
            return ""
    except OSError as error:
        missing = "which cannot be written" if os.path.isdir(folder) else "which does not exist and cannot be made"
        return f"{missing} ({nearest}: {error.strerror})"


def open_files() -> Finding:
    """How many files a process may hold open; Ray raises the limit as far as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = most == resource.RLIM_INFINITY or most >= LEAST_FILES
    remedy = "" if enough else "Raise it: `ulimit -n 65536`, or docker run --ulimit nofile=65536."
    shown = "any number" if most == resource.RLIM_INFINITY else f"at most {most}"
    need = "" if enough else f", and Ray needs {LEAST_FILES}"
    return Finding("open files", enough, f"a process may open {shown} (ulimit -n){need}", remedy)


def processes() -> Finding:
    """How many threads this account may have, all its processes together; without more, Ray's abort."""
    most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    enough = most == resource.RLIM_INFINITY or most >= LEAST_THREADS or os.geteuid() == 0  # root is not bound by it
    shown = "any number of threads" if most == resource.RLIM_INFINITY else f"{most} threads"
    need = "" if enough else f", and Ray needs {LEAST_THREADS}"
    remedy = "" if enough else "Raise it: `ulimit -u 4096`."
    return Finding("threads", enough, f"this account may have {shown} (ulimit -u){need}", remedy)


def loopback() -> Finding:
    """Whether processes of this machine reach each other."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 2.0).close()
    except OSError as error:
        said = f"no process can be reached at 127.0.0.1 ({error.strerror or error})"
        return Finding("loopback", False, said, "Bring the interface up: ip link set lo up")
    return Finding("loopback", True, "127.0.0.1 answers")


def shared_memory() -> Finding:
    """Where pictures lie on their way from process to process."""
    shared = Path("/dev/shm")
    free_mb = shutil.disk_usage(shared).free / 1e6 if shared.is_dir() else 0.0
    remedy = "" if free_mb >= 500 else "In Docker add --shm-size=1g; Ray keeps pictures on disk otherwise, slowly."
    return Finding("shared memory", free_mb >= 500, f"{free_mb:,.0f} MB free in /dev/shm", remedy)
