"""JSON that ends with its own hash: what has changed since is damage, and never taken for other values.

For what lies outside every stage: it is written again and again, or before any work, so that no manifest can vouch for
it at all times. The hash travels in the file itself, because two files cannot be written in one step. Files of earlier
versions have none, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from share_dist import errors
from share_dist.storage.stores import Store

SEAL = "sha256"
MAKE_AGAIN = "Delete it and run the same command again: it is written anew."

_END = re.compile(rb'"(.{6})": "(.{64})"\s*\}\s*\Z', re.DOTALL)
"""The last member, also when one of its own bytes has changed."""

_BLANK = b"0" * 64
_LINE_END = re.compile(r', ?"(.{5})": ?"(.{8})"\}\Z', re.DOTALL)
"""The same of a line, as json.dumps writes it by default or without spaces."""


def sealed(value: Mapping[str, Any], indent: int | None = 1) -> bytes:
    """Return a JSON object as text with its hash as the last member, ``sha256``."""
    text = json.dumps({**value, SEAL: _BLANK.decode()}, indent=indent).encode()
    start = text.rindex(_BLANK)
    return text[:start] + hashlib.sha256(text).hexdigest().encode() + text[start + len(_BLANK) :]


def is_sealed(data: bytes) -> bool:
    """Whether a file ends like one that was sealed."""
    return _END.search(data) is not None


def unsealed(data: bytes, where: str, remedy: str = MAKE_AGAIN, otherwise: str = "is not JSON") -> Any:
    """Return a JSON value without its hash, which is compared.

    Args:
        data: the file's bytes.
        where: its address, for the message.
        remedy: what to do when it has changed.
        otherwise: what it is when it is not JSON.

    Raises:
        errors.DamagedFile: it has changed since it was written, or is not JSON.
    """
    end = _END.search(data)
    if end is not None:
        whole = data[: end.start(2)] + _BLANK + data[end.end(2) :]
        if end[1] != SEAL.encode() or hashlib.sha256(whole).hexdigest().encode() != end[2]:
            raise errors.DamagedFile(
                f"{where} has changed since it was written: its content does not have the SHA-256 at its end."
                f"\n  {remedy}"
            )
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise errors.DamagedFile(f"{where} {otherwise} ({error}).\n  {remedy}") from error
    if end is not None:
        del value[SEAL]
    return value


def read_sealed(store: Store, key: str, remedy: str = MAKE_AGAIN) -> Any:
    """Return the JSON value of an object; see `unsealed`. FileNotFoundError when there is none."""
    return unsealed(store.read(key), store.uri(key), remedy)


def sealed_line(value: Mapping[str, Any]) -> str:
    """Return a JSON object as one line of a file that grows, with a checksum of its own."""
    text = json.dumps(value)
    return f'{text[:-1]}, "check": "{line_checksum(text)}"}}' if value else text


def unsealed_line(line: str) -> Any:
    """Return the value of such a line without its checksum, which is compared; without one, the value as it is.

    Raises:
        ValueError, RecursionError: the line has changed since it was written, or is not JSON.
    """
    end = _LINE_END.search(line)
    if end is None:
        return json.loads(line)
    text = line[: end.start()] + "}"
    if end[1] != "check" or line_checksum(text) != end[2]:
        raise ValueError("its checksum is another")
    return json.loads(text)


def unsealed_lines(data: bytes, where: str, remedy: str = MAKE_AGAIN) -> list[Any]:
    """Return the values of a file of such lines; where none has a checksum, those of the lines that are JSON.

    Half a line at the end is left out: earlier releases appended, and were killed meanwhile.

    Raises:
        errors.DamagedFile: a line has changed since it was written; the message gives its number.
    """
    *lines, half = data.decode(errors="replace").split("\n")
    # More than half of one where the line's end itself has changed.
    lines += [half] if _LINE_END.search(half[:-1]) else []
    checked, values = any(_LINE_END.search(line) for line in lines), []
    for number, line in enumerate(lines, start=1):
        try:
            if checked and not _LINE_END.search(line):
                raise ValueError("its checksum is missing")
            values.append(unsealed_line(line))
        except (ValueError, RecursionError) as error:
            if checked:
                raise errors.DamagedFile(
                    f"{where} has changed since it was written: line {number} is not what it was ({error}).\n  {remedy}"
                ) from error
    return values


def line_checksum(text: str) -> str:
    """Return the checksum of a line's text as it is without one."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
