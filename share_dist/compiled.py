"""Compiled kernels kept on disk are made anew when any file that they are made of changes."""

from __future__ import annotations

import hashlib
from pathlib import Path


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
