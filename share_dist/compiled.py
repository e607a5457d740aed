"""Compiled kernels are kept on disk by what they are made of: once for all copies of a file, anew when it changes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numba.core import caching
from numba.core.caching import UserProvidedCacheLocator

_log = logging.getLogger(__name__)
_NOWHERE = Path(os.devnull, "kernels")
"""Where nothing can be written: then kernels are compiled by every process."""

_DAMAGE = (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, IndexError, ValueError)
"""What a cut or foreign file raises, as the documentation of pickle says, and what a disk does."""


def source_stamp(file: str, *beside: str) -> int:
    """Return a number that changes with the content of some files.

    Numba takes a kernel from its cache until the kernel's own file changes, although functions and constants of other
    files are compiled into it. Such a kernel has the stamp of those files as the default of a last argument that
    nobody gives: a default is part of the signature by which numba looks for a kernel in its cache.

    Args:
        file: the kernel's own, which numba watches.
        beside: names of the others, in the same folder.
    """
    content = b"".join((Path(file).parent / name).read_bytes() for name in beside)
    return int.from_bytes(hashlib.sha256(content).digest()[:7])


class KernelsByContent(UserProvidedCacheLocator):
    """Where numba keeps the kernels of this package: beside Python, or in the user's cache, by their file's content.

    Numba keeps them beside the file. A job on a cluster runs from a new copy of the project each time, which would
    compile everything again on every node.
    """

    def __init__(self, py_func: Any, py_file: str) -> None:
        self._py_file, self._lineno = py_file, py_func.__code__.co_firstlineno
        self._cache_path = str(_kept_in() / self.get_suitable_cache_subpath(py_file))

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """Return the place of one kernel; None for other packages' functions, which numba keeps as it always does."""
        # Not by the parent, which wants NUMBA_CACHE_DIR to be given, and finds no place where nothing can be written.
        return cls(py_func, py_file) if py_func.__module__.startswith("share_dist.") else None

    def get_source_stamp(self) -> bytes:
        """The file's content; numba before 0.68 takes the time of its last change, which each copy has anew."""
        return hashlib.sha256(Path(self._py_file).read_bytes()).digest()

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """A folder's name that is the same for the same file, wherever it lies."""
        return f"{Path(py_file).stem}-{hashlib.sha256(Path(py_file).read_bytes()).hexdigest()[:16]}"


@functools.cache
def _kept_in() -> Path:
    """The first folder that we may write and that nobody else may: a stranger's kernel would run as our own code.

    NUMBA_CACHE_DIR, whosoever may write there; beside Python; the user's cache; a temporary folder of this user's own.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        folder = Path(os.path.expanduser(given))
        # Else a folder of the name ~somebody would be made in the one where one is.
        why = "there is no such user" if str(folder).startswith("~") else _unusable(folder, ours_alone=False)
        if why is None:
            return folder
        _log.warning("NUMBA_CACHE_DIR is %s, where compiled kernels cannot be kept: %s", given, why)
    lasting = [Path(sys.prefix), *_home()]
    for root, below in zip(lasting, ("share/share_dist/kernels", ".cache/share_dist/kernels"), strict=False):
        if _unusable(root / below) is None:
            return root / below
    return _temporary()


def _home() -> list[Path]:
    """The user's home, if it is this user's: HOME may be /tmp, or another's after `sudo`."""
    with contextlib.suppress(OSError, RuntimeError):
        home = Path.home()
        if home.is_absolute() and home.stat().st_uid == os.geteuid():
            return [home]
    return []


def _temporary() -> Path:
    """A folder under the temporary one, or none."""
    remedy = "Name a lasting folder of your own in NUMBA_CACHE_DIR."
    try:
        folder = Path(tempfile.gettempdir(), f"share_dist-kernels-{os.geteuid()}")
    except OSError as error:
        _log.warning("Kernels are compiled by every process anew, for no folder can be written: %s. %s", error, remedy)
        return _NOWHERE
    new = not folder.exists()
    why = _unusable(folder)
    if why is not None:
        _log.warning("Kernels are compiled by every process anew, for %s cannot be used: %s. %s", folder, why, remedy)
        return _NOWHERE
    if new:
        _log.warning(
            "Compiled kernels are kept in %s, for neither Python's folder nor HOME can be written. %s", folder, remedy
        )
    return folder


def _unusable(folder: Path, ours_alone: bool = True) -> str | None:
    """Make a folder, and say why kernels cannot be kept there; None if they can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat(follow_symlinks=not ours_alone)
        if ours_alone and stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077:
            folder.chmod(0o700)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISDIR(found.st_mode):
        return "it is a link"
    return "it belongs to another user" if ours_alone and found.st_uid != os.geteuid() else None


@contextlib.contextmanager
def _without_cache_at_worst(self: Any) -> Iterator[None]:
    """Let a kernel be compiled where its cache is damaged, or cannot be written as on a full disk."""
    try:
        yield
    except _DAMAGE as error:
        if not str(self.cache_path).startswith(str(_NOWHERE)):
            _log.warning("A compiled kernel in %s is not used: %s", self.cache_path, error)
        if not isinstance(error, OSError):
            with contextlib.suppress(OSError):
                self.flush()


# Numba guards against errors of the disk on Windows only.
caching.Cache._guard_against_spurious_io_errors = _without_cache_at_worst
