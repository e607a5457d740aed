"""What a file is by its first bytes, when it is not what it should be: a failed download, another format."""

from __future__ import annotations

import json
import re

HEAD_BYTES = 4096
"""How much of a file's beginning `other_kind` wants to see."""

_STARTS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras and MATLAB write it"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard; unpack it first"),
    (b"BZh", "compressed by bzip2; unpack it first"),
    (b"\xfd7zXZ\x00", "compressed by xz; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it, and name what is in it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it, and name what is in it"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_PAGES = re.compile(r"<(!doctype html|html|head|body|script|meta|title)\b", re.IGNORECASE)
_POINTERS = ("version https://git-lfs", "version http://git-media", "version https://hawser")


def other_kind(head: bytes) -> str | None:
    """Say what a file is that was named in place of another one, from its first bytes; None where nothing is known.

    Args:
        head: the file's first bytes, HEAD_BYTES of them or all there are.

    Returns:
        Words that follow "is", such as "a web page, as a site sends it in place of a file when nobody is logged in".
    """
    if not head:
        return "empty"
    if not head.strip(b"\0"):
        return "nothing but zero bytes, as an interrupted download leaves them"
    text = text_of(head)
    if _PAGES.match(text):
        return "a web page, as a site sends it in place of a file when nobody is logged in"
    if text.startswith("<?xml"):
        return "an XML text, as a bucket sends it in place of a file that it refuses"
    if text.startswith(_POINTERS):
        return "a Git LFS pointer, not the file itself; run `git lfs pull` where it lies"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(head)
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it, and name what is in it"
    return next((kind for start, kind in _STARTS if head.startswith(start)), None)


def text_of(head: bytes) -> str:
    """Return a beginning as text, in its Unicode encoding, without blanks and comments before the first word.

    What is no text comes with U+FFFD in it.
    """
    text = head.decode(json.detect_encoding(head), "replace").lstrip("\ufeff \t\r\n\f\v")
    while text.startswith("<!--") and "-->" in text:
        text = text.partition("-->")[2].lstrip()
    return text


def _zip_kind(head: bytes) -> str:
    # The first member's name stands at byte 30; PyTorch writes NAME/data.pkl first, NumPy NAME.npy.
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if name.endswith(b"data.pkl"):
        return "a PyTorch file"
    return "a NumPy .npz archive" if name.endswith(b".npy") else "a zip archive; unpack it, and name what is in it"
