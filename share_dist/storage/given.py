"""Files that people give: regular ones, of bounded size, and text in whatever Unicode encoding an editor wrote."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

from share_dist import errors

MOST_BYTES = 1 << 30
"""The largest published network is 0.7 GB and the largest SMPL file 0.3 GB; what is larger is another file."""

MOST_TEXT_BYTES = 64 << 20
"""The largest text that is read whole: settings, search spaces, cluster files."""

_KINDS = {
    stat.S_IFIFO: "a named pipe, which may never end",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_given(path: Path | str, most_bytes: int | None = None) -> io.BufferedReader:
    """Open a file that somebody named, without ever waiting for a pipe's other end.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as `open`.
        errors.DamagedFile: it is a pipe, a socket or a device, or larger than any file of its kind.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind in _KINDS:
        os.close(handle)
        raise errors.DamagedFile(
            f"{path} is {_KINDS[kind]}, but a regular file is needed.\n"
            "  Write what it gives into a file, and name that one."
        )
    # A folder is refused here, by Python's own error.
    file = open(handle, "rb")  # noqa: SIM115
    size = os.fstat(handle).st_size
    if most_bytes is not None and size > most_bytes:
        file.close()
        raise too_large(path, size, most_bytes)
    return file


def read_given(path: Path | str, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file that somebody named, read only when there are not too many.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as `open`.
        errors.DamagedFile: it is a pipe, a socket or a device, or larger than any file of its kind.
    """
    with open_given(path, most_bytes) as file:
        return file.read()


def home_expanded(place: Path | str) -> Path:
    """Return a path with `~` expanded, as a shell does it.

    Raises:
        errors.BadSetting: there is no such user, or this one has no home.
    """
    found = os.path.expanduser(place)
    if str(found).startswith("~"):
        user = str(place).partition("/")[0].removeprefix("~")
        why = f"there is no user '{user}' here" if user else "HOME is not set, and this account has no other home"
        raise errors.BadSetting(
            f"{place} names no folder: {why}.\n  Give the full path, or ./{place} for a folder of that name."
        )
    return Path(found)


def too_large(name: Path | str, size: int, most_bytes: int) -> errors.DamagedFile:
    """Return the error for a file that is larger than any of its kind."""
    return errors.DamagedFile(
        f"{name} has {size:,} bytes, but no file of its kind has more than {most_bytes:,}.\n"
        "  Name the right file, or copy it again."
    )


def given_text(content: bytes, name: Path | str) -> str:
    """Decode a text in UTF-8, UTF-16 or UTF-32, with a byte order mark or without.

    Args:
        content: the file's bytes.
        name: the file, for the message.

    Raises:
        errors.DamagedFile: the bytes are no text.
    """
    try:
        return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise errors.DamagedFile(
            f"{name} is not text in UTF-8 or UTF-16 ({error.reason} at byte {error.start}).\n"
            "  Save it as UTF-8, or name the right file."
        ) from error


def read_given_text(path: Path | str) -> str:
    """Return the text of a file that somebody named; see `read_given` and `given_text`."""
    return given_text(read_given(path, MOST_TEXT_BYTES), path)
