"""Compiled kernels are kept on disk by what they are made of: once for all copies of a file, anew when it changes."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from numba.core.caching import UserProvidedCacheLocator


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
        if not py_func.__module__.startswith("share_dist."):
            return None
        # Past the parent, which wants NUMBA_CACHE_DIR to be given.
        return super(UserProvidedCacheLocator, cls).from_function(py_func, py_file)

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """A folder's name that is the same for the same file, wherever it lies."""
        return f"{Path(py_file).stem}-{hashlib.sha256(Path(py_file).read_bytes()).hexdigest()[:16]}"


def _kept_in() -> Path:
    """NUMBA_CACHE_DIR, Python's own folder if we may write there, or the user's cache."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    ours = Path(sys.prefix, "share", "share_dist", "kernels")
    try:
        ours.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path.home() / ".cache" / "share_dist" / "kernels"
    return ours
