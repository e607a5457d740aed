"""Files written whole: under a fresh name that nobody could foresee, then renamed; no link is ever followed."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from share_dist import errors

TEMPORARY_SUFFIX = ".part"
_OURS = re.compile(r"\..+\.[0-9a-f]{12}\.part\Z|\.probe\.part\Z")
"""Temporary names that we have made, now and in earlier versions; not the lock of a run in a folder of this one, nor
somebody's half download."""
_NAME_BYTES = 200
"""Of the target's name in the temporary one's; file systems take 255 in all."""


def write_whole(path: Path | str, data: bytes | str) -> None:
    """Write a file in one step: a reader sees the old one or the whole new one, and a link at its place is replaced.

    Args:
        path: where to; its folder is there, or is made.
        data: the file's bytes, or its text, written as UTF-8.

    Raises:
        errors.NotWritable: the name is that of a folder, a pipe or a device.
        OSError: as the file system says; `writing` turns it into what to do.
    """
    path = Path(path)
    require_file_name(path)
    with temporary_file(path, data.encode() if isinstance(data, str) else data) as temporary:
        os.replace(temporary, path)
        sync_folder(path.parent)


def require_file_name(path: Path) -> None:
    """Refuse a name that a file cannot take the place of.

    Raises:
        errors.NotWritable: it is that of a folder, a pipe or a device.
    """
    if path.exists() and not path.is_file():
        raise errors.NotWritable(
            f"cannot write {path}: it is no regular file, and is not replaced by one.\n"
            "  Give the name of a file, there or new."
        )


@contextmanager
def temporary_file(path: Path, data: bytes) -> Iterator[Path]:
    """Hold the bytes in a finished file beside `path`, which is gone again afterwards unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name.encode()[:_NAME_BYTES].decode(errors="ignore")
    temporary = path.parent / f".{name}.{uuid.uuid4().hex[:12]}{TEMPORARY_SUFFIX}"
    # Made here or not at all: what has this name already, a link perhaps, is not opened.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk keep a folder's names."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_temporary(name: str) -> bool:
    """Whether a file name is one of ours that was being written when its process died."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)


def clear_dead(root: Path, before: float) -> None:
    """Delete what earlier drivers of a run were writing when they died.

    A writer that was cut off and comes back finds its file gone, and fails as one that was given up may.

    Args:
        root: the run's folder, which this process holds.
        before: what was last changed earlier belongs to nobody alive; seconds by the clock of that file system.
    """
    for folder, _, names in os.walk(root):
        for name in filter(_OURS.match, names):
            with suppress(OSError):
                path = Path(folder, name)
                if path.lstat().st_mtime < before:
                    path.unlink()


def refuse_links(root: Path, folder: Path) -> None:
    """Refuse to write below a link inside a run's folder, which would lead out of it; `root` itself may be one.

    Raises:
        errors.NotWritable: a folder between `root` and `folder` is a link.
    """
    for place in [folder, *folder.parents]:
        if place == root or root not in place.parents:
            return
        if place.is_symlink():
            raise errors.NotWritable(
                f"{place} is a link to {os.readlink(place)}, and nothing is written through a link inside --out.\n"
                "  Put the folder itself there, or give another --out; --out itself may be a link."
            )
