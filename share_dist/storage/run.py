"""A run's folder or bucket: its settings are written before any work, and other settings are refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from share_dist import errors
from share_dist.storage.address import open_store
from share_dist.storage.claims import lease_bucket, lock_folder
from share_dist.storage.finished import CONFIG, remedy_for
from share_dist.storage.folder import FolderStore, writing
from share_dist.storage.preflight import make_folder, require_bucket, require_writable
from share_dist.storage.sealed import read_sealed, sealed
from share_dist.storage.stores import MACHINERY, Store
from share_dist.storage.whole import clear_dead, is_temporary

_SHOWN_DIFFERENCES = 12
_SOON_S = 0.1


def open_run(out: str | Path, config_json: str) -> Store:
    """Return the store of a run, with its settings written into ``config.json`` before any work.

    The same settings again open the same run, which then continues. The run is this process's until it ends.

    Args:
        out: a folder or an ``s3://`` address, new or holding this very run.
        config_json: all settings of the run as one JSON object.

    Raises:
        errors.OtherRun: it holds a run with other settings (they are listed), or files that are no run; or another
            process is at work on it.
        errors.NotWritable: the folder cannot be written.
        errors.BucketRefused: the bucket cannot be reached, or does not let us do all that a run does.
        errors.StorageFull: the disk is full.
        errors.DamagedFile: its config.json has changed since it was written, or is not JSON.
        errors.BadSetting: the address is neither a folder nor a bucket.
    """
    store = _claimed(open_store(out))
    if store.exists(CONFIG):
        require_same(
            store,
            CONFIG,
            json.loads(config_json),
            otherwise=f"{store.uri()} holds a run with other settings",
            remedy="Choose another --out, or give the settings of that run to continue it.",
        )
    else:
        store.write_once(CONFIG, sealed(json.loads(config_json)))
    return store


def _claimed(store: Store) -> Store:
    """Return the store, writable, holding nothing foreign, and held by this process."""
    if isinstance(store, FolderStore):
        with writing(store.root):
            make_folder(store.root)
            names = [path.name for path in store.root.iterdir() if not is_temporary(path.name)]
            _refuse_strangers(store, names)
            locked = lock_folder(store.root)
        require_writable(store.root)
        if locked is not None:
            _clear_dead_meanwhile(store.root, locked)
        return store
    from share_dist.storage.s3 import S3Store

    assert isinstance(store, S3Store)
    require_bucket(store)
    _refuse_strangers(store, [key for key in store.list() if not key.startswith(MACHINERY)])
    return lease_bucket(store)


def _clear_dead_meanwhile(root: Path, before: float) -> None:
    """Delete what killed writers left, without keeping anybody waiting where there are many folders to look into."""
    cleaner = threading.Thread(target=clear_dead, args=(root, before), name="clear dead files", daemon=True)
    cleaner.start()
    cleaner.join(_SOON_S)


def _refuse_strangers(store: Store, names: list[str]) -> None:
    if names and CONFIG not in names:
        raise errors.OtherRun(
            f"{store.uri()} is not empty and is no run: it has no {CONFIG}, but {', '.join(sorted(names)[:5])}"
            f"{' and more' if len(names) > 5 else ''}.\n"
            "  Choose another --out; nothing was written."
        )


def command_of(store: Store) -> str | None:
    """The command of which a store holds a run, finished or not; None where that cannot be read."""
    if not store.exists(CONFIG):
        return None
    try:
        return read_sealed(store, CONFIG).get("command")
    except (errors.DamagedFile, AttributeError):
        return None


def require_same(store: Store, key: str, wanted: Any, otherwise: str, remedy: str) -> None:
    """Refuse to go on in a store whose JSON object `key` is not what is wanted now.

    Args:
        store: where the object lies.
        key: its key; it is there.
        wanted: the JSON value it should have.
        otherwise: what it means when it has another; the message begins so, and lists the differences.
        remedy: what to do then.

    Raises:
        errors.DamagedFile: the object has changed since it was written, or is not JSON.
        errors.OtherRun: it is another value.
    """
    found = read_sealed(store, key, remedy_for(store, key))
    refuse_differences(found, wanted, otherwise, remedy)


def refuse_differences(found: Any, wanted: Any, otherwise: str, remedy: str) -> None:
    """Raise OtherRun when two JSON values differ, with what differs between the two sentences."""
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
