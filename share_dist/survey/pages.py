"""The pages of a Parquet file: what each says of its size, held against a block's before any is unpacked.

Only the footer is read by Arrow without unpacking, and a page may say otherwise. Each page begins with a header in
Thrift's compact protocol. Source: Apache Parquet, parquet.thrift.
"""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

_UNPACKED, _PACKED = 2, 3
_COUNT = 1
_KINDS = {5: 2, 7: 2, 8: 4}
"""The parts of a header for data, a dictionary and data of version 2, and where in each its encoding stands."""

_ENCODINGS = {0, 2, 3, 8}
"""Plain, of runs, and by a dictionary; others may say that a few bytes are a thousand million numbers."""

_DEEPEST = 8


def require_small_pages(
    data: bytes, footer: pq.FileMetaData, most_bytes: int, most_text: int, most_values: int
) -> None:
    """Refuse a file with a page that is more than a block has.

    Args:
        data: the file.
        footer: what it says of its columns.
        most_bytes: of all pages, unpacked.
        most_text: of those of texts, of which one that stands once in the file may stand in every row.
        most_values: of each.

    Raises:
        ValueError: there is one, or the pages do not fill their columns.
    """
    unpacked, text = 0, 0
    for group in range(footer.num_row_groups):
        for at in range(footer.num_columns):
            column = footer.row_group(group).column(at)
            start = column.data_page_offset
            if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
                start = column.dictionary_page_offset
            size = _page_bytes(data, start, start + column.total_compressed_size, most_values)
            unpacked += size
            text += size if column.physical_type == "BYTE_ARRAY" else 0
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
        count, encoding = (said[kind].get(_COUNT), said[kind].get(_KINDS[kind])) if kind else (None, None)
        sizes = said.get(_UNPACKED), said.get(_PACKED)
        if not all(isinstance(number, int) and number >= 0 for number in (count, *sizes)):
            raise ValueError("a page without sizes")
        if count > most_values or encoding not in _ENCODINGS:
            raise ValueError(f"a page of {count:,} values in encoding {encoding}, more than a block has or another")
        unpacked += sizes[0]
        start = header.at + sizes[1]
    if start != end:
        raise ValueError("a page that reaches beyond its column")
    return unpacked


class _Header:
    """A reader of Thrift's compact protocol; what lies outside of the bytes is an IndexError."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def struct(self, depth: int) -> dict[int, Any]:
        """Return the fields by their numbers."""
        fields: dict[int, Any] = {}
        number = 0
        if depth > _DEEPEST:
            raise ValueError("a page's header is nested too deeply")
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
        found = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number in a page's header has no end")

    def whole(self) -> int:
        """Return the next number, which may be negative."""
        found = self.count()
        return (found >> 1) ^ -(found & 1)

    def value(self, kind: int, depth: int) -> Any:
        """Return what comes next, of one of Thrift's kinds; what nobody asks for is passed over."""
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
            case 12:
                return self.struct(depth + 1)
            case _:
                raise ValueError("a page's header that Parquet does not know")
