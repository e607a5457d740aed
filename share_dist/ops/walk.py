"""Everything below a place, each file looked at once, with what cannot be looked at."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from share_dist.storage import Entry, FolderStore, Store
from share_dist.storage.whole import is_temporary


@dataclass(frozen=True, order=True, slots=True)
class Trouble:
    """Something below a folder that cannot be listed."""

    key: str
    what: str
    why: str


def look_below(store: Store) -> tuple[Store, list[Entry], list[Trouble]]:
    """Return the objects of a store and what cannot be looked at; of a single file, its folder as the store.

    Raises:
        errors.BucketRefused: the bucket does not let us list it.
    """
    if not isinstance(store, FolderStore):
        return store, store.entries(), []
    if os.path.isfile(store.root):
        status = store.root.stat()
        return FolderStore(store.root.parent), [Entry(store.root.name, status.st_size, status.st_mtime)], []
    entries: list[Entry] = []
    troubles: list[Trouble] = []
    waiting = [(store.root, "")]
    while waiting:
        folder, key = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                children = list(listed)
        except FileNotFoundError:
            continue  # deleted since its own folder was looked at, or never there
        except OSError as error:
            troubles.append(Trouble(key, "folder", f"cannot be read: {error.strerror}"))
            continue
        for child in children:
            name = f"{key}/{child.name}" if key else child.name
            try:
                if child.is_dir(follow_symlinks=False):
                    waiting.append((Path(child.path), name))
                    continue
                found = _seen(child, name)
            except FileNotFoundError:
                continue
            except OSError as error:
                found = Trouble(name, "link" if child.is_symlink() else "file", f"cannot be read: {error.strerror}")
            if isinstance(found, Trouble):
                troubles.append(found)
            elif found is not None:
                entries.append(found)
    return store, sorted(entries, key=lambda entry: entry.key), troubles


def _seen(child: os.DirEntry[str], name: str) -> Entry | Trouble | None:
    """One file; None for what is none, such as a pipe, or one that is being written."""
    try:
        status = child.stat()
    except FileNotFoundError:
        return Trouble(name, "link", f"leads nowhere: {os.readlink(child.path)}") if child.is_symlink() else None
    if stat.S_ISDIR(status.st_mode):
        return None  # a link to a folder, which may lead in a circle
    if not stat.S_ISREG(status.st_mode) or is_temporary(child.name):
        return None
    return Entry(name, status.st_size, status.st_mtime)
