"""A folder as a store: a temporary file, fsync, then a link that fails when the name is taken."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from share_dist import errors
from share_dist.storage.given import open_given
from share_dist.storage.stores import Entry, key_parts, manifests_and_others
from share_dist.storage.whole import is_temporary, refuse_links, sync_folder, temporary_file, write_whole

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}


@contextmanager
def writing(where: Path | str) -> Iterator[None]:
    """Turn a full disk or a refused write under `where` into the error that says what to do.

    Raises:
        errors.StorageFull: the disk or the quota is exhausted.
        errors.NotWritable: permissions, a read-only file system, a file where a folder should be.
    """
    try:
        yield
    except errors.ShareDistError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise _full(where, error) from error
        if error.errno in _REFUSED or isinstance(error, FileExistsError):
            raise not_writable(where, error) from error
        raise
    except Exception as error:
        # safetensors and other Rust libraries report a full disk in words only.
        if "os error 28" in str(error) or "No space left" in str(error):
            raise _full(where, error) from error
        raise


def not_writable(where: Path | str, error: OSError) -> errors.NotWritable:
    """Return the error for a place that takes no files."""
    return errors.NotWritable(
        f"cannot write {where}: {error.strerror or error}.\n  Give --out a folder that you may write to."
    )


def _full(where: Path | str, error: Exception) -> errors.StorageFull:
    existing = next((parent for parent in [Path(where), *Path(where).parents] if parent.exists()), Path("/"))
    free_mb = shutil.disk_usage(existing).free / 1e6
    return errors.StorageFull(
        f"the disk of {platform.node()} is full: writing {where} failed with {free_mb:,.1f} MB free ({error}).\n"
        "  Everything finished so far is kept. Free some space and run the same command again: it goes on from there."
    )


class FolderStore:
    """A folder as a store; see `Store`."""

    def __init__(self, root: Path | str):
        self.root = Path(root).absolute()

    def __repr__(self) -> str:
        return f"FolderStore({str(self.root)!r})"

    def uri(self, key: str = "") -> str:
        """Return the absolute path of a key as text."""
        return str(self._path(key)) if key else str(self.root)

    def exists(self, key: str) -> bool:
        """Whether the object is there, complete."""
        with _reading(self._path(key)):
            return self._path(key).is_file()

    def read(self, key: str) -> bytes:
        """Return the object's bytes; FileNotFoundError when there is none."""
        with _reading(self._path(key)):
            return _content(self._path(key))

    def write_once(self, key: str, data: bytes) -> None:
        """Store the bytes unless they are there already; refuse to change them (errors.OtherRun)."""
        path = self._to_write(key)
        with writing(path):
            if path.is_symlink():
                write_whole(path, data)
            elif not path.is_file():
                with temporary_file(path, data) as temporary:
                    _link(temporary, path)
            if _content(path) != data:
                raise other_bytes(str(path))

    def overwrite(self, key: str, data: bytes) -> None:
        """Store the bytes whatever was there, in one step."""
        path = self._to_write(key)
        with writing(path):
            write_whole(path, data)

    def digest(self, key: str) -> str:
        """Return the SHA-256 of the object's bytes."""
        with _reading(self._path(key)), open_given(self._path(key)) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]  # it reads into

    def list(self, prefix: str = "") -> list[str]:
        """Return the sorted keys of all objects in the folder `prefix`, at any depth."""
        return sorted(path.relative_to(self.root).as_posix() for path in self._files(prefix))

    def entries(self, prefix: str = "") -> list[Entry]:
        """Return what `list` does, with sizes and times."""
        found = []
        for key in self.list(prefix):
            # A run that is listed may be at work, and delete an old checkpoint meanwhile.
            with suppress(FileNotFoundError):
                status = self._path(key).stat()
                found.append(Entry(key, status.st_size, status.st_mtime))
        return found

    def delete(self, prefix: str) -> None:
        """Delete the folder `prefix`, manifests first."""
        top = self._to_write(prefix)
        refuse_links(self.root, top)
        with writing(top):
            for key in manifests_and_others(self.list(prefix))[0]:
                self._path(key).unlink(missing_ok=True)
            # With the other objects go files that were being written when their process died.
            shutil.rmtree(top, ignore_errors=True)

    def remove(self, keys: list[str]) -> None:
        """Delete single objects; those that are gone already are no error."""
        for key in keys:
            path = self._to_write(key)
            with writing(path):
                path.unlink(missing_ok=True)

    def _files(self, prefix: str) -> Iterator[Path]:
        top = self._path(prefix) if prefix else self.root
        return (path for path in top.rglob("*") if path.is_file() and not is_temporary(path.name))

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*key_parts(key))

    def _to_write(self, key: str) -> Path:
        path = self._path(key)
        refuse_links(self.root, path.parent)
        return path


def _content(path: Path) -> bytes:
    with open_given(path) as file:
        return file.read()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Call what cannot be read damaged: a folder, a link in a circle, what this user may not see, a broken disk."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise errors.DamagedFile(
            f"{path} cannot be read ({error.strerror or error}).\n"
            "  Put a whole copy of the file there that you may read, or delete it and run the same command again."
        ) from error


def other_bytes(address: str) -> errors.OtherRun:
    """Return the error of a write that would change what is stored."""
    return errors.OtherRun(
        f"{address} already holds other bytes, and what is stored is never changed.\n"
        "  Choose another --out, or delete that file's folder to have it made again."
    )


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
    sync_folder(path.parent)
