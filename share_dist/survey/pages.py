"""The pages of a Parquet file: what each says of its size, held against a block's before any is unpacked.

Only the footer is read by Arrow without unpacking, and a page may say otherwise. The footer and the header of each page
are in Thrift's compact protocol. Source: Apache Parquet, parquet.thrift.
"""

from __future__ import annotations

from typing import Any

_GROUPS, _CHUNKS, _COLUMN = 4, 1, 3
_TYPE, _COLUMN_PACKED, _DATA_AT, _DICTIONARY_AT = 1, 7, 9, 11
_TEXT = 6
_UNPACKED, _PACKED = 2, 3
_COUNT = 1
_KINDS = {5: 2, 7: 2, 8: 4}
"""The parts of a header for data, a dictionary and data of version 2, and where in each its encoding stands."""

_ENCODINGS = {0, 2, 3, 8}
"""Plain, of runs, and by a dictionary; others may say that a few bytes are a thousand million numbers."""

_DEEPEST = 16


def require_small_pages(data: bytes, most_bytes: int, most_text: int, most_values: int) -> None:
    """Refuse a file with a page that is more than a block has.

    Args:
        data: the file, which Arrow could open.
        most_bytes: of all pages, unpacked.
        most_text: of those of texts, of which one that stands once in the file may stand in every row.
        most_values: of each.

    Raises:
        ValueError, LookupError, TypeError: there is one, or the pages do not fill their columns.
    """
    unpacked, text = 0, 0
    # Not asked of Arrow, which ends the process when what a column's part of the footer says does not fit together.
    footer = _Header(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little")).struct(0)
    for group in footer[_GROUPS]:
        for chunk in group[_CHUNKS]:
            column = chunk[_COLUMN]
            start = column[_DATA_AT]
            if 0 < column.get(_DICTIONARY_AT, 0) < start:
                start = column[_DICTIONARY_AT]
            size = _page_bytes(data, start, start + column[_COLUMN_PACKED], most_values)
            unpacked += size
            text += size if column[_TYPE] == _TEXT else 0
            if unpacked > most_bytes or text > most_text:
                raise ValueError(f"its pages unpack to {unpacked:,} bytes, of which {text:,} are text")


def _page_bytes(data: bytes, start: int, end: int, most_values: int) -> int:
    """Return to how many bytes the pages between two places unpack, as they say themselves."""
    unpacked = 0
    if not 0 <= start <= end <= len(data):
        raise ValueError("a column lies outside of it")
    while start < end:
        header = _Header(data, start)
        said = header.struct(0)
        kind = next((kind for kind in _KINDS if isinstance(said.get(kind), dict)), None)
        if kind is None:
            raise ValueError("a page of no known kind")
        count, page, packed = (
            _size(number) for number in (said[kind].get(_COUNT), said.get(_UNPACKED), said.get(_PACKED))
        )
        encoding = said[kind].get(_KINDS[kind])
        if count > most_values or encoding not in _ENCODINGS:
            raise ValueError(f"a page of {count:,} values in encoding {encoding}, more than a block has or another")
        unpacked += page
        start = header.at + packed
    if start != end:
        raise ValueError("a page that reaches beyond its column")
    return unpacked


def _size(number: Any) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError("a page without sizes")
    return number


class _Header:
    """A reader of Thrift's compact protocol; what lies outside of the bytes is an IndexError."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def struct(self, depth: int) -> dict[int, Any]:
        """Return the fields by their numbers."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.whole()
            fields[number] = self.value(head & 15, depth)
        return fields

    def byte(self) -> int:
        """Return the next byte."""
        self.at += 1
        return self.data[self.at - 1]

    def count(self) -> int:
        """Return the next number, seven bits a byte."""
        found = self.byte()
        if found < 128:
            return found
        found &= 127
        for shift in range(7, 70, 7):
            byte = self.byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number in a header has no end")

    def whole(self) -> int:
        """Return the next number, which may be negative."""
        found = self.count()
        return (found >> 1) ^ -(found & 1)

    def value(self, kind: int, depth: int) -> Any:
        """Return what comes next, of one of Thrift's kinds; what nobody asks for is passed over."""
        if depth > _DEEPEST:
            raise ValueError("a header is nested too deeply")
        match kind:
            case 1 | 2:
                return kind == 1
            case 4 | 5 | 6:
                return self.whole()
            case 3 | 7:
                self.at += 1 if kind == 3 else 8
            case 8:
                length = self.count()
                self.at += length
            case 9 | 10:
                head = self.byte()
                size = self.count() if head >> 4 == 15 else head >> 4
                # In a list, yes and no take a byte each.
                kind = 3 if head & 15 in (1, 2) else head & 15
                return [self.value(kind, depth + 1) for _ in range(size)]
            case 12:
                return self.struct(depth + 1)
            case _:
                raise ValueError("a header that Parquet does not know")
