"""`once()`: a stage of work that is done exactly one time, whatever is killed and repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from share_dist import errors
from share_dist.storage.stores import MANIFEST, Around, Store, inside

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
        save: writes the value into the stage's own store.
        load: reads it back from the stage's own store.

    Raises:
        errors.DamagedFile: the stage was finished, but one of its files has changed or gone.
    """
    stage = inside(store, name)
    if is_committed(stage):
        return load(verified(stage))
    held = HeldStage(stage)
    save(make(), held)
    commit(stage, held.objects)
    return load(held)


def content_key(*parts: Any) -> str:
    """Name a thing after all that decides it, given as JSON values: what has the same name is the same thing."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def is_committed(stage: Store) -> bool:
    """Whether the stage was finished: its manifest is there."""
    return stage.exists(MANIFEST)


def commit(stage: Store, objects: Mapping[str, bytes]) -> None:
    """Finish a stage: write the manifest with the hash and size of each of its objects, which are stored already."""
    files = {key: _entry(data) for key, data in objects.items()}
    text = json.dumps({"version": 1, "files": files}, indent=1, sort_keys=True)
    stage.write_once(MANIFEST, text.encode())


def verified(stage: Store) -> HeldStage:
    """Compare every object of a finished stage with its manifest and return the stage with their bytes in memory.

    Raises:
        errors.DamagedFile: one is missing, shorter or altered; the message names it and the folder to delete.
    """
    held = HeldStage(stage)
    for key, found in checked(stage):
        if isinstance(found, errors.DamagedFile):
            raise found
        held.objects[key] = found
    return held


def checked(stage: Store) -> Iterator[tuple[str, bytes | errors.DamagedFile]]:
    """Yield each object of a finished stage: its bytes if they are what the manifest says, else what is wrong."""
    try:
        files = manifest_files(stage)
    except errors.DamagedFile as error:
        yield MANIFEST, error
        return
    for key, wanted in files.items():
        yield key, _checked(stage, key, wanted)


def manifest_files(stage: Store) -> dict[str, dict[str, Any]]:
    """Return what the manifest of a finished stage says: ``sha256`` and ``bytes`` of each object.

    Raises:
        errors.DamagedFile: it is no manifest.
    """
    try:
        files: dict[str, dict[str, Any]] = json.loads(stage.read(MANIFEST))["files"]
        for entry in files.values():
            _ = entry["sha256"], entry["bytes"]
        return files
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(stage, MANIFEST, f"is not a manifest ({error})") from error


def _checked(stage: Store, key: str, wanted: dict[str, Any]) -> bytes | errors.DamagedFile:
    try:
        data = stage.read(key)
    except FileNotFoundError:
        return _damaged(stage, key, f"is gone; {wanted['bytes']:,} bytes were stored")
    except errors.DamagedFile as error:
        return error
    found = _entry(data)
    if found["bytes"] != wanted["bytes"]:
        return _damaged(stage, key, f"has {found['bytes']:,} bytes, but {wanted['bytes']:,} were stored")
    if found != wanted:
        return _damaged(stage, key, f"has changed: SHA-256 {found['sha256'][:12]}…, not {wanted['sha256'][:12]}…")
    return data


def _entry(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _damaged(stage: Store, key: str, what: str) -> errors.DamagedFile:
    return errors.DamagedFile(
        f"{stage.uri(key)} {what}.\n"
        f"  Delete the folder {stage.uri()} and run the same command again: only that stage is made anew."
    )


class HeldStage(Around):
    """A stage with its objects in memory, so that nothing that was written or compared is fetched again."""

    def __init__(self, stage: Store):
        super().__init__(stage)
        self.objects: dict[str, bytes] = {}

    def read(self, key: str) -> bytes:
        """See `Store`."""
        return self.objects[key] if key in self.objects else super().read(key)

    def write_once(self, key: str, data: bytes) -> None:
        """Store the bytes, and keep them."""
        # No manifest yet, so nothing here is promised to anybody: what a killed attempt left behind may give way.
        super().overwrite(key, data)
        self.objects[key] = data

    def overwrite(self, key: str, data: bytes) -> None:
        """Store the bytes, and keep them."""
        self.write_once(key, data)
