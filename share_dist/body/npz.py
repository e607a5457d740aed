"""NumPy's files as people give them, .npz and .npy: sizes are checked before anything is unpacked."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from share_dist.body.recorded import require_size

MAGIC = b"\x93NUMPY"
_PIECE = 1 << 18
_MOST_AT_ONCE = 2 << 20
# One class of characters for the sizes: a pattern of optional parts would try all ways to divide a long number.
_HEADER = re.compile(r"\{'descr': *'([<>|=]?\w+)', *'fortran_order': *(True|False), *'shape': *\(([\d, L]*)\),? *\}\s*")


class Bounded(io.BufferedReader):
    """A file of which nobody reads more at once than an archive of arrays needs: its list of members is not endless."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes, or raise ValueError."""
        if size is None or size > _MOST_AT_ONCE:
            raise ValueError(f"an archive whose list of members has {size:,} bytes")
        return super().read(size)


class NpzArrays(Mapping[str, Any]):
    """Those arrays of an .npz archive that are wanted and there; each is read when it is asked for.

    A member that NumPy pickled comes as `read_pickle` leaves it. To ask for one raises what `read_npy` raises, and
    zipfile's own errors.

    Args:
        file: the archive.
        wanted: names of arrays.
        path: the file, for messages.
        most_bytes: of all that is unpacked.

    Raises:
        ValueError, zipfile.BadZipFile and others: it is damaged, or larger than what is wanted can be.
    """

    def __init__(self, file: Bounded, wanted: Iterable[str], path: Path, most_bytes: int) -> None:
        self.path = path
        self.archive = zipfile.ZipFile(file)
        there = self.archive.NameToInfo
        self.members = {name: there[f"{name}.npy"] for name in wanted if f"{name}.npy" in there}
        if (size := sum(member.file_size for member in self.members.values())) > most_bytes:
            raise ValueError(f"{size:,} bytes of arrays, but no body file has more than {most_bytes:,}")

    def __getitem__(self, name: str) -> Any:
        member = self.members[name]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("an array that is compressed in a way that NumPy never writes")
        with self.archive.open(member) as content:
            return read_npy(content, self.path)

    def __contains__(self, name: object) -> bool:
        return name in self.members  # what a Mapping does of itself reads the array

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def read_npy(file: Any, path: Path) -> Any:
    """Read one array in NumPy's own format, of numbers or of pickled objects.

    Raises:
        UnsafePickle: it is pickled, and names something that a body file does not need.
        ValueError, TypeError, EOFError: it is damaged, or not plain numbers, or larger than an array of a body.
    """
    code, fortran, shape = _header(file)
    if code == "|O":
        from share_dist.body.pickles import read_pickle  # few files need it, and every process would pay for it

        return read_pickle(file, path)
    count = require_size(code, shape)
    content = np.empty(count, code)
    view, at = content.view(np.uint8).data, 0
    while at < len(view):
        if not (got := file.readinto(view[at : at + _PIECE])):
            raise EOFError("the file ends in the middle")
        at += got
    return content.reshape(shape, order="F" if fortran else "C")


def _header(file: Any) -> tuple[str, bool, tuple[int, ...]]:
    """Type, order and shape; Python 2 wrote whole numbers as 6890L."""
    start = file.read(8)
    if start[:6] != MAGIC or len(start) < 8 or start[6] not in (1, 2):
        raise ValueError("a member that is not in NumPy's format")
    length = int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")
    if length > 10_000:
        raise ValueError(f"a header of {length:,} bytes")
    header = file.read(length).decode("latin1")
    if not (found := _HEADER.fullmatch(header)):
        raise TypeError(f"an array of {header[:120]!a}")
    code, fortran, sides = found.groups()
    return code, fortran == "True", tuple(int(side.strip(" L")) for side in sides.split(",") if side.strip())
