"""Where bytes are kept: the protocol that folders and buckets fulfil, and the part of a store below a folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

MANIFEST = "manifest.json"

MACHINERY = ".run."
"""How the names of objects begin that are no part of a run: its lease, and what is put to see whether one may."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as a listing shows it."""

    key: str
    bytes: int
    changed: float
    """Seconds since 1970, by the clock of whoever keeps it; for people, never to decide anything."""


class Store(Protocol):
    """Write-once objects under slash-separated keys. Every method is safe to repeat after a crash."""

    def uri(self, key: str = "") -> str:
        """Return the address of an object, or of the store itself for the empty key."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the object is there, complete."""
        ...

    def read(self, key: str) -> bytes:
        """Return the object's bytes; FileNotFoundError when there is none."""
        ...

    def write_once(self, key: str, data: bytes) -> None:
        """Store the bytes. Writing the same bytes again does nothing; other bytes raise errors.OtherRun."""
        ...

    def overwrite(self, key: str, data: bytes) -> None:
        """Store the bytes whatever was there, in one step. Only for what no manifest has committed."""
        ...

    def digest(self, key: str) -> str:
        """Return the SHA-256 of the object's bytes, which a bucket knows without sending them."""
        ...

    def list(self, prefix: str = "") -> list[str]:
        """Return the sorted keys of all objects in the folder `prefix`, at any depth."""
        ...

    def entries(self, prefix: str = "") -> list[Entry]:
        """Return what `list` does, with sizes and times."""
        ...

    def delete(self, prefix: str) -> None:
        """Delete the folder `prefix`, manifests first: what is half deleted counts as unfinished."""
        ...

    def remove(self, keys: list[str]) -> None:
        """Delete single objects; those that are gone already are no error."""
        ...


class Around:
    """A store that passes everything on to another one; what makes it different overrides a method."""

    def __init__(self, store: Store):
        self.store = store

    def uri(self, key: str = "") -> str:
        """See `Store`."""
        return self.store.uri(self._key(key))

    def exists(self, key: str) -> bool:
        """See `Store`."""
        return self.store.exists(self._key(key))

    def read(self, key: str) -> bytes:
        """See `Store`."""
        return self.store.read(self._key(key))

    def write_once(self, key: str, data: bytes) -> None:
        """See `Store`."""
        self.store.write_once(self._key(key), data)

    def overwrite(self, key: str, data: bytes) -> None:
        """See `Store`."""
        self.store.overwrite(self._key(key), data)

    def digest(self, key: str) -> str:
        """See `Store`."""
        return self.store.digest(self._key(key))

    def list(self, prefix: str = "") -> list[str]:
        """See `Store`."""
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str = "") -> list[Entry]:
        """See `Store`."""
        return self.store.entries(self._key(prefix))

    def delete(self, prefix: str) -> None:
        """See `Store`."""
        self.store.delete(self._key(prefix))

    def remove(self, keys: list[str]) -> None:
        """See `Store`."""
        self.store.remove([self._key(key) for key in keys])

    def _key(self, key: str) -> str:
        return key


class _Inside(Around):
    """The part of any store below one folder."""

    def __init__(self, store: Store, name: str):
        super().__init__(store)
        self.name = name.strip("/")

    def __repr__(self) -> str:
        return f"inside({self.store!r}, {self.name!r})"

    def entries(self, prefix: str = "") -> list[Entry]:
        shorter = len(self.name) + 1
        return [Entry(entry.key[shorter:], entry.bytes, entry.changed) for entry in super().entries(prefix)]

    def _key(self, key: str) -> str:
        return f"{self.name}/{key}" if key else self.name


def inside(store: Store, name: str) -> Store:
    """Return the part of a store below the folder `name`; the empty name gives the store itself."""
    return _Inside(store, name) if name.strip("/") else store


def key_parts(key: str) -> tuple[str, ...]:
    """Return the folders and the name of a key.

    Raises:
        ValueError: the key is empty or leads out of its store.
    """
    parts = PurePosixPath(key).parts
    if not parts or ".." in parts or PurePosixPath(key).is_absolute():
        raise ValueError(f"a key is a relative path without '..', but got {key!r}")
    return parts


def is_plain(key: str) -> bool:
    """Whether an object of this name in a bucket can be reached by a key of ours: a path with no empty part or dots."""
    whole = f"/{key}/"
    return not any(part in whole for part in ("//", "/./", "/../"))


def manifests_and_others(keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part keys into what is to be deleted first and what may go then, so that no interruption leaves half a stage."""
    manifests, others = [], []
    for key in keys:
        (manifests if PurePosixPath(key).name == MANIFEST else others).append(key)
    return manifests, others
