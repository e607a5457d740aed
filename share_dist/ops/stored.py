"""What is stored: a run fetched, every hash compared; in folders and buckets alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from share_dist import errors
from share_dist.fleet.progress import ViewProgress
from share_dist.ops.listing import CONFIG, find_runs, parent
from share_dist.storage import MANIFEST, Entry, FolderStore, Store, checked, inside, manifest_files, open_store

AT_ONCE = 8
"""Objects on their way at a time: they are small, and a bucket takes some 20 ms to begin to answer."""

T = TypeVar("T")
U = TypeVar("U")


def pull(uri: str, folder: str | None = None) -> FolderStore:
    """Fetch a run into a folder, each object compared with its manifest; what is there already is not fetched again.

    Args:
        uri: the run.
        folder: where to; ``runs/`` and its name unless given.

    Raises:
        errors.BadSetting: there is no run at the address; the message names those below it.
        errors.OtherRun: the folder holds other bytes under one of its names. They are left as they are.
        errors.DamagedFile: an object is not what its manifest says.
    """
    source = open_store(uri)
    entries = source.entries()
    if not any(entry.key == CONFIG for entry in entries):
        below = ", ".join(run.uri for run in find_runs(uri)[:5])
        raise errors.BadSetting(
            f"there is no run at {source.uri()}: it has no {CONFIG}.\n"
            f"  {f'Pull one of {below}.' if below else 'See what there is with `share-dist ls`.'}"
        )
    target = FolderStore(folder or f"runs/{source.uri().rpartition('/')[2]}")
    promised = _promised(source, entries)
    # Manifests last: a folder that was filled by half counts as unfinished wherever an object is missing.
    keys = sorted((entry.key for entry in entries), key=lambda key: (PurePosixPath(key).name == MANIFEST, key))
    progress = ViewProgress("pull", len(keys), unit="objects")
    for _ in _at_once(lambda key: _pull_one(source, target, key, promised.get(key)), keys):
        progress.add(1)
    return target


def _promised(store: Store, entries: list[Entry]) -> dict[str, str]:
    """Return the SHA-256 of every object that a manifest vouches for."""
    folders = _stages(entries)
    found: dict[str, str] = {}
    for folder, files in _at_once(lambda folder: (folder, manifest_files(inside(store, folder))), folders):
        found |= {f"{folder}/{key}" if folder else key: entry["sha256"] for key, entry in files.items()}
    return found


def _pull_one(source: Store, target: FolderStore, key: str, wanted: str | None) -> None:
    if wanted and target.exists(key) and _sha256(target.read(key)) == wanted:
        return
    data = source.read(key)
    if wanted and _sha256(data) != wanted:
        raise errors.DamagedFile(
            f"{source.uri(key)} has changed: its SHA-256 is not the one in its manifest.\n"
            f"  `share-dist verify {source.uri()}` lists all damage, and what to delete to have it made anew."
        )
    try:
        target.write_once(key, data)
    except errors.OtherRun:
        raise errors.OtherRun(
            f"{target.uri(key)} holds other bytes than {source.uri(key)}, and is left as it is.\n"
            f"  Pull into another folder: share-dist pull {source.uri()} DIR"
        ) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What comparing all hashes has shown."""

    stages: int
    objects: int
    damage: list[errors.DamagedFile]


def verify(uri: str) -> Verdict:
    """Compare every object that a manifest vouches for, at or below an address, with its hash.

    Raises:
        errors.BadSetting: nothing there was ever finished, so that nothing can be compared.
    """
    store = open_store(uri)
    folders = _stages(store.entries())
    if not folders:
        raise errors.BadSetting(
            f"there is nothing to verify at {store.uri()}: no stage was finished there.\n"
            "  See what there is with `share-dist ls`, and give the address of a run or of what lies above."
        )
    progress = ViewProgress("verify", len(folders), unit="stages")
    objects, damage = 0, []
    for found in _at_once(lambda folder: _examined(inside(store, folder)), folders):
        objects += len(found)
        damage += [problem for problem in found if problem]
        progress.add(1)
    return Verdict(stages=len(folders), objects=objects, damage=damage)


def _examined(stage: Store) -> list[errors.DamagedFile | None]:
    """Return for each object of a stage what is wrong with it; the bytes are let go at once."""
    return [found if isinstance(found, errors.DamagedFile) else None for _, found in checked(stage)]


def _stages(entries: list[Entry]) -> list[str]:
    return [parent(entry.key) for entry in entries if PurePosixPath(entry.key).name == MANIFEST]


def _at_once(do: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield from pool.map(do, items)
    finally:
        # After the first error there is no sense in fetching the rest.
        pool.shutdown(cancel_futures=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
