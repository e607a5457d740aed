"""Safetensors files: their header is compared with their size before anything is allocated.

A file is eight bytes with the header's length, the header as JSON, which gives each weight's name, type, shape and
place, and the weights one after the other.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from share_dist.errors import DamagedFile

MOST_HEADER_BYTES = 16_000_000
"""Read as JSON they take sixteen times as much memory. Our headers have some thousand bytes; the format allows 100
million, which would take 1.6 GB."""

_FLOAT32_BYTES = 4
_MOST_DIMENSIONS = 16


class Container(NamedTuple):
    """What a whole safetensors file of float32 weights holds.

    Attributes:
        weights: by name.
        metadata: what stands beside them, text by name.
        content: the file's bytes.
        places: where each weight's bytes begin and end in them.
    """

    weights: dict[str, Tensor]
    metadata: dict[str, str]
    content: bytes
    places: dict[str, tuple[int, int]]


def read_metadata(content: bytes, name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what a safetensors file says of itself, and of each weight.

    Raises:
        DamagedFile: it has no whole header.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= len(content) - 8:
        raise _unreadable(name, f"its header should have {length:,} bytes, but the file has {len(content):,}")
    if length > MOST_HEADER_BYTES:
        raise _unreadable(name, f"its header has {length:,} bytes, but no checkpoint's has over {MOST_HEADER_BYTES:,}")
    try:
        header = json.loads(content[8 : 8 + length], object_pairs_hook=_once_each)
        metadata = header.pop("__metadata__", None) or {}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise TypeError("its metadata are not all text")
    except (ValueError, TypeError, AttributeError, RecursionError) as problem:
        raise _unreadable(name, f"its header is not that of a safetensors file ({problem})") from problem
    return metadata, header


def read_container(content: bytes, name: str) -> Container:
    """Read a safetensors file of float32 weights.

    Args:
        content: the file's bytes.
        name: the file, for the message.

    Raises:
        DamagedFile: it is not whole, or a weight is not of float32 or its shape not that of its bytes.
    """
    metadata, header = read_metadata(content, name)
    begin = 8 + int.from_bytes(content[:8], "little")
    places = {weight: _place(weight, said, begin, len(content), name) for weight, said in header.items()}
    try:
        return Container(load(content), metadata, content, places)
    except (SafetensorError, ValueError) as problem:
        raise _unreadable(name, str(problem)) from problem


def weights_hash(settings: Mapping[str, Any], file: Container) -> str:
    """Return what `model_hash` says of a network with these settings and a file's weights, from its bytes alone."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    content = memoryview(file.content)
    for name, (start, end) in sorted(file.places.items()):
        digest.update(name.encode())
        digest.update(content[start:end])
    return digest.hexdigest()


def _place(weight: str, said: Any, begin: int, size: int, name: str) -> tuple[int, int]:
    """Return where a weight's bytes lie, having looked that they are as many as its shape wants."""
    kind, shape, start, end = "", (), 0, 0
    try:
        kind, shape, (start, end) = said["dtype"], said["shape"], said["data_offsets"]
        whole = len(shape) <= _MOST_DIMENSIONS and all(type(number) is int for number in (*shape, start, end))
        known = isinstance(kind, str) and whole and all(0 <= number < 2**63 for number in (*shape, start, end))
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise _unreadable(name, f"its header does not say what {weight} is")
    wanted = math.prod(shape) * _FLOAT32_BYTES
    if kind != "F32":
        raise DamagedFile(
            f"{name} holds {weight} as {kind}, but the weights of share_dist's networks are float32 (F32)."
            "\n  Give the file as it was written; converted to another type, a network answers otherwise."
        )
    if end - start != wanted or begin + end > size:
        raise DamagedFile(
            f"{name} cannot be read: it says that {weight} has the shape {shape}, which takes {wanted:,} bytes, but it "
            f"holds {max(min(end, size - begin) - start, 0):,} of it."
            "\n  Copy it again, or set --model.checkpoint to another file."
        )
    return begin + start, begin + end


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _unreadable(name: str, why: str) -> DamagedFile:
    return DamagedFile(
        f"{name} cannot be read: {why}."
        "\n  Looked for: a whole safetensors file."
        "\n  Copy it again, or set --model.checkpoint to another file."
    )
