"""A run's folder: its settings are written before any work, and other settings are refused."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from share_dist import errors
from share_dist.errors import Finding
from share_dist.storage.stores import FolderStore, Store, is_temporary, open_store, writing

log = logging.getLogger("share_dist")

CONFIG = "config.json"
LOCK = ".run.lock.part"
"""Named like a file being written, so that no store lists it."""
_CLAIMED: dict[Path, IO[bytes]] = {}
_SHOWN_DIFFERENCES = 12


def open_run(out: str | Path, config_json: str) -> Store:
    """Return the store of a run, with its settings written into ``config.json`` before any work.

    The same settings again open the same run, which then continues.

    Args:
        out: a folder, new or holding this very run.
        config_json: all settings of the run as one JSON object.

    Raises:
        errors.OtherRun: the folder holds a run with other settings (they are listed), or files that are no run; or
            another process is at work on it.
        errors.NotWritable: it cannot be written.
        errors.StorageFull: the disk is full.
        errors.DamagedFile: its config.json is not JSON.
        errors.BadSetting: the address is not a folder.
    """
    store = open_store(out)
    assert isinstance(store, FolderStore)
    with writing(store.root):
        store.root.mkdir(parents=True, exist_ok=True)
        _refuse_strangers(store)
        _claim(store.root)
    if store.exists(CONFIG):
        require_same(
            store,
            CONFIG,
            json.loads(config_json),
            otherwise=f"{store.root} holds a run with other settings",
            remedy="Choose another --out, or give the settings of that run to continue it.",
        )
        _refuse_read_only(store)
    else:
        store.write_once(CONFIG, config_json.encode())
    return store


def _refuse_strangers(store: FolderStore) -> None:
    strangers = sorted(path.name for path in store.root.iterdir() if not is_temporary(path.name))
    if strangers and CONFIG not in strangers:
        raise errors.OtherRun(
            f"{store.root} is not empty and is no run: it has no {CONFIG}, but {', '.join(strangers[:5])}"
            f"{' and more' if len(strangers) > 5 else ''}.\n"
            "  Choose another --out; nothing was written."
        )


def _claim(root: Path) -> None:
    """Hold the folder until this process ends, however it ends; a second driver would undo the first one's work.

    Raises:
        errors.OtherRun: another process holds it.
    """
    if root in _CLAIMED:
        return
    # What is open holds the claim; for writing, because NFS gives an exclusive lock on nothing else.
    file = open(root / LOCK, "ab+", buffering=0)  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        process = file.read().decode().strip()
        file.close()
        raise errors.OtherRun(
            f"{root} is being written by another process{f' (number {process})' if process else ''}.\n"
            "  Wait until it is done, or choose another --out."
        ) from None
    except OSError as error:
        log.warning("%s cannot be locked (%s): take care that no second command writes there", root, error.strerror)
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    _CLAIMED[root] = file


def require_same(store: Store, key: str, wanted: Any, otherwise: str, remedy: str) -> None:
    """Refuse to go on in a store whose JSON object `key` is not what is wanted now.

    Args:
        store: where the object lies.
        key: its key; it is there.
        wanted: the JSON value it should have.
        otherwise: what it means when it has another; the message begins so, and lists the differences.
        remedy: what to do then.

    Raises:
        errors.DamagedFile: the object is not JSON.
        errors.OtherRun: it is another value.
    """
    try:
        found = json.loads(store.read(key))
    except ValueError as error:
        raise errors.DamagedFile(
            f"{store.uri(key)} is not JSON ({error}), so nobody can say what this folder holds.\n"
            "  Choose another --out, or delete the folder."
        ) from error
    lines = list(_differences(found, wanted))
    if lines:
        more = [f"and {len(lines) - _SHOWN_DIFFERENCES} more"] if len(lines) > _SHOWN_DIFFERENCES else []
        shown = "\n    ".join([*lines[:_SHOWN_DIFFERENCES], *more])
        raise errors.OtherRun(f"{otherwise} (there -> now):\n    {shown}\n  {remedy}")


def _differences(found: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """Yield one line ``name: found -> wanted`` for each setting in which two JSON values differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            dotted = f"{name}.{key}" if name else key
            yield from _differences(found.get(key, "(not set)"), wanted.get(key, "(not set)"), dotted)
    elif found != wanted:
        yield f"{name or 'the whole'}: {_short(found)} -> {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse_read_only(store: FolderStore) -> None:
    probe = store.root / ".probe.part"
    with writing(store.root):
        probe.write_bytes(b"")
        probe.unlink()


def check(folder: str | Path = ".") -> list[Finding]:
    """Say whether results can be kept in `folder` (or its nearest existing parent) and how much room it has."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    try:
        _refuse_read_only(FolderStore(path))
    except errors.ShareDistError as error:
        return [Finding("storage", False, str(error).splitlines()[0], "Give --out a folder that you may write to.")]
    free_gb = shutil.disk_usage(path).free / 1e9
    remedy = "" if free_gb >= 1 else "Free some space: a run of the demo needs about 0.3 GB, longer ones more."
    return [Finding("storage", free_gb >= 1, f"{path} can be written, {free_gb:,.1f} GB free", remedy)]
