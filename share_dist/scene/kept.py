"""Large pictures kept reduced, on disk for every process and start, and small ones in memory."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import struct
import tempfile
import threading
import time
import uuid
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from share_dist.errors import BadBackgrounds, DamagedFile
from share_dist.scene.decoding import decoded
from share_dist.scene.reading import NotShown
from share_dist.storage import open_given

MOST_FILE_BYTES = 400 << 20
"""64 megapixels of three times 16 bits, unpacked; what stands in a PNG beside them is read whole, and twice."""

LARGE_PIXELS = 1_500_000
"""Decoding takes longer from here on than reading what was kept: a hundredth of a second."""

_HELD_BYTES = 128 << 20
"""Decoded pictures that one process holds in memory: a hundred of 640 × 480."""

_MOST_KEPT_BYTES = 8 << 30
"""Four thousand photos."""

_FREE_FRACTION, _FREE_BYTES = 0.1, 8 << 30
"""A tenth of the disk is left to others, of a large one this much."""

_UNUSED_S = 86_400.0
"""What was used since yesterday does not go when others come, or a folder too large would push out itself."""

_HEAD = struct.Struct("<4sII")
_MAGIC = b"SDP2"
_one_writer = threading.Lock()


def kept_in() -> Path | None:
    """Return the folder of this user's kept pictures: in the cache, or where temporary files go; None if in neither."""
    return next((folder for folder in _places() if _is_ours(folder)), None)


def _places() -> list[Path]:
    places = []
    with suppress(RuntimeError):  # a user without a home
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        places.append((given if given.is_absolute() else Path.home() / ".cache") / "share_dist" / "pictures")
    with suppress(OSError):  # no folder for temporary files
        places.append(Path(tempfile.gettempdir(), f"share_dist-pictures-{os.geteuid()}"))
    return places


@functools.lru_cache(maxsize=8)
def _is_ours(folder: Path) -> bool:
    """Make a folder that nobody else may write, and return whether it is one; somebody else may have been first."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and os.access(folder, os.W_OK)
    except OSError:
        return False


class Checked(NamedTuple):
    """What is known of a file that can be shown: its sha256, and whether it is worth keeping reduced."""

    sha256: str
    large: bool


def check_picture(path: Path) -> Checked:
    """Decode a file to its last pixel, and keep it reduced if it is large.

    Raises:
        NotShown: it cannot be shown.
        OSError, errors.DamagedFile: it cannot be opened.
    """
    with open_given(path) as file:
        sha256 = _hashed(file)
        if is_kept(sha256):
            return Checked(sha256, True)
        picture, pixels = decoded(file)
    if pixels >= LARGE_PIXELS:
        _keep(sha256, picture)
    return Checked(sha256, pixels >= LARGE_PIXELS)


def open_picture(path: str, sha256: str = "") -> Image.Image:
    """Return a user's picture in RGB or RGBX, from memory, from the disk's cache, or decoded now.

    Args:
        path: the file.
        sha256: of its bytes; without it nothing is kept on disk.

    Raises:
        errors.BadBackgrounds: it was fine when the plan was made and cannot be read now, or is another file.
    """
    name = sha256 or path
    picture = _held.get(name) or (_kept(sha256) if sha256 else None)
    if picture is not None:
        return picture
    try:
        with open_given(path) as file:
            if sha256 and _hashed(file) != sha256:
                raise NotShown("is another file than when the plan was made")
            picture, pixels = decoded(file)
    except (OSError, NotShown, DamagedFile) as error:
        what = f"it {error}" if isinstance(error, NotShown) else error
        raise BadBackgrounds(
            f"The background picture {path} cannot be read here: {what}.\n"
            "  Every node must see scene.background_folder under the same path, with the same files."
        ) from error
    if not (sha256 and pixels >= LARGE_PIXELS and _keep(sha256, picture)):
        _held.put(name, picture)
    return picture


def is_kept(sha256: str) -> bool:
    """Whether a picture is kept reduced; if so, it counts as used now."""
    folder = kept_in()
    with suppress(OSError):
        if folder is not None:
            os.utime(folder / sha256)
            return True
    return False


def _hashed(file: BinaryIO) -> str:
    size = os.fstat(file.fileno()).st_size
    if size > MOST_FILE_BYTES:
        raise NotShown(f"has {size:,} bytes, but no picture has more than {MOST_FILE_BYTES:,}")
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _kept(sha256: str) -> Image.Image | None:
    folder = kept_in()
    if folder is None:
        return None
    try:
        content = (folder / sha256).read_bytes()
        magic, width, height = _HEAD.unpack_from(content)
    except (OSError, struct.error):
        return None
    if magic != _MAGIC or len(content) != _HEAD.size + 4 * width * height:
        return None
    # Not copied: the picture reads what was just read.
    pixels = np.frombuffer(content, np.uint8, offset=_HEAD.size)
    return Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)


def _keep(sha256: str, picture: Image.Image) -> bool:
    """Write a reduced picture as it lies in memory, and return whether there was room for it."""
    folder, size = kept_in(), _HEAD.size + 4 * picture.width * picture.height
    if folder is None:
        return False
    temporary = folder / f".{sha256}.{uuid.uuid4().hex[:12]}"
    content = _HEAD.pack(_MAGIC, *picture.size) + picture.convert("RGBX").tobytes()
    try:
        with _one_writer:
            if not _make_room(folder, size):
                return False
            temporary.write_bytes(content)
            os.replace(temporary, folder / sha256)
        return True
    except OSError:
        return False
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _make_room(folder: Path, size: int) -> bool:
    """Delete what was longest unused until `size` more bytes fit; return whether they do."""
    disk = shutil.disk_usage(folder)
    if disk.free - size < min(_FREE_FRACTION * disk.total, _FREE_BYTES):
        return False
    found = []
    for entry in os.scandir(folder):
        with suppress(OSError):  # another process may have deleted it
            found.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    over = sum(bytes_ for _, bytes_, _ in found) + size - _MOST_KEPT_BYTES
    for used, bytes_, path in sorted(found):
        if over <= 0 or time.time() - used < _UNUSED_S:
            break
        Path(path).unlink(missing_ok=True)
        over -= bytes_
    return over <= 0


class _Held:
    """Decoded pictures in memory, the least recently used ones let go; safe in threads."""

    def __init__(self) -> None:
        self.pictures: OrderedDict[str, Image.Image] = OrderedDict()
        self.bytes, self.lock = 0, threading.Lock()

    def get(self, name: str) -> Image.Image | None:
        with self.lock:
            if name in self.pictures:
                self.pictures.move_to_end(name)
            return self.pictures.get(name)

    def put(self, name: str, picture: Image.Image) -> None:
        with self.lock:
            if name in self.pictures:
                return
            self.pictures[name] = picture
            self.bytes += _memory(picture)
            while self.bytes > _HELD_BYTES and len(self.pictures) > 1:
                self.bytes -= _memory(self.pictures.popitem(last=False)[1])


def _memory(picture: Image.Image) -> int:
    return 4 * picture.width * picture.height


_held = _Held()
