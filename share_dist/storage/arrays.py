"""Arrays that we wrote, read back: nothing in the file runs, and it unpacks to no more than it may."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from share_dist import errors
from share_dist.storage.stores import Store

if TYPE_CHECKING:
    import numpy as np


def plain_arrays(data: bytes, most_bytes: int | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz archive.

    Args:
        data: the archive.
        most_bytes: of all that is unpacked; None where nothing is compressed, so that it has no more than the file.

    Raises:
        ValueError: it is damaged or larger, or holds other things than numbers and words.
    """
    import numpy as np  # who only lists a store would wait for it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > (len(data) if most_bytes is None else most_bytes):
            raise ValueError(f"compressed arrays, which expand to {size:,} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except ValueError:
        raise
    # zipfile and the parser of NumPy's headers raise almost anything on damaged bytes.
    except Exception as error:
        raise ValueError(f"no whole archive of arrays ({type(error).__name__}: {error})") from error
    # An item of no bytes costs nothing in the file, so there may be any number of them.
    empty = [name for name, array in found.items() if array.dtype.kind not in "biufcSU" or not array.dtype.itemsize]
    if empty:
        raise ValueError(f"{empty[0]} is of type {found[empty[0]].dtype}")
    return found


def read_arrays(store: Store, key: str, most_bytes: int | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a stage's file; see `plain_arrays`.

    Raises:
        errors.DamagedFile: it is damaged, larger, or holds something else.
    """
    try:
        return plain_arrays(store.read(key), most_bytes)
    except ValueError as error:
        if isinstance(error, errors.ShareDistError):
            raise
        raise errors.DamagedFile(
            f"{store.uri(key)} cannot be used: {error}.\n"
            "  Delete its folder and run the command that made it again: only that is made anew."
        ) from error
