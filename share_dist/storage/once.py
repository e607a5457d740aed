"""`once()`: a stage of work that is done exactly one time, whatever is killed and repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from share_dist import errors
from share_dist.storage.stores import Store, inside

MANIFEST = "manifest.json"

T = TypeVar("T")


def once(
    store: Store,
    name: str,
    make: Callable[[], T],
    save: Callable[[T, Store], None],
    load: Callable[[Store], T],
) -> T:
    """Return the value of the stage `name`: found finished, or made now and committed.

    The value always comes back through `load`, so that a run goes on with the very bits that a resumed run would find.

    Args:
        store: where the stage's folder `name` lies.
        name: the stage's folder, such as ``round-00/landscape``.
        make: does the work; called only when the stage has no manifest.
        save: writes the value into the stage's own store, by `write_once` or to a `local_path`.
        load: reads it back from the stage's own store.

    Raises:
        errors.DamagedFile: the stage was finished, but one of its files has changed or gone.
    """
    stage = inside(store, name)
    if not is_committed(stage):
        recorder = _Recorder(stage)
        save(make(), recorder)
        commit(stage, recorder.keys)
    verify(stage)
    return load(stage)


def is_committed(stage: Store) -> bool:
    """Whether the stage was finished: its manifest is there."""
    return stage.exists(MANIFEST)


def commit(stage: Store, keys: Iterable[str]) -> None:
    """Finish a stage: write the manifest with the hash and size of each of its objects."""
    files = {key: _entry(stage.read(key)) for key in sorted(set(keys))}
    text = json.dumps({"version": 1, "files": files}, indent=1, sort_keys=True)
    stage.write_once(MANIFEST, text.encode())


def verify(stage: Store) -> list[str]:
    """Compare every object of a finished stage with its manifest and return their keys.

    Raises:
        errors.DamagedFile: one is missing, shorter or altered; the message names it and the folder to delete.
    """
    try:
        files: dict[str, dict[str, Any]] = json.loads(stage.read(MANIFEST))["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(stage, MANIFEST, f"is not a manifest ({error})") from error
    for key, wanted in files.items():
        try:
            found = _entry(stage.read(key))
        except FileNotFoundError:
            raise _damaged(stage, key, f"is gone; {wanted['bytes']:,} bytes were stored") from None
        if found["bytes"] != wanted["bytes"]:
            raise _damaged(stage, key, f"has {found['bytes']:,} bytes, but {wanted['bytes']:,} were stored")
        if found != wanted:
            raise _damaged(stage, key, f"has changed: SHA-256 {found['sha256'][:12]}…, not {wanted['sha256'][:12]}…")
    return list(files)


def _entry(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _damaged(stage: Store, key: str, what: str) -> errors.DamagedFile:
    return errors.DamagedFile(
        f"{stage.uri(key)} {what}.\n"
        f"  Delete the folder {stage.uri()} and run the same command again: only that stage is made anew."
    )


class _Recorder:
    """The store that `save` sees: it notes what is written, and may replace what a killed attempt left behind."""

    def __init__(self, stage: Store):
        self.stage, self.keys = stage, set[str]()

    def uri(self, key: str = "") -> str:
        return self.stage.uri(key)

    def exists(self, key: str) -> bool:
        return self.stage.exists(key)

    def read(self, key: str) -> bytes:
        return self.stage.read(key)

    def write_once(self, key: str, data: bytes) -> None:
        self.keys.add(key)
        # No manifest yet, so nothing here is promised to anybody: a leftover may give way.
        self.stage.overwrite(key, data)

    def overwrite(self, key: str, data: bytes) -> None:
        self.write_once(key, data)

    def list(self, prefix: str = "") -> list[str]:
        return self.stage.list(prefix)

    def local_path(self, key: str) -> Path:
        self.keys.add(key)
        return self.stage.local_path(key)
