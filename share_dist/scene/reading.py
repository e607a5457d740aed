"""A picture's file while Pillow reads it: what stands before the pixels is bounded, in bytes and in patience."""

from __future__ import annotations

from typing import IO, Any

_MOST_READS = 2_000_000
"""Some seconds of work: Pillow passes over comments and stray bytes one by one, and a file may be full of them."""

_MOST_OPENING_BYTES = 128 << 20
"""Some readers take the whole file in when they open it."""

_MOST_JPEG_HEAD_BYTES = 32 << 20
"""The parts of its EXIF data are put together one by one, each time with all before it copied."""

_MOST_FILL = 1 << 16
_PIECE = 1 << 20


class NotShown(ValueError):
    """Why a file cannot be shown, in words that follow the file's name."""


class Patient:
    """A file that gives up instead of being read without end.

    Args:
        file: at its beginning.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.reads = file, 0
        is_jpeg = file.read(2) == b"\xff\xd8"
        file.seek(0)
        self.left: float = _MOST_JPEG_HEAD_BYTES if is_jpeg else _MOST_OPENING_BYTES

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def opened(self) -> None:
        """Say that the pixels come now, whose number is known and bounded."""
        self.left = float("inf")

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes, or raise NotShown when there were too many, or too many readings."""
        self.reads += 1
        if 0 <= size <= self.left or self.left == float("inf"):
            found = self.file.read(size)
        else:
            found = self.file.read(int(self.left) + 1)
        self.left -= len(found)
        if self.left < 0 or self.reads > _MOST_READS:
            raise NotShown("cannot be read: it holds more beside its pixels than any picture")
        return found


def require_few_scans(file: IO[bytes], most_scans: int | None) -> None:
    """Refuse a JPEG that would be decoded for hours; the file stays where it is.

    Args:
        file: an open JPEG.
        most_scans: how many a progressive one may have; None for another, which is read once.

    Raises:
        NotShown: it has more scans, or nothing but fill bytes at a stretch, which the decoder reads again and again.
    """
    at, scans, fills = file.tell(), 0, False
    file.seek(0)
    while chunk := file.read(_PIECE):
        # Compressed data never holds these two bytes in a row.
        scans += chunk.count(b"\xff\xda") if most_scans else 0
        fills = fills or b"\xff" * _MOST_FILL in chunk
    file.seek(at)
    if fills:
        raise NotShown(f"is damaged: over {_MOST_FILL:,} bytes in it are only fill")
    if most_scans and scans > most_scans:
        raise NotShown(f"has {scans:,} scans, but a progressive JPEG has about ten")
