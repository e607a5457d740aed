"""`once()`: a stage of work that is done exactly one time, whatever is killed and repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from share_dist import errors
from share_dist.storage.manifests import check_object, fingerprint, manifest_bytes, manifest_files
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
    stage.write_once(MANIFEST, manifest_bytes({key: fingerprint(data) for key, data in objects.items()}))


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
        yield key, check_object(stage, key, wanted)


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
