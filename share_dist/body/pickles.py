"""Pickles read as data: plain values and records of what is named; nothing is imported, and nothing is ever called."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from share_dist.body.pickle_names import Name, is_allowed, record
from share_dist.body.pickle_steps import MOST_ITEM_BYTES, STEPS
from share_dist.errors import UnsafePickle

MOST_STEPS = 500_000
"""An official file has a few thousand; each makes at most a hundred bytes of objects."""

_PIECE = 1 << 20
_MOST_LINE = 300


def read_pickle(file: io.BufferedIOBase, path: Path) -> Any:
    """Read one pickle of any protocol, Python 2's too, without running anything that it asks for.

    Dictionaries keep the items whose keys are strings; what Python 2 called `str` comes as bytes.

    Args:
        file: open where the pickle begins.
        path: the file, for messages.

    Raises:
        UnsafePickle: it names something that a body file does not need.
        ValueError, EOFError, LookupError, struct.error: it is no pickle, a damaged one, or larger than a body file.
    """
    return Machine(file, path).run()


class Machine:
    """The stack machine that a pickle is written for, with records in place of objects."""

    def __init__(self, file: io.BufferedIOBase, path: Path) -> None:
        self.file, self.path = file, path
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Take steps until the pickle says that it ends, and return what it left."""
        for _ in range(MOST_STEPS):
            code = self.take(1)
            if code == b".":
                return self.stack.pop()
            if code not in STEPS:
                raise ValueError(f"byte {code!r} is no part of a pickle of arrays")
            STEPS[code](self)
        raise ValueError(f"it goes on after {MOST_STEPS:,} steps")

    def take(self, count: int) -> bytes | bytearray:
        """Return the next bytes of the file; many of them in pieces, for a zip member unpacks a piece at a time."""
        if not 0 <= count <= MOST_ITEM_BYTES:
            raise ValueError(f"an item of {count:,} bytes")
        if count <= _PIECE:
            taken = self.file.read(count)
        else:
            taken = bytearray(count)
            view, at = memoryview(taken), 0
            while at < count and (got := self.file.readinto(view[at : at + _PIECE])):
                at += got
            view.release()
            del taken[at:]
        if len(taken) < count:
            raise EOFError("the file ends in the middle")
        return taken

    def unpack(self, layout: struct.Struct) -> Any:
        """Return the next number of the file."""
        return layout.unpack(self.take(layout.size))[0]

    def line(self) -> bytes:
        """Return the next short line, without its end."""
        return self.long_line(_MOST_LINE)[:-1]

    def long_line(self, most: int = MOST_ITEM_BYTES) -> bytes:
        """Return the next line with its end."""
        found = self.file.readline(most + 1)
        if not found.endswith(b"\n"):
            raise EOFError("the file ends in the middle" if len(found) <= most else f"a line of over {most:,} bytes")
        if found.endswith(b"\r\n"):
            raise ValueError("its line ends were changed as if it were a text, by git's autocrlf or a transfer as text")
        return found

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        """Take all that was put on the stack since the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def name(self, module: Any, name: Any) -> None:
        """Push a name that a body file needs, or refuse."""
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("a class whose name is no text")
        if not is_allowed(named := Name(module, name)):
            raise UnsafePickle(
                f"{self.path} asks for {named}, which is not a class that a body file needs.\n"
                "  Allowed: numpy arrays, scipy.sparse matrices, chumpy arrays. Loading others can run hidden code.\n"
                "  Get the file from the SMPL site again, or save its arrays as .npz with numpy.savez."
            )
        self.push(named)

    def make(self, by: Any, args: Any) -> None:
        """Push a record of what a call would have made."""
        self.push(record(by, args))
