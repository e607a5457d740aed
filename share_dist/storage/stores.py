"""Where bytes are kept: the protocol, and a folder that fulfils it."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from share_dist import errors

TEMPORARY_SUFFIX = ".part"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR}


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

    def list(self, prefix: str = "") -> list[str]:
        """Return the sorted keys of all objects in the folder `prefix`, at any depth."""
        ...

    def local_path(self, key: str) -> Path:
        """Return a path on this machine for libraries that want a file; its folder exists."""
        ...


@contextmanager
def writing(where: Path | str) -> Iterator[None]:
    """Turn a full disk or a refused write under `where` into the error that says what to do.

    Raises:
        errors.StorageFull: the disk or the quota is exhausted.
        errors.NotWritable: permissions, a read-only file system, or a file where a folder should be.
    """
    try:
        yield
    except errors.ShareDistError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise _full(where, error) from error
        if error.errno in _REFUSED or isinstance(error, FileExistsError):
            raise errors.NotWritable(
                f"cannot write {where}: {error.strerror or error}.\n  Give --out a folder that you may write to."
            ) from error
        raise
    except Exception as error:
        # safetensors and other Rust libraries report a full disk in words only.
        if "os error 28" in str(error) or "No space left" in str(error):
            raise _full(where, error) from error
        raise


def _full(where: Path | str, error: Exception) -> errors.StorageFull:
    existing = next((parent for parent in [Path(where), *Path(where).parents] if parent.exists()), Path("/"))
    free_mb = shutil.disk_usage(existing).free / 1e6
    return errors.StorageFull(
        f"the disk is full: writing {where} failed with {free_mb:,.1f} MB free ({error}).\n"
        "  Everything finished so far is kept. Free some space and run the same command again: it goes on from there."
    )


class FolderStore:
    """A folder as a store: a temporary file, fsync, then a link that fails when the name is taken."""

    def __init__(self, root: Path | str):
        self.root = Path(root).absolute()

    def __repr__(self) -> str:
        return f"FolderStore({str(self.root)!r})"

    def uri(self, key: str = "") -> str:
        """Return the absolute path of a key as text."""
        return str(self._path(key)) if key else str(self.root)

    def exists(self, key: str) -> bool:
        """Whether the object is there, complete."""
        return self._path(key).is_file()

    def read(self, key: str) -> bytes:
        """Return the object's bytes; FileNotFoundError when there is none."""
        return self._path(key).read_bytes()

    def write_once(self, key: str, data: bytes) -> None:
        """Store the bytes unless they are there already; refuse to change them (errors.OtherRun)."""
        path = self._path(key)
        with writing(path):
            if not path.is_file():
                with self._temporary(path, data) as temporary:
                    _link(temporary, path)
            if path.read_bytes() != data:
                raise errors.OtherRun(
                    f"{path} already holds other bytes, and what is stored is never changed.\n"
                    "  Choose another --out, or delete that file's folder to have it made again."
                )

    def overwrite(self, key: str, data: bytes) -> None:
        """Store the bytes whatever was there, in one step."""
        path = self._path(key)
        with writing(path), self._temporary(path, data) as temporary:
            os.replace(temporary, path)
            _fsync_folder(path.parent)

    def list(self, prefix: str = "") -> list[str]:
        """Return the sorted keys of all objects in the folder `prefix`, at any depth."""
        top = self._path(prefix) if prefix else self.root
        files = (path for path in top.rglob("*") if path.is_file() and not is_temporary(path.name))
        return sorted(path.relative_to(self.root).as_posix() for path in files)

    def local_path(self, key: str) -> Path:
        """Return the path of a key, its folder made; for libraries that want a file."""
        path = self._path(key)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or ".." in parts or PurePosixPath(key).is_absolute():
            raise ValueError(f"a key is a relative path without '..', but got {key!r}")
        return self.root.joinpath(*parts)

    @contextmanager
    def _temporary(self, path: Path, data: bytes) -> Iterator[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:12]}{TEMPORARY_SUFFIX}"
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file name is one of ours that was being written when its process died."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)


def _link(temporary: Path, path: Path) -> None:
    """Give the finished file its name, without ever replacing another writer's."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return  # another writer was first; the caller compares the bytes
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        os.replace(temporary, path)  # file systems without hard links, such as exFAT
    _fsync_folder(path.parent)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Inside:
    """The part of any store below one folder."""

    def __init__(self, store: Store, name: str):
        self.store, self.name = store, name.strip("/")

    def __repr__(self) -> str:
        return f"inside({self.store!r}, {self.name!r})"

    def uri(self, key: str = "") -> str:
        return self.store.uri(self._key(key))

    def exists(self, key: str) -> bool:
        return self.store.exists(self._key(key))

    def read(self, key: str) -> bytes:
        return self.store.read(self._key(key))

    def write_once(self, key: str, data: bytes) -> None:
        self.store.write_once(self._key(key), data)

    def overwrite(self, key: str, data: bytes) -> None:
        self.store.overwrite(self._key(key), data)

    def list(self, prefix: str = "") -> list[str]:
        return [key[len(self.name) + 1 :] for key in self.store.list(self._key(prefix))]

    def local_path(self, key: str) -> Path:
        return self.store.local_path(self._key(key))

    def _key(self, key: str) -> str:
        return f"{self.name}/{key}" if key else self.name


def inside(store: Store, name: str) -> Store:
    """Return the part of a store below the folder `name`; the empty name gives the store itself."""
    return _Inside(store, name) if name.strip("/") else store


def open_store(uri: str | Path) -> Store:
    """Return the store at a folder's path or ``file://`` address; nothing is created yet.

    Raises:
        errors.BadSetting: the address names a bucket or another scheme, which no store serves yet.
    """
    text = str(uri)
    if text.startswith("file://"):
        text = text[len("file://") :]
    # pathlib folds 's3://x' to 's3:/x', so look at one slash only.
    scheme, found, _ = text.partition(":/")
    if found and "/" not in scheme:
        raise errors.BadSetting(
            f"--out is {uri}, but {scheme}:// addresses are not supported yet; only folders are.\n"
            "  Give a folder, for example --out runs/demo; on a cluster, one that every node mounts."
        )
    return FolderStore(text)
